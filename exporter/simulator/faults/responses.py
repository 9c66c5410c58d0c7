"""Faults of a whole response: an error in place of a page, a body without end, a broken connection."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from email.utils import formatdate

from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)

from exporter.simulator.behaviour import Effect, Fault, Strike

# The ASGI extension that resets a connection: a function without arguments, where the server has one.
RESET = "simulator.reset"

_WAIT = 30  # seconds
_YEAR = 365 * 24 * 3600
_LOGIN_PAGE = "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><form></form></body></html>\n"
_CHUNK = 2**16
_HUGE = 100 * 10**6  # bytes
_BOMB = 2**36  # bytes when decompressed
_BOMB_CHUNK = 2**22
_PLAIN = {"content-encoding": "identity"}  # keeps the middleware from compressing


def error_response(
    status: int, code: str, message: str, field: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error in the documented envelope; the field is the query parameter that is refused, if it is one."""
    error = {"code": code, "details": message, "field": field}
    return JSONResponse({"success": False, "message": message, "error": error}, status, headers)


def _respond(make: Callable[[Strike], Response]) -> Effect:
    async def effect(strike: Strike) -> None:
        await strike.respond(make(strike))

    return effect


def _error(status: int, code: str, message: str, field: str | None = None) -> Effect:
    return _respond(lambda _: error_response(status, code, message, field))


def _limited(retry_after: Callable[[Strike], str]) -> Effect:
    return _respond(
        lambda strike: error_response(
            429, "RATE_LIMIT_EXCEEDED", "Too Many Attempts.", headers={"Retry-After": retry_after(strike)}
        )
    )


def _proxy_error(status: int, title: str) -> Effect:
    """Answer as a proxy in front of a dead backend does."""
    page = f"<html><head><title>{status} {title}</title></head><body><center>nginx</center></body></html>"
    return _respond(lambda _: HTMLResponse(page, status))


async def _reset(strike: Strike) -> None:
    if (page := await strike.page()) is None:
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(page))]
    headers += [(name.encode(), value.encode()) for name, value in _PLAIN.items()]
    await strike.send({"type": "http.response.start", "status": 200, "headers": headers})
    await strike.send({"type": "http.response.body", "body": page[: len(page) // 2], "more_body": True})
    # The server may write at the end of the event loop's turn.
    await asyncio.sleep(0)
    reset = strike.scope.get("extensions", {}).get(RESET)
    if reset is None:
        raise ConnectionResetError("a fault of the simulated API")
    reset()


async def _slow_drip(strike: Strike) -> None:
    if (page := await strike.page()) is None:
        return

    async def drip() -> AsyncIterator[bytes]:
        for position in range(len(page)):
            yield page[position : position + 1]
            await strike.clock.sleep(1.0)

    headers = {**_PLAIN, "content-length": str(len(page))}
    await strike.respond(StreamingResponse(drip(), headers=headers, media_type="application/json"))


async def _no_answer(strike: Strike) -> None:
    while (await strike.receive())["type"] != "http.disconnect":
        pass


async def _huge_page() -> AsyncIterator[bytes]:
    yield b'{"success":true,"data":{"items":[{"number":"'
    for _ in range(_HUGE // _CHUNK):
        yield b"0" * _CHUNK
        await asyncio.sleep(0)  # sending without waiting would leave no turn to others


async def _bomb() -> AsyncIterator[bytes]:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield compressor.compress(b" " * _CHUNK) + compressor.flush(zlib.Z_FULL_FLUSH)
    # After a full flush nothing refers to what came before, so the same bytes may follow again and again.
    chunk = compressor.compress(b" " * _BOMB_CHUNK) + compressor.flush(zlib.Z_FULL_FLUSH)
    for _ in range(_BOMB // _BOMB_CHUNK):
        yield chunk
        await asyncio.sleep(0)


def _stream(body: Callable[[], AsyncIterator[bytes]], headers: Mapping[str, str]) -> Effect:
    """Send a body until it ends, or the client disconnects."""
    return _respond(lambda _: StreamingResponse(body(), headers=headers, media_type="application/json"))


FAULTS = (
    Fault("unauthorized", "401 with the error envelope", _error(401, "INVALID_AUTH_TOKEN", "The token is revoked.")),
    Fault("unauthorized-bare", "401 with a plain text", _respond(lambda _: PlainTextResponse("Unauthorized", 401))),
    Fault("forbidden", "403", _error(403, "FORBIDDEN", "This action is unauthorized.")),
    Fault("not-found", "404", _error(404, "NOT_FOUND", "There is no such path.")),
    Fault(
        "unprocessable",
        "422 on per_page",
        _error(422, "VALIDATION_ERROR", "The per_page parameter must not be greater than 50.", "per_page"),
    ),
    Fault("rate-limited", f"429, Retry-After in seconds: {_WAIT}", _limited(lambda _: str(_WAIT))),
    Fault(
        "rate-limited-date",
        f"429, Retry-After as a date, {_WAIT} seconds away",
        _limited(lambda strike: formatdate(strike.clock.time() + _WAIT, usegmt=True)),
    ),
    Fault("rate-limited-year", "429, Retry-After of a year", _limited(lambda _: str(_YEAR))),
    Fault("rate-limited-negative", "429, a negative Retry-After", _limited(lambda _: "-30")),
    Fault("rate-limited-bare", "429 without Retry-After", _error(429, "RATE_LIMIT_EXCEEDED", "Too Many Attempts.")),
    Fault("error-500", "500 with only a message", _respond(lambda _: JSONResponse({"message": "Server Error"}, 500))),
    Fault("error-502", "502 with a proxy's page", _proxy_error(502, "Bad Gateway")),
    Fault("error-503", "503 with a proxy's page", _proxy_error(503, "Service Unavailable")),
    Fault("login-redirect", "302 to a login page", _respond(lambda _: RedirectResponse("/login?next=trunks", 302))),
    Fault("html", "200 with a login page", _respond(lambda _: HTMLResponse(_LOGIN_PAGE))),
    Fault(
        "success-false", "200 with success: false", _error(200, "INTERNAL_ERROR", "The numbers could not be listed.")
    ),
    Fault("empty-body", "200 with nothing", _respond(lambda _: Response(media_type="application/json"))),
    Fault("reset", "a connection reset in the middle of the body", _reset),
    Fault("slow-drip", "a body that comes at a byte a second", _slow_drip),
    Fault("no-answer", "a connection that is accepted and never answered", _no_answer),
    Fault(
        "gzip-bomb",
        f"{_BOMB // 2**30} GiB of blanks, compressed a thousandfold",
        _stream(_bomb, {"content-encoding": "gzip"}),
    ),
    Fault("huge-page", f"a page of {_HUGE // 10**6} MB", _stream(_huge_page, _PLAIN)),
)
