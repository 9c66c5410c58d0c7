"""What the flags say of the web server, and the file that they name."""

from dataclasses import dataclass, field
from pathlib import Path

from exporter.web.access.loading import load_web_config
from exporter.web.access.settings import WebConfig
from exporter.web.listening import ListenAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Where and what the exporter answers.

    Attributes:
        listen_addresses: where it listens.
        telemetry_path: where scrapes are answered.
        enable_lifecycle: whether a reload may be asked for over HTTP.
        config_file: the web configuration, if there is one.
        config: what that held at the start.
    """

    listen_addresses: tuple[ListenAddress, ...] = ()
    telemetry_path: str = "/metrics"
    enable_lifecycle: bool = False
    config_file: Path | None = None
    config: WebConfig = field(default_factory=WebConfig)

    @property
    def scheme(self) -> str:
        """How the addresses that it answers at begin."""
        return "http" if self.config.tls is None else "https"

    def load_config(self) -> WebConfig:
        """Read the web configuration.

        Raises:
            ConfigError: it cannot be used.
        """
        return WebConfig() if self.config_file is None else load_web_config(self.config_file)
