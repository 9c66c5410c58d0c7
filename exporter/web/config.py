"""The web configuration file, in the format of Prometheus's exporter-toolkit."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, PlainValidator, StrictBool

from exporter.config.certificates import CertificateSection, check_files
from exporter.config.files import read_yaml
from exporter.config.problems import Place, did_you_mean, quoted
from exporter.config.validation import Section, key, read_document
from exporter.config.values import File
from exporter.web.handshake import ServerContext

_MISSING = "there is no such file; name another with --web.config.file, or leave that out"
# Two bits of the salt's last character count: with any but these four bcrypt raises an error at each request.
_HASH = re.compile(r"\$2[aby]\$(?P<cost>0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_HASH_ADVICE = "htpasswd -nBC 10 NAME prints it after the colon"
_MAX_COST = 14  # about 2 seconds for a check

ClientAuthType = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
Version = Literal["TLS12", "TLS13"]
_VERIFY_MODES: dict[ClientAuthType, ssl.VerifyMode] = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_VERSIONS: dict[Version, ssl.TLSVersion] = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
# Go's names of suites, and OpenSSL's; those of TLS 1.3 have none here: they cannot be chosen in Go either.
_CIPHERS = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}


def _cipher(value: str) -> str:
    if value not in _CIPHERS:
        advice = did_you_mean(value, _CIPHERS) or "; name one of Go's crypto/tls.CipherSuites()"
        raise ValueError(f"{quoted(value)} is not a cipher suite, or not a safe one{advice}")
    return _CIPHERS[value]


def _http1(value: bool) -> bool:  # noqa: FBT001 - pydantic's signature
    if value:
        raise ValueError("is not supported: the exporter speaks HTTP/1.1; write false, or remove the key")
    return value


def _header(value: str) -> str:
    value = value.strip()  # a text that is folded, after >, ends in a line break
    if not value or not value.isascii() or not value.isprintable():
        raise ValueError("should be a line of ASCII characters, and not empty")
    return value


def _user(value: object) -> str:
    if not isinstance(value, str) or not value or ":" in value or not value.isprintable():
        raise ValueError(
            'has a name that is no text, empty, or holds ":" or an invisible character; put a number in quotes'
        )
    return value


def _hash(value: object) -> bytes:
    if value is None:  # to YAML, {password} is a name without a hash
        raise ValueError(f"has a name without a hash; write NAME: HASH, {_HASH_ADVICE}")
    match = _HASH.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"should be a bcrypt hash, such as $2y$10$...; {_HASH_ADVICE}")
    if int(match["cost"]) > _MAX_COST:
        raise ValueError(
            f"has cost {match['cost']}, so that checking a password takes too long; hash it again with cost 10"
        )
    return match[0].encode()


_User = Annotated[str, PlainValidator(_user)]
_Hash = Annotated[bytes, PlainValidator(_hash)]
_Cipher = Annotated[str, AfterValidator(_cipher)]  # OpenSSL's name, empty for those of TLS 1.3
_Header = Annotated[str, AfterValidator(_header)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTLS(CertificateSection):
    """The section ``tls_server_config``; a checked one has a certificate and its key."""

    cert_file: File | None = None
    key_file: File | None = field(default=None, repr=False)
    client_auth_type: ClientAuthType = "NoClientCert"
    client_ca_file: File | None = None
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: tuple[_Cipher, ...] = ()
    prefer_server_cipher_suites: StrictBool = True

    def context(self) -> ssl.SSLContext:
        context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = _VERSIONS[self.min_version]
        context.maximum_version = _VERSIONS[self.max_version]
        context.set_alpn_protocols(["http/1.1"])
        context.options |= ssl.OP_NO_RENEGOTIATION
        if not self.prefer_server_cipher_suites:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        if any(self.cipher_suites):
            context.set_ciphers(":".join(filter(None, self.cipher_suites)))
        # A password, even an empty one, keeps OpenSSL from asking for it on the terminal.
        context.load_cert_chain(self.files["cert_file"], self.files["key_file"], password="")
        if self.client_ca_file is not None:
            context.load_verify_locations(self.client_ca_file)
            # Trust an intermediate authority without its root, as Go does.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            # Private authorities often have no keyUsage, or basicConstraints that are not critical: Python 3.13
            # refuses them where it chooses the flags.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.verify_mode = _VERIFY_MODES[self.client_auth_type]
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class _Headers(Section):
    content_security_policy: _Header | None = key(default=None, alias="Content-Security-Policy")
    frame_options: Literal["deny", "sameorigin"] | None = key(default=None, alias="X-Frame-Options")
    content_type_options: Literal["nosniff"] | None = key(default=None, alias="X-Content-Type-Options")
    xss_protection: _Header | None = key(default=None, alias="X-XSS-Protection")
    strict_transport_security: _Header | None = key(default=None, alias="Strict-Transport-Security")


@dataclass(frozen=True, slots=True, kw_only=True)
class _HTTPServer(Section):
    http2: Annotated[StrictBool, AfterValidator(_http1)] = False
    headers: _Headers = field(default_factory=_Headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document(Section):
    tls_server_config: ServerTLS | None = None
    http_server_config: _HTTPServer = field(default_factory=_HTTPServer)
    basic_auth_users: dict[_User, _Hash] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """A valid web configuration; the default is plain HTTP without passwords."""

    tls: ServerTLS | None = None
    users: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # the bcrypt hash of each one's password
    headers: Mapping[str, str] = field(default_factory=dict)  # of every answer, in the place of the exporter's own
    warnings: tuple[str, ...] = ()  # for the log


def load_web_config(path: Path) -> WebConfig:
    """Read and check a web configuration; a ConfigError has all its problems."""
    place = Place(str(path))
    value = read_yaml(place, _MISSING)
    if value is None:
        place.warning("is empty, so that anyone can connect, without a password and unencrypted")
        return WebConfig(warnings=tuple(place.findings.warnings))
    document = read_document(_Document, value, place).section
    tls = document.tls_server_config
    if tls is not None:
        _check_tls(tls, place.key("tls_server_config"))
    if place.findings.problems:
        raise place.findings.error()
    users = document.basic_auth_users
    if users and tls is None:
        place.warning("passwords are sent unencrypted; add tls_server_config, or let a proxy encrypt")
    headers = _Headers.adapter().dump_python(document.http_server_config.headers, by_alias=True, exclude_none=True)
    return WebConfig(tls=tls, users=users, headers=headers, warnings=tuple(place.findings.warnings))


def _check_tls(tls: ServerTLS, place: Place) -> None:
    if tls.cert_file is None and tls.key_file is None:
        place.problem("names no certificate; write cert_file and key_file, or remove the section")
    at = place.key("client_ca_file")
    verifies = tls.client_auth_type != "NoClientCert"
    if verifies and tls.client_ca_file is None:
        at.problem("is missing; client_auth_type needs the certificates of the clients' authority")
    if not verifies and tls.client_ca_file is not None:
        at.problem(
            "is checked only with client_auth_type: RequireAndVerifyClientCert; write that, or remove client_ca_file"
        )
    if tls.cipher_suites and not any(tls.cipher_suites) and tls.min_version != "TLS13":
        place.key("cipher_suites").problem(
            "has only suites of TLS 1.3, which are always enabled; add one of TLS 1.2, or write min_version: TLS13"
        )
    if tls.min_version > tls.max_version:
        place.key("max_version").problem("is older than min_version; no client could connect")
    check_files(tls, place)
