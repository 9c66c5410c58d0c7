"""The web configuration as it is written, in the format of Prometheus's exporter-toolkit."""

import ssl
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from exporter.config.validation import Section
from exporter.config.values import File, Flag, is_list
from exporter.web.access.words import HTTP2, Cipher, ClientAuthType, HeaderText, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSServerDocument(Section):
    """The certificate that is shown, and those that are asked for."""

    cert_file: File | None = None
    key_file: File | None = None
    client_auth_type: ClientAuthType = ssl.CERT_NONE
    client_ca_file: File | None = None
    min_version: Version = ssl.TLSVersion.TLSv1_2
    max_version: Version = ssl.TLSVersion.TLSv1_3
    cipher_suites: Annotated[tuple[Cipher, ...], BeforeValidator(is_list)] = ()
    prefer_server_cipher_suites: Flag = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadersDocument(Section):
    """Headers of every answer."""

    content_security_policy: Annotated[HeaderText | None, Field(alias="Content-Security-Policy")] = None
    frame_options: Annotated[Literal["deny", "sameorigin"] | None, Field(alias="X-Frame-Options")] = None
    content_type_options: Annotated[Literal["nosniff"] | None, Field(alias="X-Content-Type-Options")] = None
    xss_protection: Annotated[HeaderText | None, Field(alias="X-XSS-Protection")] = None
    strict_transport_security: Annotated[HeaderText | None, Field(alias="Strict-Transport-Security")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPServerDocument(Section):
    """How HTTP is spoken."""

    http2: HTTP2 = False
    headers: HeadersDocument | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDocument(Section):
    """A whole file."""

    tls_server_config: TLSServerDocument | None = None
    http_server_config: HTTPServerDocument | None = None
    basic_auth_users: Any = None  # by names of their own, so read one by one
