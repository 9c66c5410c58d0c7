"""Certificates as their files hold them now, without a restart."""

import asyncio
import ssl

import structlog

from exporter import threads
from exporter.config.certificates import digest
from exporter.web.config import ServerTLS

_PATIENCE = 2.0  # seconds that a connection waits for the files to be read

_log = structlog.get_logger()


class Certificates:
    """Gives each connection a context made from what the files hold when it begins.

    A changed file makes a whole new context, which ``sni_callback`` could not put in the place of the old one: that
    swaps the certificate, and keeps what decides on clients and versions. An authority that was removed is not trusted
    by session tickets of before either. A rotation writes several files one after the other: until they fit together,
    the context before stays. So it does while the files hang, as on a mount that has gone: they are read in a thread,
    for which nobody waits long.

    Raises:
        OSError: at first there must be something to begin with.
    """

    def __init__(self, tls: ServerTLS) -> None:
        self._context = tls.context()
        self._follow(tls, digest(tls.files))

    def follow(self, tls: ServerTLS) -> None:
        """Make the contexts of new connections by other settings."""
        if tls != self._tls:
            self._follow(tls, b"")

    def _follow(self, tls: ServerTLS, seen: bytes) -> None:
        self._tls = tls
        self._seen = seen  # the digest of the files, or why they could not be read
        self._reading: asyncio.Future[None] | None = None
        self._hangs = False

    async def current(self) -> ssl.SSLContext:
        """Return the context for a new connection."""
        reading, tls = self._reading, self._tls
        if reading is None or reading.done():
            reading = self._reading = asyncio.wrap_future(threads.start(lambda: self._read(tls)))
        await asyncio.wait([reading], timeout=0 if self._hangs else _PATIENCE)
        if not reading.done() and not self._hangs:
            self._hangs = True
            _log.warning("certificates are not read within %gs; the ones in force stay", _PATIENCE)
        return self._context

    def _read(self, tls: ServerTLS) -> None:
        """Look at the files, in a thread; what came of it counts unless there are other settings by now."""
        seen = b""
        try:
            seen = digest(tls.files)
            context = None if seen == self._seen else tls.context()
        except OSError as error:
            reason = error.strerror or str(error)
            seen = seen or reason.encode()
            # What was seen is noted, so that it is said once, and not for each connection.
            if tls is self._tls and seen != self._seen:
                self._seen = seen
                _log.warning("changed certificates cannot be used; the ones in force stay", error=reason)
            return
        if tls is self._tls:
            self._hangs = False
        if tls is self._tls and context is not None:
            self._seen, self._context = seen, context
            _log.info("certificates read anew", cert_file=str(tls.cert_file))
