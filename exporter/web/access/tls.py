"""The section ``tls_server_config``: its files are loaded once to see that they can be."""

import ssl
from pathlib import Path

from exporter.config.certificates import check_tls, read_pem_file
from exporter.config.problems import Findings, Place
from exporter.config.settings import TLS
from exporter.web.access.document import TLSServerDocument
from exporter.web.tls import ServerTLS


def read_tls_server(section: TLSServerDocument, place: Place, findings: Findings) -> ServerTLS | None:
    """Return the settings; None, and problems, where they cannot be used."""
    pair = _read_pair(section, place, findings)
    authorities = _read_authorities(section, place, findings)
    ciphers = _read_ciphers(section, place, findings)
    _check_versions(section, place, findings)
    if pair is None or findings.wrong(place):
        return None
    return ServerTLS(
        cert_file=pair[0],
        key_file=pair[1],
        client_ca_file=authorities,
        client_certificates=section.client_auth_type,
        min_version=section.min_version,
        max_version=section.max_version,
        ciphers=ciphers,
        prefer_server_ciphers=section.prefer_server_cipher_suites,
    )


def _read_pair(section: TLSServerDocument, place: Place, findings: Findings) -> tuple[Path, Path] | None:
    tls = TLS(cert_file=section.cert_file, key_file=section.key_file)
    check_tls(tls, place, findings)
    wrong = findings.wrong(*map(place.key, ("cert_file", "key_file", "cert", "key")))
    if not tls.files and not wrong:
        findings.problem(place, "names no certificate; write cert_file and key_file, or remove the section")
    return None if tls.cert_file is None or tls.key_file is None else (tls.cert_file, tls.key_file)


def _read_authorities(section: TLSServerDocument, place: Place, findings: Findings) -> Path | None:
    asked_for = section.client_auth_type
    at = place.key("client_ca_file")
    if section.client_ca_file is None:
        if asked_for is not ssl.CERT_NONE and not findings.wrong(at, place.key("client_ca")):
            findings.problem(at, "is missing; client_auth_type needs the certificates of the clients' authority")
        return None
    if asked_for is ssl.CERT_NONE and not findings.wrong(place.key("client_auth_type")):
        findings.problem(
            at,
            "is checked only with client_auth_type: RequireAndVerifyClientCert; write that, or remove client_ca_file",
        )
    path = section.client_ca_file
    try:
        read_pem_file(path)
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except ssl.SSLError:
        findings.problem(at, f"{path} does not hold certificates in PEM form")
    except OSError as error:
        findings.problem(at, f"cannot read {path} ({error.strerror})")
    return path


def _read_ciphers(section: TLSServerDocument, place: Place, findings: Findings) -> tuple[str, ...]:
    suites = section.cipher_suites
    chosen = tuple(filter(None, suites))
    if suites and not chosen and section.min_version is not ssl.TLSVersion.TLSv1_3:
        findings.problem(
            place.key("cipher_suites"),
            "holds suites of TLS 1.3 alone, which need no mention; add one of TLS 1.2, or write min_version: TLS13",
        )
    return chosen


def _check_versions(section: TLSServerDocument, place: Place, findings: Findings) -> None:
    if section.min_version is ssl.TLSVersion.TLSv1_3 and section.max_version is ssl.TLSVersion.TLSv1_2:
        findings.problem(place.key("max_version"), "is older than min_version; no client could connect")
