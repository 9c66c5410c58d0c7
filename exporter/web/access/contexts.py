"""Certificates as their files hold them now, without a restart."""

import hashlib
import ssl

import structlog

from exporter.web.access.settings import ServerTLS

_log = structlog.get_logger()


class Contexts:
    """Gives each connection a context made from what the files hold when it begins.

    A changed file makes a whole new context, so that an authority that was removed is not trusted by what is left
    of the old one, such as its session tickets. A rotation writes several files one after the other: until they fit
    together, the context before stays.

    Raises:
        OSError: at first there must be something to begin with.
    """

    def __init__(self, tls: ServerTLS) -> None:
        self._tls = tls
        self._seen = self._digest()
        self._context = tls.context()

    def follow(self, tls: ServerTLS) -> None:
        """Make the contexts of new connections by other settings."""
        if tls != self._tls:
            self._tls = tls
            self._seen = b""

    def current(self) -> ssl.SSLContext:
        """Return the context for a new connection."""
        try:
            seen = self._digest()
        except OSError as error:
            self._keep(str(error), str(error).encode())
            return self._context
        if seen != self._seen:
            self._renew(seen)
        return self._context

    def _renew(self, seen: bytes) -> None:
        try:
            self._context = self._tls.context()
        except OSError as error:
            self._keep(str(error), seen)
            return
        self._seen = seen
        _log.info("certificates read anew", cert_file=str(self._tls.cert_file))

    def _keep(self, reason: str, seen: bytes) -> None:
        # What was seen is noted, so that it is said once, and not for each connection.
        if seen != self._seen:
            self._seen = seen
            _log.warning("changed certificates cannot be used; the ones in force stay", error=reason)

    def _digest(self) -> bytes:
        digest = hashlib.sha256()
        for key, file in self._tls.files.items():
            try:
                content = file.read_bytes()
            except OSError as error:
                # Where the private key lies is nothing for the log.
                raise OSError(f"{key} cannot be read ({error.strerror})") from error
            digest.update(hashlib.sha256(content).digest())
        return digest.digest()
