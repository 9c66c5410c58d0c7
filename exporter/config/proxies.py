"""How the requests of a workspace leave: by the proxy of the configuration or of the environment, or directly."""

import os
import re
from collections.abc import Callable

import httpx

from exporter.config import addresses
from exporter.config.model import WorkspaceKeys
from exporter.config.problems import Findings, Place
from exporter.config.settings import Proxy


def resolve_proxy(keys: WorkspaceKeys, place_of: Callable[[str], Place], address: str, findings: Findings) -> Proxy:
    """Return the proxy of a workspace with this address; variables that cannot be used are findings."""
    url = keys.proxy_url.reveal if keys.proxy_url else None
    no_proxy, from_environment = keys.no_proxy, keys.proxy_from_environment
    if from_environment and url is None:
        place = place_of("proxy_from_environment")
        no_proxy = (*no_proxy, *_direct_hosts(place, findings))
        url = _environment_proxy(address, no_proxy, place, findings)
    proxy = Proxy(url=url, no_proxy=no_proxy, from_environment=from_environment)
    networks = [entry for entry in no_proxy if addresses.is_network(entry) and "/" in entry]
    host = httpx.URL(address).host
    if networks and proxy.url_to(address) and not addresses.is_network(host):
        findings.warning(
            place_of("proxy_from_environment" if from_environment else "no_proxy"),
            f"requests to {host} go through the proxy, whatever it resolves to: networks such as {networks[0]} "
            "are compared with addresses alone; add the name to no_proxy if it should be reached directly",
        )
    return proxy


def _environment_proxy(address: str, no_proxy: tuple[str, ...], place: Place, findings: Findings) -> str | None:
    own, other = ("HTTPS_PROXY", "HTTP_PROXY") if address.startswith("https:") else ("HTTP_PROXY", "HTTPS_PROXY")
    variables = {name: _variable(name) for name in (own, "ALL_PROXY", other)}
    candidates = () if addresses.is_direct(address, no_proxy) else (own, "ALL_PROXY")
    in_force = next((name for name in candidates if variables[name][1]), None)
    url = None
    for name, (spelled, value) in variables.items():
        if not value:
            continue
        try:
            checked = addresses.proxy_url(value if "://" in value else f"http://{value}")
        except ValueError as error:
            # A desktop's ALL_PROXY is often SOCKS, beside an HTTPS_PROXY that is not.
            tell = findings.warning if name != in_force and value.startswith("socks") else findings.problem
            tell(place, f"the environment variable {spelled}: {error}")
        else:
            url = checked if name == in_force else url
    return url


def _direct_hosts(place: Place, findings: Findings) -> tuple[str, ...]:
    """Return the hosts of NO_PROXY, where a domain stands for what is below it too."""
    spelled, value = _variable("NO_PROXY")
    hosts = []
    for entry in filter(None, re.split(r"[,\s]+", value)):
        try:
            host = addresses.direct_host(entry)
        except ValueError as error:
            findings.warning(place, f"the environment variable {spelled}: {error}; until then it is left out")
        else:
            hosts.append(host if host.startswith("*") or addresses.is_network(host) else f"*{host}")
    return tuple(hosts)


def _variable(name: str) -> tuple[str, str]:
    """Return a variable's name as it is set and its value; the lower case goes first, as for curl."""
    for spelled in (name.lower(), name):
        if spelled in os.environ:
            return spelled, os.environ[spelled].strip()
    return name, ""
