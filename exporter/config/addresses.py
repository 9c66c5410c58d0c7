"""Addresses in the configuration: of a workspace, of a proxy, and of hosts to reach without it.

No message repeats an address that may carry a password.
"""

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

import httpx

from exporter.config.wording import quoted

_DOMAIN = "mihu.ai"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_LABEL_WITHIN = re.compile(rf"(?:https?://)?({_LABEL.pattern})\.{re.escape(_DOMAIN)}(?:[:/].*)?", re.IGNORECASE)
_HOST_PATTERN = re.compile(r"(?:\*\.?)?[a-z0-9_.-]*(?::[0-9]{1,5})?", re.IGNORECASE)


def subdomain_url(subdomain: str) -> str:
    """Return the address of a workspace of the vendor's own domain.

    Raises:
        ValueError: it is not one DNS label.
    """
    if _LABEL.fullmatch(subdomain):
        return f"https://{subdomain.lower()}.{_DOMAIN}"
    if found := _LABEL_WITHIN.fullmatch(subdomain):
        raise ValueError(f"should be the first part of the address alone; write only {found[1]}")
    raise ValueError(
        f"should be the part before .{_DOMAIN}: letters, digits and hyphens, such as acme; "
        "for an address elsewhere use base_url"
    )


def base_url(address: str, *, allow_http: bool) -> str:
    """Return the address of a workspace anywhere, without a slash at the end.

    Raises:
        ValueError: it is not one, or would send the token unencrypted where that is not allowed.
    """
    parts = _split(address, example="https://acme.example.com")
    if parts.scheme not in {"http", "https"}:
        raise ValueError("should begin with https://")
    if "@" in parts.netloc:
        raise ValueError("should not hold a user name or password; the token under authorization is enough")
    if "?" in address or "#" in address:
        raise ValueError('should end before "?" and "#"; the exporter adds what it asks for')
    if parts.scheme == "http" and not (allow_http or _is_loopback(parts.hostname or "")):
        raise ValueError(
            "would send the token unencrypted; write https://, or allow_http: true if the network is trusted"
        )
    return address.rstrip("/")


def sends_unencrypted(address: str) -> bool:
    """Return whether what is sent to an address can be read on the way."""
    parts = urlsplit(address)
    return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def proxy_url(address: str) -> str:
    """Return the address of a proxy.

    Raises:
        ValueError: it is not one that can be used.
    """
    parts = _split(address, example="http://proxy.example.com:3128")
    if parts.scheme.startswith("socks"):
        raise ValueError(
            "SOCKS proxies need a package that the exporter does not bring; use an http:// or https:// proxy"
        )
    if parts.scheme not in {"http", "https"}:
        raise ValueError("should begin with http:// or https://")
    return address


def direct_host(entry: str) -> str:
    """Return the pattern of hosts that are reached without the proxy: a host, or ``*.`` and a domain.

    Raises:
        ValueError: it is not a host; networks such as 10.0.0.0/8 are not supported.
    """
    try:
        address = ip_address(entry.strip("[]"))
    except ValueError:
        pass
    else:
        return f"[{address}]" if isinstance(address, IPv6Address) else entry
    if "/" in entry:
        raise ValueError(f"{quoted(entry)} is not a host; list hosts and domains, networks are not supported")
    if not _HOST_PATTERN.fullmatch(entry) or not entry.strip("."):
        raise ValueError(f"{quoted(entry)} is not a host; write it as internal.example.com or *.example.com")
    return f"*{entry}" if entry.startswith(".") else entry


def _split(address: str, *, example: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname and httpx.URL(address).host) and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable or re.search(r"\s", address):
        raise ValueError(f"is not an address; write it as {example}")
    return urlsplit(address)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
