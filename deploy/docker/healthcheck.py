"""Asks the exporter in this container whether it is healthy: exits 0 if it is, 1 if not, and says why.

Flags and variables are read as the exporter reads them: the variables are the container's, the flags those of the
process with the number that is given, by default the container's first.
"""
# ruff: noqa: INP001 - a script, not a package

import http.client
import ssl
import sys
from pathlib import Path

import click

from exporter.cli import main as command_line
from exporter.cli import web_settings
from exporter.config.problems import ConfigError
from exporter.web.listening import ListenAddress
from exporter.web.settings import WebSettings

_PROGRAM = "mihu-trunk-exporter"
_TIMEOUT = 3.0  # seconds; less than the image's own
_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked for, not listened on


def check(web: WebSettings) -> tuple[str, bool]:
    """Ask once; return what to say, and whether the exporter is healthy."""
    address = web.listen_addresses[0]
    # What the file says now may wait for a restart, so both are tried.
    connections = [_encrypted(address), _plain(address)] if web.config_file else [_plain(address)]
    for connection in connections:
        try:
            connection.request("GET", f"{web.route_prefix}/-/healthy")
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace").strip()
        except (OSError, http.client.HTTPException) as error:
            reason = str(error)
            if isinstance(error, TimeoutError | ConnectionRefusedError):
                break
        else:
            reason = f"{answer.status} {body}"
            if answer.status != http.HTTPStatus.BAD_REQUEST:  # which plain HTTP gets where TLS is spoken
                return reason, answer.status == http.HTTPStatus.OK
    else:
        if _needs_certificate(web):
            return f"{address} lives; it hangs up on us, since it lets in only clients with a certificate", True
    return f"{address} does not answer: {reason}", False


def _plain(address: ListenAddress) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(_LOOPBACK.get(address.host, address.host), address.port, timeout=_TIMEOUT)


def _encrypted(address: ListenAddress) -> http.client.HTTPSConnection:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The certificate is for the name by which others come; nothing secret is sent or read here.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(
        _LOOPBACK.get(address.host, address.host), address.port, timeout=_TIMEOUT, context=context
    )


def _needs_certificate(web: WebSettings) -> bool:
    try:
        tls = web.load_config().tls
    except ConfigError:
        return False
    return tls is not None and tls.client_auth_type == "RequireAndVerifyClientCert"


def flags_of(process: str) -> list[str]:
    """Return what follows the exporter's name on the command line of a process; nothing where that cannot be read."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")[:-1]
    except OSError:
        return []
    names = [Path(word).name for word in words]
    return words[names.index(_PROGRAM) + 1 :] if _PROGRAM in names else []


if __name__ == "__main__":
    try:
        flags = command_line.make_context("healthcheck", flags_of(*(sys.argv[1:] or ["1"]))).params
    except click.ClickException as error:
        sys.exit(error.format_message())
    said, is_healthy = check(web_settings(flags))
    click.echo(said)
    sys.exit(not is_healthy)
