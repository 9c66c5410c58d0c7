"""An API and a proxy that repeat what they were sent, each in every place where something of it might be shown."""

import json
from collections.abc import Callable, Mapping

from support.heads import answer, header
from support.marks import PROXY_PASSWORD
from support.trunks import page


def _envelope(said: str) -> bytes:
    # The second time it stands where messages are cut.
    return json.dumps({"error": {"code": said, "message": f"{'x' * 150} {said}", "details": said}}).encode()


def _refusing(code: int) -> Callable[[str], bytes]:
    return lambda token: answer(f"{code} No", _envelope(token))


ECHOES: Mapping[str, Callable[[str], bytes]] = {
    **{f"status-{code}": _refusing(code) for code in (400, 401, 403, 404, 422, 429, 500)},
    "redirect": lambda token: answer("302 Found", Location=f"http://{token}.test/{token}?token={token}"),
    "html": lambda token: answer("200 OK", f"{token}<html>".encode()),
    "no-success": lambda token: answer("200 OK", json.dumps({"success": False, "message": token}).encode()),
    "encoding": lambda token: answer("200 OK", b"{}", Content_Encoding=token),
    "key": lambda token: answer("200 OK", json.dumps({token: {"data": token}}).encode()),
    "total": lambda token: answer("200 OK", page([], total=0).replace(b'"total": 0', f'"total": "{token}"'.encode())),
    "reason": lambda token: answer(f"401 {token}"),
    "length": lambda token: f"HTTP/1.1 200 OK\r\nContent-Length: {token}\r\n\r\n".encode(),
    "header": lambda token: f"HTTP/1.1 200 OK\r\n{token}\r\n\r\n".encode(),
    "status-line": lambda token: f"{token} 200 OK\r\n\r\n".encode(),
}
"""What the API makes of the token, by the first part of the path."""


def echo(head: str) -> bytes:
    """Answer as the API."""
    name = head.split("/")[1]
    return ECHOES[name](header(head, "authorization").split()[-1])


def refuse_proxying(head: str) -> bytes:
    """Refuse as a proxy does that wants to be logged in to."""
    sent = header(head, "proxy-authorization").split()[-1]
    return answer(f"407 {sent}", _envelope(f"{sent} {PROXY_PASSWORD}"))
