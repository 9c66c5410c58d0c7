"""TLS handshakes that tell the client why they fail, which the event loops do not."""

import ssl
from typing import Any

import structlog

_TEXT = b"Client sent an HTTP request to an HTTPS server.\n"
_ANSWER = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(_TEXT), _TEXT)

_log = structlog.get_logger()


class _Handshake(ssl.SSLObject):
    """Leaves a connection open for its client to read the alert; the client closes it, or the server's limit does."""

    outgoing: ssl.MemoryBIO
    _error: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        if self._error is not None:
            raise self._error
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError as error:
            if error.reason == "HTTP_REQUEST":
                self.outgoing.write(_ANSWER)
            if not self.outgoing.pending:
                raise
            _log.debug("a TLS handshake failed", error=str(error))
            self._error = error
            raise ssl.SSLWantReadError from error  # an event loop sends what is pending only where a handshake goes on


class ServerContext(ssl.SSLContext):
    sslobject_class = _Handshake

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **settings: Any) -> ssl.SSLObject:  # noqa: ANN401 - as the base's
        handshake = super().wrap_bio(incoming, outgoing, *args, **settings)
        handshake.outgoing = outgoing  # type: ignore[attr-defined]  # it is of the class above
        return handshake
