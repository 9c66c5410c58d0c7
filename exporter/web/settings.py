"""The settings of the web server, and the flags that have a form of their own."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from exporter.config.addresses import DEFAULT_PORTS
from exporter.web.config import WebConfig, load_web_config
from exporter.web.listening import ListenAddress

_NO_PATH = re.compile(r"[^\w/.~-]")  # percent signs neither: paths are compared decoded
_PAGES = {"/", "/trunks", "/trunk", "/workspace", "/changes", "/docs", "/config"}
TAKEN_PATHS = {*_PAGES, "/status.json", "/changes.json", "/trunks.json", "/trunks.csv", "/sd"}


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
        """Return the URL of the metrics, with ``external_url`` only for a client of that: others may not reach it."""
        if self.external_url:
            public, here = urlsplit(self.external_url), urlsplit(request_url)
            # Behind a proxy our scheme may differ from the client's.
            port = DEFAULT_PORTS[public.scheme]
            if (here.hostname, here.port or port) == (public.hostname, public.port or port):
                return self.external_url + self.telemetry_path
        return urljoin(request_url, self.metrics_path)

    def load_config(self) -> WebConfig:
        return WebConfig() if self.config_file is None else load_web_config(self.config_file)


def telemetry_path(text: str) -> str:
    if not text.startswith("/") or text in TAKEN_PATHS or text.startswith("/-/") or _NO_PATH.search(text):
        raise ValueError(f"{text!r} cannot be used; write a path of its own, such as /metrics")
    return text


def external_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_good = not text or (parts.scheme in DEFAULT_PORTS and parts.hostname and not re.search("[@?#]", text))
        parts.port  # noqa: B018 - raises where it is none
        prefix_of(text)
    except ValueError:
        is_good = False
    if not is_good:
        shown = re.sub("//.*@", "//<secret>@", text)
        raise ValueError(f"{shown!r} is not an address; write one such as https://ops.internal/mihu")
    return text.rstrip("/")


def prefix_of(url: str) -> str:
    return route_prefix(unquote(urlsplit(url).path)) or ""


def route_prefix(text: str) -> str | None:
    if _NO_PATH.search(text):
        raise ValueError(f"{text!r} is not a path; write one such as /mihu")
    return "/".join(["", *filter(None, text.split("/"))]) if text else None  # as in Prometheus, an empty flag is none
