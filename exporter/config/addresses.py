"""Addresses in the configuration: of a workspace, of a proxy, and of hosts to reach without it.

No message repeats an address that may carry a password.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

import httpx

from exporter.config.wording import quoted

_DOMAIN = "mihu.ai"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_LABEL_WITHIN = re.compile(rf"(?:https?://)?({_LABEL.pattern})\.{re.escape(_DOMAIN)}(?:[:/].*)?", re.IGNORECASE)
_DIRECT = re.compile(
    r"(?P<any>\*?\.?)(?P<host>\[[0-9a-f.:]+\]|[a-z0-9_-][a-z0-9_.-]*)?(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE
)
_DEFAULT_PORTS = {"http": 80, "https": 443}

LIST_PATH = "/api/v1/phone-numbers/trunks"


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
    """Return the address of a workspace anywhere, without the path of the list or a slash at the end.

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
    return address.rstrip("/").removesuffix(LIST_PATH).rstrip("/")


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
    """Return a pattern of hosts that are reached without the proxy: a host, ``*.`` and a domain, or a network.

    Raises:
        ValueError: it is none of them.
    """
    found = _DIRECT.fullmatch(entry)
    if is_network(entry) or (found and (_is_host(found["host"]) if found["host"] else found["any"] == "*")):
        return f"*{entry}" if entry.startswith(".") else entry
    raise ValueError(
        f"{quoted(entry)} is not a host; write it as internal.example.com, *.example.com, 10.0.0.1 or 10.0.0.0/8"
    )


def is_direct(address: str, patterns: Iterable[str]) -> bool:
    """Tell whether an address is reached without the proxy, by patterns that :func:`direct_host` returned."""
    url = httpx.URL(address)
    host, port = url.raw_host.decode(), url.port or _DEFAULT_PORTS[url.scheme]
    return any(_is_among(host, port, pattern) for pattern in patterns)


def is_network(text: str) -> bool:
    """Tell whether a text is an address or a network of them, with which names are not compared."""
    return _network(text) is not None


def _is_among(host: str, port: int, pattern: str) -> bool:
    found = _DIRECT.fullmatch(pattern)
    if found and found["port"] and int(found["port"]) != port:
        return False
    name = (found["host"] or "").lower() if found else pattern
    if (network := _network(name)) is not None:
        return is_network(host) and ip_address(host) in network
    if found and found["any"]:
        return not name or host.endswith(f".{name}") or (found["any"] == "*" and host == name)
    return host == name


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None


def _is_host(name: str) -> bool:
    try:
        return bool(httpx.URL(f"http://{name}").host)
    except (ValueError, httpx.InvalidURL):
        return False


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
