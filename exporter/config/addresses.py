"""Addresses of workspaces and proxies, and hosts that are reached without a proxy.

No message repeats an address that may contain a password.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

import httpx

from exporter.config.problems import Findings, Place, quoted

DOMAIN = "mihu.ai"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_LABEL_WITHIN = re.compile(rf"(?:https?://)?({_LABEL.pattern})\.{re.escape(DOMAIN)}(?:[:/].*)?", re.IGNORECASE)
_DIRECT = re.compile(
    r"(?P<any>\*?\.?)(?P<host>\[[0-9a-f.:]+\]|[a-z0-9_-][a-z0-9_.-]*)?(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE
)
_DEFAULT_PORTS = {"http": 80, "https": 443}

LIST_PATH = "/api/v1/phone-numbers/trunks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """The proxy for requests, except requests to the hosts in ``no_proxy``; settings of the environment included.

    ``url`` may contain a password, so it is not in the representation.
    """

    url: str | None = field(default=None, repr=False)
    no_proxy: tuple[str, ...] = ()
    from_environment: bool = False

    def url_to(self, address: str) -> str | None:
        """Return the proxy for requests to an address; None for a direct connection."""
        return None if self.url is None or is_direct(address, self.no_proxy) else self.url


def subdomain(text: str) -> str:
    """Return the subdomain of a workspace, in lower case."""
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


def sends_unencrypted(address: str) -> bool:
    """Return whether requests to an address leave this host without encryption."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost" or host.endswith(".localhost")
    return parts.scheme == "http" and not loopback


def proxy_url(address: str) -> str:
    """Check the address of a proxy."""
    parts = _split(address, example="http://proxy.internal:3128")
    if parts.scheme.startswith("socks"):
        raise ValueError("SOCKS proxies are not supported; use an http:// or https:// proxy")
    if parts.scheme not in {"http", "https"}:
        raise ValueError("should begin with http:// or https://")
    return address


def link_template(address: str) -> str:
    """Check the template of a link: its address and its placeholders."""
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
        usable = bool(parts.hostname and httpx.URL(address).host) and parts.port != 0
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable or re.search(r"\s", address):
        raise ValueError(f"is not an address; write it as {example}")
    return urlsplit(address)


def direct_host(entry: str) -> str:
    """Return an entry of ``no_proxy`` as a pattern: a host, ``*.`` and a domain, or a network."""
    found = _DIRECT.fullmatch(entry)
    if is_network(entry) or (found and (_is_host(found["host"]) if found["host"] else found["any"] == "*")):
        return f"*{entry}" if entry.startswith(".") else entry
    raise ValueError(f"{quoted(entry)} is not a host; write it as api.internal, *.internal, 10.0.0.1 or 10.0.0.0/8")


def _is_host(name: str) -> bool:
    try:
        return bool(httpx.URL(f"http://{name}").host)
    except (ValueError, httpx.InvalidURL):
        return False


def is_direct(address: str, patterns: Iterable[str]) -> bool:
    """Return whether an address is reached without the proxy, by patterns that :func:`direct_host` returned."""
    url = httpx.URL(address)
    host, port = url.raw_host.decode(), url.port or _DEFAULT_PORTS[url.scheme]
    return any(_matches(pattern, host, port) for pattern in patterns)


def _matches(pattern: str, host: str, port: int) -> bool:
    found = _DIRECT.fullmatch(pattern)
    if found and found["port"] and int(found["port"]) != port:
        return False
    name = (found["host"] or "").lower() if found else pattern
    if (network := _network(name)) is not None:
        return is_network(host) and ip_address(host) in network
    if found and found["any"]:
        return not name or host.endswith(f".{name}") or (found["any"] == "*" and host == name)
    return host == name


def is_network(text: str) -> bool:
    """Return whether a text is an IP address or a network of them."""
    return _network(text) is not None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None


def with_environment(proxy: Proxy, address: str, place: Place, findings: Findings) -> Proxy:
    """Add the proxy of the environment to that of a workspace with this address.

    Variables that cannot be used are findings at the place.
    """
    proxy = replace(proxy, from_environment=True)
    if proxy.url is None:
        proxy = replace(proxy, no_proxy=(*proxy.no_proxy, *_environment_no_proxy(place, findings)))
        if not is_direct(address, proxy.no_proxy):
            proxy = replace(proxy, url=_environment_proxy(address, place, findings))
    return proxy


def _environment_proxy(address: str, place: Place, findings: Findings) -> str | None:
    for name in ("HTTPS_PROXY" if address.startswith("https:") else "HTTP_PROXY", "ALL_PROXY"):
        spelled, value = _variable(name)
        if value:
            try:
                return proxy_url(value if "://" in value else f"http://{value}")
            except ValueError as error:
                findings.problem(place, f"the environment variable {spelled}: {error}")
                break
    return None


def _environment_no_proxy(place: Place, findings: Findings) -> Iterable[str]:
    """Yield the hosts of NO_PROXY, where a domain includes its subdomains."""
    spelled, value = _variable("NO_PROXY")
    for entry in filter(None, re.split(r"[,\s]+", value)):
        try:
            host = direct_host(entry)
        except ValueError as error:
            findings.warning(place, f"the environment variable {spelled}: {error}; it is ignored")
        else:
            yield host if host.startswith("*") or is_network(host) else f"*{host}"


def _variable(name: str) -> tuple[str, str]:
    """Return a variable's name as it is set, and its value; lower case has precedence, as for curl."""
    spelled = name.lower() if name.lower() in os.environ else name
    return spelled, os.environ.get(spelled, "").strip()
