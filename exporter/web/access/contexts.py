"""Certificates as their files hold them now, without a restart."""

import asyncio
import hashlib
import ssl
from concurrent.futures import ThreadPoolExecutor

import structlog

from exporter.web.access.settings import ServerTLS

_PATIENCE = 2.0  # seconds that a connection waits for the files to be read
_MOST = 2**24  # bytes of a file

_log = structlog.get_logger()


class Contexts:
    """Gives each connection a context made from what the files hold when it begins.

    A changed file makes a whole new context, so that an authority that was removed is not trusted by what is left
    of the old one, such as its session tickets. A rotation writes several files one after the other: until they fit
    together, the context before stays. So it does while the files hang, as on a mount that has gone: they are read in
    a thread, for which nobody waits long.

    Raises:
        OSError: at first there must be something to begin with.
    """

    def __init__(self, tls: ServerTLS) -> None:
        self._context = tls.context()
        self._follow(tls, _digest(tls))

    def follow(self, tls: ServerTLS) -> None:
        """Make the contexts of new connections by other settings."""
        if tls != self._tls:
            self._follow(tls, b"")

    def _follow(self, tls: ServerTLS, seen: bytes) -> None:
        self._tls = tls
        self._seen = seen
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="certificates")
        self._reading: asyncio.Future[None] | None = None
        self._hangs = False

    async def current(self) -> ssl.SSLContext:
        """Return the context for a new connection."""
        reading = self._reading
        if reading is None or reading.done():
            self._hangs = False
            reading = self._reading = asyncio.get_running_loop().run_in_executor(self._thread, self._read, self._tls)
        await asyncio.wait([reading], timeout=0 if self._hangs else _PATIENCE)
        if not reading.done() and not self._hangs:
            self._hangs = True
            _log.warning("certificates are not read within %gs; the ones in force stay", _PATIENCE)
        return self._context

    def _read(self, tls: ServerTLS) -> None:
        """Look at the files, in the thread; what came of it counts unless there are other settings by now."""
        seen = b""
        try:
            seen = _digest(tls)
            context = None if seen == self._seen else tls.context()
        except OSError as error:
            seen = seen or str(error).encode()
            # What was seen is noted, so that it is said once, and not for each connection.
            if tls is self._tls and seen != self._seen:
                self._seen = seen
                _log.warning("changed certificates cannot be used; the ones in force stay", error=str(error))
            return
        if tls is self._tls and context is not None:
            self._seen, self._context = seen, context
            _log.info("certificates read anew", cert_file=str(tls.cert_file))


def _digest(tls: ServerTLS) -> bytes:
    digest = hashlib.sha256()
    for key, path in tls.files.items():
        try:
            with path.open("rb") as file:
                content = file.read(_MOST)
        except OSError as error:
            # Where the private key lies is nothing for the log.
            raise OSError(f"{key} cannot be read ({error.strerror})") from error
        digest.update(hashlib.sha256(content).digest())
    return digest.digest()
