"""Loads a web configuration: every problem in it is found before the first is told."""

from pathlib import Path
from types import MappingProxyType

from exporter.config.files import Source, read_source
from exporter.config.problems import ConfigError, Findings, Place, kind
from exporter.config.validation import adapter, read
from exporter.web.access.document import HeadersDocument, HTTPServerDocument, WebDocument
from exporter.web.access.settings import WebConfig
from exporter.web.access.tls import read_tls_server
from exporter.web.access.unsupported import refuse_unsupported
from exporter.web.access.users import read_users

_MISSING = "there is no such file; name another with --web.config.file, or leave that out"


def load_web_config(path: Path) -> WebConfig:
    """Read and check a file in exporter-toolkit's format.

    Raises:
        ConfigError: it cannot be used; has every problem.
    """
    findings = Findings()
    place = Place(str(path))
    source = read_source(path, findings, _MISSING)
    document = None if source is None else _read_document(source, findings)
    if document is None:
        raise ConfigError(findings.problems)
    tls = (
        None
        if document.tls_server_config is None
        else read_tls_server(document.tls_server_config, place.key("tls_server_config"), findings)
    )
    users = (
        {}
        if document.basic_auth_users is None
        else read_users(document.basic_auth_users, place.key("basic_auth_users"), findings)
    )
    if findings.problems:
        raise ConfigError(findings.problems)
    if users and tls is None:
        findings.warning(place, "passwords are sent unencrypted; add tls_server_config, or let a proxy encrypt")
    return WebConfig(
        tls=tls,
        users=MappingProxyType(users),
        headers=MappingProxyType(_headers(document.http_server_config)),
        warnings=findings.warnings,
    )


def _read_document(source: Source, findings: Findings) -> WebDocument | None:
    if source.value is None:
        findings.warning(source.place, "is empty, so that everyone is let in, unencrypted")
        return WebDocument()
    if isinstance(source.value, dict):
        supported = refuse_unsupported(source.value, source.place, findings)
        read_document = read(WebDocument, supported, source.place, source.path.parent, findings)
        return None if read_document is None else read_document[0]
    findings.problem(
        source.place,
        f"is {kind(source.value)}; write a mapping with the keys tls_server_config, http_server_config "
        "and basic_auth_users",
    )
    return None


def _headers(section: HTTPServerDocument | None) -> dict[str, str]:
    if section is None or section.headers is None:
        return {}
    headers: dict[str, str] = adapter(HeadersDocument).dump_python(section.headers, by_alias=True, exclude_none=True)
    return headers
