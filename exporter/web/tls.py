"""TLS contexts that follow the files of certificates, without a restart."""

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor

import structlog

from exporter.config.certificates import digest
from exporter.web.config import ServerTLS

_PATIENCE = 2.0  # seconds; a connection waits no longer for the files

_log = structlog.get_logger()


class Certificates:
    """Makes the context of a new connection from the current content of the files.

    Each change makes a new context. ``sni_callback`` would not do: replacing the context of a handshake replaces the
    certificate, and keeps the old versions and the old requirement of a client certificate. Earlier session tickets
    are not accepted either, so an authority that was removed is not trusted any more.

    A rotation writes several files one after the other: until they fit together, the previous context stays. It also
    stays while the files cannot be read, as on a mount that hangs: a thread reads them, and a connection waits for it
    for a short time only.

    Raises:
        OSError: the files cannot be used at the start.
    """

    def __init__(self, tls: ServerTLS) -> None:
        self._context = tls.context()
        self._follow(tls, digest(tls.files))

    def follow(self, tls: ServerTLS) -> None:
        """Use other settings for new connections."""
        if tls != self._tls:
            self._follow(tls, b"")

    def _follow(self, tls: ServerTLS, seen: bytes) -> None:
        self._tls = tls
        self._seen = seen  # digest of the files, or the reason why they cannot be read
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="certificates")
        self._reading: asyncio.Future[None] | None = None
        self._hangs = False

    async def current(self) -> ssl.SSLContext:
        reading = self._reading
        if reading is None or reading.done():
            reading = self._reading = asyncio.get_running_loop().run_in_executor(self._thread, self._read, self._tls)
        await asyncio.wait([reading], timeout=0 if self._hangs else _PATIENCE)
        if not reading.done() and not self._hangs:
            self._hangs = True
            _log.warning("certificates are not read within %gs; the ones in force stay", _PATIENCE)
        return self._context

    def _read(self, tls: ServerTLS) -> None:
        """Read the files, in a thread; the outcome is dropped if the settings have changed meanwhile."""
        seen = b""
        try:
            seen = digest(tls.files)
            context = None if seen == self._seen else tls.context()
        except OSError as error:
            reason = error.strerror or str(error)
            seen = seen or reason.encode()
            # Logged once, not for each connection.
            if tls is self._tls and seen != self._seen:
                self._seen = seen
                _log.warning("changed certificates cannot be used; the ones in force stay", error=reason)
            return
        if tls is self._tls:
            self._hangs = False
        if tls is self._tls and context is not None:
            self._seen, self._context = seen, context
            _log.info("certificates reloaded", cert_file=str(tls.cert_file))
