"""The flags of the web server."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import click

from exporter.web.config import WebConfig, load_web_config
from exporter.web.listening import ListenAddress, parse_listen_address

F = TypeVar("F", bound=Callable[..., object])

DEFAULT_PORTS = {"http": 80, "https": 443}
_NO_PATH = re.compile(r"[^\w/.~%-]")
_TAKEN_PATHS = {"/", "/status.json", "/changes.json", "/docs", "/config", "/sd"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """The values of the flags, and the configuration file that one of them names."""

    listen_addresses: tuple[ListenAddress, ...] = ()
    route_prefix: str = ""  # or a path without a slash at its end
    external_url: str | None = None  # without a slash at its end
    telemetry_path: str = "/metrics"  # after the prefix
    enable_lifecycle: bool = False
    config_file: Path | None = None
    config: WebConfig = field(default_factory=WebConfig)  # as the file was at the start

    @property
    def scheme(self) -> str:
        return "http" if self.config.tls is None else "https"

    @property
    def metrics_path(self) -> str:
        return self.route_prefix + self.telemetry_path

    def metrics_url(self, request_url: str) -> str:
        """Return the URL of the metrics for the client of a request to another URL.

        It begins with ``external_url`` only for a client that used that: others may not reach it.
        """
        if self.external_url:
            public, here = urlsplit(self.external_url), urlsplit(request_url)
            # Behind a proxy our scheme may differ from the client's.
            port = DEFAULT_PORTS[public.scheme]
            if (here.hostname, here.port or port) == (public.hostname, public.port or port):
                return self.external_url + self.telemetry_path
        return urljoin(request_url, self.metrics_path)

    def load_config(self) -> WebConfig:
        """Read the web configuration.

        Raises:
            ConfigError: it cannot be used.
        """
        return WebConfig() if self.config_file is None else load_web_config(self.config_file)


def _listen_address(value: str) -> ListenAddress:
    try:
        return parse_listen_address(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _telemetry_path(value: str) -> str:
    if not value.startswith("/") or value in _TAKEN_PATHS or value.startswith("/-/") or _NO_PATH.search(value):
        raise click.BadParameter(f"{value!r} cannot be used; write a path of its own, such as /metrics")
    return value


def _external_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in DEFAULT_PORTS and parts.hostname and not parts.query and not parts.fragment
        parts.port  # noqa: B018 - raises where it is none
    except ValueError:
        is_good = False
    if not is_good:
        raise click.BadParameter(f"{value!r} is not an address; write one such as https://ops.internal/mihu")
    return value.rstrip("/")


def _route_prefix(value: str) -> str:
    if _NO_PATH.search(value):
        raise click.BadParameter(f"{value!r} is not a path; write one such as /mihu")
    return "/".join(["", *filter(None, value.split("/"))])


_FLAGS = (
    click.option(
        "--web.listen-address",
        "web_listen_address",
        metavar="ADDRESS",
        multiple=True,
        default=[":10155"],
        type=_listen_address,
        help="Address to listen on: :PORT, HOST:PORT or [IPV6]:PORT. Repeatable.",
    ),
    click.option(
        "--web.telemetry-path",
        "web_telemetry_path",
        metavar="PATH",
        default="/metrics",
        type=_telemetry_path,
        help="Path under which to expose metrics.",
    ),
    click.option(
        "--web.external-url",
        "web_external_url",
        metavar="URL",
        type=_external_url,
        help="URL under which the exporter is reachable from outside, for example behind a proxy.",
    ),
    click.option(
        "--web.route-prefix",
        "web_route_prefix",
        metavar="PATH",
        type=_route_prefix,
        help="Prefix of every path.  [default: the path of --web.external-url]",
    ),
    click.option(
        "--web.config.file",
        "web_config_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="File with TLS and authentication settings, in exporter-toolkit's format.  [default: neither]",
    ),
    click.option(
        "--web.enable-lifecycle",
        "web_enable_lifecycle",
        is_flag=True,
        help="Allow reloads by POST or PUT to /-/reload; SIGHUP always reloads.",
    ),
)


def web_flags(command: F) -> F:
    """Add the flags of the web server to a command, which gets them as ``web``; the file is not read."""

    @functools.wraps(command)
    def with_settings(*args: Any, **values: Any) -> object:  # noqa: ANN401 - the command's own
        web = {name.removeprefix("web_"): values.pop(name) for name in list(values) if name.startswith("web_")}
        if web["route_prefix"] is None:
            web["route_prefix"] = urlsplit(web["external_url"] or "").path
        return command(*args, web=WebSettings(listen_addresses=web.pop("listen_address"), **web), **values)

    for flag in reversed(_FLAGS):
        flag(with_settings)
    return with_settings  # type: ignore[return-value]  # takes flags in the place of ``web``
