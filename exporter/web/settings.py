"""What the flags say of the web server."""

from dataclasses import dataclass

from exporter.web.listening import ListenAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Where and what the exporter answers.

    Attributes:
        listen_addresses: where it listens.
        telemetry_path: where scrapes are answered.
        enable_lifecycle: whether a reload may be asked for over HTTP.
    """

    listen_addresses: tuple[ListenAddress, ...] = ()
    telemetry_path: str = "/metrics"
    enable_lifecycle: bool = False
