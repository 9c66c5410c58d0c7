"""What the format has and the exporter does not: each is refused with the reason, never silently ignored."""

from collections.abc import Mapping

from exporter.config.problems import Findings, Place

_IN_THE_FILE = {
    "rate_limit": "is not supported: a scrape only copies bytes, and how many are answered at once is limited anyway",
}
_IN_TLS = {
    "cert": "is not supported: Python's ssl reads certificates from files alone; use cert_file",
    "key": "is not supported: Python's ssl reads keys from files alone; use key_file",
    "client_ca": "is not supported; write the certificates into a file, and name it by client_ca_file",
    "client_allowed_sans": "is not supported; let client_ca_file hold an authority that signs for these clients alone",
    "curve_preferences": "is not supported: Python's ssl cannot put curves in order; remove it",
}


def refuse_unsupported(document: dict[object, object], place: Place, findings: Findings) -> dict[object, object]:
    """Tell of the keys that are not supported, and return the others."""
    kept = _without(document, _IN_THE_FILE, place, findings)
    tls = kept.get("tls_server_config")
    if isinstance(tls, dict):
        kept["tls_server_config"] = _without(tls, _IN_TLS, place.key("tls_server_config"), findings)
    return kept


def _without(
    mapping: Mapping[object, object], reasons: Mapping[str, str], place: Place, findings: Findings
) -> dict[object, object]:
    for key, reason in reasons.items():
        if mapping.get(key) is not None:
            findings.problem(place.key(key), reason)
    return {key: value for key, value in mapping.items() if key not in reasons}
