"""Addresses of workspaces and proxies, and hosts that are reached without a proxy.

No message repeats an address that may contain a password.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies_environment

import httpx

from exporter.config.problems import Place, quoted

DOMAIN = "mihu.ai"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_LABEL_WITHIN = re.compile(rf"(?:https?://)?({_LABEL.pattern})\.{re.escape(DOMAIN)}(?:[:/].*)?", re.IGNORECASE)
_DIRECT = re.compile(r"\*|(?:\*?\.)?[a-z0-9_-][a-z0-9_.-]*", re.IGNORECASE)
DEFAULT_PORTS = {"http": 80, "https": 443}

LIST_PATH = "/api/v1/phone-numbers/trunks"


def subdomain(text: str) -> str:
    if _LABEL.fullmatch(text):
        return text.lower()
    if found := _LABEL_WITHIN.fullmatch(text):
        raise ValueError(f"should be only the first part of the address; write {found[1]}")
    raise ValueError(
        f"should be the part before .{DOMAIN}: letters, digits and hyphens, such as acme; "
        "for an address elsewhere use base_url"
    )


def base_url(address: str) -> str:
    """Return the address of a workspace, without the path of the list or a slash at the end."""
    parts = _split(address, example="https://acme.mihu.ai")
    if parts.scheme not in {"http", "https"}:
        raise ValueError("should begin with https://")
    if "@" in parts.netloc:
        raise ValueError("should not contain a user name or password; the token under authorization is enough")
    if "?" in address or "#" in address:
        raise ValueError('should have no "?" and no "#"; the exporter adds the query itself')
    return address.rstrip("/").removesuffix(LIST_PATH).rstrip("/")


def sends_unencrypted(address: str, proxy: str | None) -> bool:
    """Return whether requests to an address, through a proxy or directly, leave this host unencrypted."""
    return urlsplit(address).scheme == "http" and not all(map(_is_here, filter(None, (address, proxy))))


def _is_here(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    network = _network(host)
    return f".{host}".endswith(".localhost") if network is None else network.is_loopback


def proxy_url(address: str) -> str:
    parts = _split(address, example="http://proxy.internal:3128")
    if parts.scheme.startswith("socks"):
        raise ValueError("SOCKS proxies are not supported; use an http:// or https:// proxy")
    if parts.scheme not in {"http", "https"}:
        raise ValueError("should begin with http:// or https://")
    return address


def link_template(address: str) -> str:
    if not re.match(r"https?://[^/?#]", address):
        raise ValueError("should begin with http:// or https://, and a host")
    rest = re.sub(r"\{(workspace|number|uuid)\}", "", address)
    if found := re.search(r"\{[^{}]*\}|[{}]", rest):
        raise ValueError(
            f"{quoted(found[0])} cannot be filled in; there are {{workspace}}, {{number}} and {{uuid}}, "
            "and any other brace is written as %7B or %7D"
        )
    return address


def _split(address: str, *, example: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname and httpx.URL(address).host[:1] not in {"", "."}) and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable or re.search(r"\s", address):
        raise ValueError(f"is not an address; write it as {example}")
    return urlsplit(address)


def server_name(name: str) -> str:
    """Check a name that a TLS handshake asks for: of one that it cannot encode, it raises errors of other kinds."""
    try:
        usable = not name.startswith(".") and bool(httpx.URL(scheme="https", host=name))
    except httpx.InvalidURL:
        usable = False
    if not usable:
        raise ValueError(f"{quoted(name)} is not the name of a host; write it as api.internal")
    return name


def direct_host(entry: str) -> str:
    """Check an entry of ``no_proxy``: a domain, ``.`` or ``*.`` and a domain, or a network; a port may follow."""
    name, _ = _split_port(entry)
    if _network(name) is None and not _DIRECT.fullmatch(name):
        raise ValueError(f"{quoted(entry)} is not a host; write it as api.internal, *.internal, 10.0.0.1 or 10.0.0.0/8")
    return entry


def is_direct(address: str, no_proxy: Iterable[str]) -> bool:
    """Return whether an address is reached without the proxy.

    A domain stands for its subdomains too, and after ``.`` or ``*.`` for them alone, as in the NO_PROXY of Go.
    """
    url = httpx.URL(address)
    host, port = url.raw_host.decode(), url.port or DEFAULT_PORTS[url.scheme]
    for name, only_port in (_split_port(entry.lower()) for entry in no_proxy):
        if (network := _network(name)) is not None:
            matches = _network(host) is not None and ip_address(host) in network
        elif name.startswith(("*", ".")):
            matches = host.endswith(name.removeprefix("*"))
        else:
            matches = f".{host}".endswith(f".{name}")
        if matches and only_port in {None, port}:
            return True
    return False


def _split_port(entry: str) -> tuple[str, int | None]:
    name, _, port = entry.rpartition(":")
    is_port = port.isdecimal() and name and _network(entry) is None  # the end of an IPv6 address may look like one
    return (name, int(port)) if is_port else (entry, None)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    """Return the network, or the address as one; None if the text is neither."""
    try:
        return ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None


def proxy_of_environment(address: str, no_proxy: tuple[str, ...], place: Place) -> tuple[str | None, tuple[str, ...]]:
    """Return the environment's proxy for an address, and ``no_proxy`` with the environment's.

    Variables that cannot be used are problems or warnings at the place.
    """
    variables = getproxies_environment()
    for entry in filter(None, re.split(r"[,\s]+", variables.get("no", ""))):
        try:
            no_proxy += (direct_host(entry),)
        except ValueError as error:
            place.warning(f"the environment variable NO_PROXY: {error}; it is ignored")
    name = urlsplit(address).scheme if urlsplit(address).scheme in variables else "all"
    url = None if is_direct(address, no_proxy) else variables.get(name)
    if url is not None:
        try:
            url = proxy_url(url if "://" in url else f"http://{url}")
        except ValueError as error:
            place.problem(f"the environment variable {name.upper()}_PROXY: {error}")
    return url, no_proxy
