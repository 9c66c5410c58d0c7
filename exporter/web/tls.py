"""How connections are encrypted, with certificates as their files hold them now, without a restart."""

import asyncio
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from exporter.config.certificates import digest

_PATIENCE = 2.0  # seconds that a connection waits for the files to be read

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTLS:
    """How connections are encrypted, and which clients are let in by certificate.

    Attributes:
        cert_file: the certificate that is shown, followed by those that lead to its authority.
        key_file: its private key.
        client_ca_file: the authorities whose clients are let in; None asks for no certificate.
        client_certificates: whether a client needs a certificate.
        min_version: the oldest protocol spoken.
        max_version: the newest.
        ciphers: the suites of TLS 1.2, by OpenSSL's names; empty for Python's choice.
        prefer_server_ciphers: whether our order of suites counts, not the client's.
    """

    cert_file: Path
    key_file: Path = field(repr=False)
    client_ca_file: Path | None = None
    client_certificates: ssl.VerifyMode = ssl.CERT_NONE
    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    max_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: tuple[str, ...] = ()
    prefer_server_ciphers: bool = True

    @property
    def files(self) -> Mapping[str, Path]:
        """The files that a context is made from, by their keys in the configuration."""
        files = {"cert_file": self.cert_file, "key_file": self.key_file, "client_ca_file": self.client_ca_file}
        return {key: file for key, file in files.items() if file is not None}

    def context(self) -> ssl.SSLContext:
        """Make the context for these settings and what the files hold now.

        Raises:
            OSError: a file cannot be read, or does not hold what it should (ssl.SSLError is one).
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self.min_version
        context.maximum_version = self.max_version
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_RENEGOTIATION
        if not self.prefer_server_ciphers:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        if self.ciphers:
            context.set_ciphers(":".join(self.ciphers))
        # A password, even an empty one, keeps OpenSSL from asking for it on the terminal.
        context.load_cert_chain(self.cert_file, self.key_file, password="")
        if self.client_ca_file is not None:
            context.load_verify_locations(self.client_ca_file)
            # An authority that another one signed is trusted for what it is, as Go does.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            # Private authorities often have no keyUsage, or basicConstraints that are not critical: Python 3.13
            # refuses them where it chooses the flags.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.verify_mode = self.client_certificates
        return context


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
        self._follow(tls, digest(tls.files))

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
