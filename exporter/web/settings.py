"""What the flags say of the web server, and the file that they name."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from exporter.web.access.loading import load_web_config
from exporter.web.access.settings import WebConfig
from exporter.web.listening import ListenAddress

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Where and what the exporter answers.

    Attributes:
        listen_addresses: where it listens.
        route_prefix: what every path begins with: empty, or a path without a slash at its end.
        external_url: how the exporter is reached through a proxy, without a slash at its end.
        telemetry_path: where scrapes are answered, after the prefix.
        enable_lifecycle: whether a reload may be asked for over HTTP.
        config_file: the web configuration, if there is one.
        config: what that held at the start.
    """

    listen_addresses: tuple[ListenAddress, ...] = ()
    route_prefix: str = ""
    external_url: str | None = None
    telemetry_path: str = "/metrics"
    enable_lifecycle: bool = False
    config_file: Path | None = None
    config: WebConfig = field(default_factory=WebConfig)

    @property
    def scheme(self) -> str:
        """How the addresses that it answers at begin."""
        return "http" if self.config.tls is None else "https"

    @property
    def metrics_path(self) -> str:
        """The whole path of the metrics."""
        return self.route_prefix + self.telemetry_path

    def metrics_url(self, asked: str) -> str:
        """Return where a client finds the metrics that asked for something at the address ``asked``.

        Whoever comes by ``external_url`` goes on by it; others may not get there.
        """
        if self.external_url:
            public, here = urlsplit(self.external_url), urlsplit(asked)
            # The proxy's scheme is the client's; ours, behind it, may be another one.
            port = DEFAULT_PORTS[public.scheme]
            if (here.hostname, here.port or port) == (public.hostname, public.port or port):
                return self.external_url + self.telemetry_path
        return urljoin(asked, self.metrics_path)

    def load_config(self) -> WebConfig:
        """Read the web configuration.

        Raises:
            ConfigError: it cannot be used.
        """
        return WebConfig() if self.config_file is None else load_web_config(self.config_file)
