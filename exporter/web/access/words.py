"""Values of the web configuration that a plain type does not describe, by the names that Go gives them."""

import ssl
from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import PlainValidator
from pydantic_core import PydanticKnownError

from exporter.config.problems import did_you_mean, one_of, quoted
from exporter.config.values import expected

V = TypeVar("V")

_NOT_VERIFIED = "lets in every certificate, whoever signed it, which Python's ssl cannot do"
_BROKEN = "is broken, and not supported"

_CLIENT_AUTH_TYPES = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_REFUSED_CLIENT_AUTH_TYPES = dict.fromkeys(
    ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"),
    f"{_NOT_VERIFIED}; write RequireAndVerifyClientCert",
)
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_REFUSED_VERSIONS = dict.fromkeys(("TLS10", "TLS11"), f"{_BROKEN}; write {one_of(tuple(_VERSIONS))}")
_CIPHERS = {
    # Those of TLS 1.3 have no name here: they cannot be chosen in Go either.
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


def _chosen(value: object, choices: Mapping[str, V], refused: Mapping[str, str]) -> V:
    if not isinstance(value, str):
        raise expected(one_of(tuple(choices)))
    if value in refused:
        raise ValueError(f"{value} {refused[value]}")
    if value not in choices:
        raise ValueError(
            f"should be {one_of(tuple(choices))}, but is {quoted(value)}{did_you_mean(value, tuple(choices))}"
        )
    return choices[value]


def _read_client_auth_type(value: object) -> ssl.VerifyMode:
    return _chosen(value, _CLIENT_AUTH_TYPES, _REFUSED_CLIENT_AUTH_TYPES)


def _read_version(value: object) -> ssl.TLSVersion:
    return _chosen(value, _VERSIONS, _REFUSED_VERSIONS)


def _read_cipher(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    if value not in _CIPHERS:
        advice = did_you_mean(value, _CIPHERS) or "; name one of Go's crypto/tls.CipherSuites()"
        raise ValueError(f"{quoted(value)} is not a cipher suite, or not a safe one{advice}")
    return _chosen(value, _CIPHERS, {})


def _read_http2(value: object) -> bool:
    if not isinstance(value, bool):
        raise expected("false")
    if value:
        raise ValueError("is not supported: the exporter speaks HTTP/1.1; write false, or remove the key")
    return value


def _read_header(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    if not value or not value.isascii() or not value.isprintable():
        raise ValueError("should be a line of ASCII characters, and not empty")
    return value.strip()


ClientAuthType = Annotated[ssl.VerifyMode, PlainValidator(_read_client_auth_type)]
Version = Annotated[ssl.TLSVersion, PlainValidator(_read_version)]
Cipher = Annotated[str, PlainValidator(_read_cipher)]
HTTP2 = Annotated[bool, PlainValidator(_read_http2)]
HeaderText = Annotated[str, PlainValidator(_read_header)]
