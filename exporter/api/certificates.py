"""The TLS context of a workspace's connections, as its files have it now, without a restart."""

import asyncio
import ssl
from concurrent.futures import Future
from weakref import WeakValueDictionary

import structlog

from exporter.api.errors import ApiError, Reason
from exporter.clock import Clock
from exporter.config.certificates import digest
from exporter.config.files import open_files_remedy
from exporter.config.settings import TLS
from exporter.event_loop import start_thread

_PATIENCE = 6.0  # seconds for the context to be made; the read of a file has five of them
_HUNG = "its files cannot be read in time"

_log = structlog.get_logger()

# Shared by the workspaces that want the same: loading the public authorities takes longer than a page.
_contexts: WeakValueDictionary[tuple[TLS, bytes], ssl.SSLContext] = WeakValueDictionary()


class Certificates:
    """Follows the files that a workspace's ``tls_config`` names.

    A changed file makes a whole new context. A rotation writes several files one after the other: until they fit
    together, the context before stays.
    """

    def __init__(self, workspace: str, tls: TLS, clock: Clock) -> None:
        self._workspace = workspace
        self._tls = tls
        self._clock = clock
        self._seen = b""
        self._warned = ""
        self._look: Future[tuple[bytes, ssl.SSLContext]] | None = None
        # Until the files have been read, nobody is trusted.
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if tls.files else _context(tls, b"")

    async def look(self) -> bool:
        """Look at the files, and tell whether that made another context.

        Raises:
            ApiError: there is no context yet.
        """
        if not self._tls.files:
            return False
        try:
            seen, context = await self._read()
        except OSError as error:
            self._keep(error)
            return False
        if seen == self._seen:
            return False
        if self._seen:
            _log.info("certificates read anew", workspace=self._workspace)
        self._seen, self.context, self._warned = seen, context, ""
        return True

    async def _read(self) -> tuple[bytes, ssl.SSLContext]:
        """Read the files off the event loop, which a file that hangs would stop."""
        if self._look is not None and not self._look.done():
            raise TimeoutError(None, _HUNG)  # since an earlier poll
        self._look = start_thread(self._make)
        try:
            async with self._clock.timeout_at(self._clock.monotonic() + _PATIENCE):
                return await asyncio.wrap_future(self._look)
        except TimeoutError as error:
            raise TimeoutError(None, _HUNG) from error

    def _make(self) -> tuple[bytes, ssl.SSLContext]:
        seen = digest(self._tls.files)
        return seen, self.context if seen == self._seen else _context(self._tls, seen)

    def _keep(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        if not self._seen:
            remedy = open_files_remedy(error)
            raise ApiError(Reason.CONNECTION if remedy else Reason.TLS, f"tls_config: {reason}", remedy) from error
        if reason != self._warned:
            self._warned = reason
            _log.warning(
                "changed certificates cannot be used; the ones in force stay", workspace=self._workspace, error=reason
            )


def _context(tls: TLS, seen: bytes) -> ssl.SSLContext:
    context = _contexts.get((tls, seen))
    if context is None:
        context = _contexts[tls, seen] = tls.context()
    return context
