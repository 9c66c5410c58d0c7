"""The web configuration in force: resolved, validated, immutable.

Only :mod:`exporter.web.access.loading` makes a WebConfig from a file.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """A web configuration that has passed every check; as it is made, nobody is kept out.

    Attributes:
        tls: None for plain HTTP.
        users: the bcrypt hash of each user's password; empty lets everyone in.
        headers: sent with every answer, in the place of the exporter's own.
        warnings: what is allowed but deserves a line in the log.
    """

    tls: ServerTLS | None = None
    users: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = ()
