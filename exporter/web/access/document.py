"""The web configuration as it is written, in the format of Prometheus's exporter-toolkit."""

from typing import Annotated, Any, Literal

import msgspec

from exporter.config.leaves import PathText, Sensitive
from exporter.web.access.words import HTTP2, Cipher, ClientAuthType, HeaderText, Version

_HEADER_NAMES = {
    "content_security_policy": "Content-Security-Policy",
    "frame_options": "X-Frame-Options",
    "content_type_options": "X-Content-Type-Options",
    "xss_protection": "X-XSS-Protection",
    "strict_transport_security": "Strict-Transport-Security",
}


class TLSServerDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate that is shown, and those that are asked for."""

    cert_file: PathText | None = None
    key_file: PathText | None = None
    client_auth_type: ClientAuthType | None = None
    client_ca_file: PathText | None = None
    min_version: Version | None = None
    max_version: Version | None = None
    cipher_suites: tuple[Cipher, ...] | None = None
    prefer_server_cipher_suites: bool | None = None


class HeadersDocument(msgspec.Struct, frozen=True, kw_only=True, rename=_HEADER_NAMES):
    """Headers of every answer."""

    content_security_policy: HeaderText | None = None
    frame_options: Literal["deny", "sameorigin"] | None = None
    content_type_options: Literal["nosniff"] | None = None
    xss_protection: HeaderText | None = None
    strict_transport_security: HeaderText | None = None


class HTTPServerDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How HTTP is spoken."""

    http2: HTTP2 | None = None
    headers: HeadersDocument | None = None


class WebDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file."""

    tls_server_config: TLSServerDocument | None = None
    http_server_config: HTTPServerDocument | None = None
    basic_auth_users: Annotated[Any, Sensitive()] = None  # by names of their own, so read one by one
