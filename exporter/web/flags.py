"""The flags of the web server."""

import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from exporter.web.listening import ListenAddress, parse_listen_address
from exporter.web.settings import WebSettings

F = TypeVar("F", bound=Callable[..., object])

_LISTEN_ADDRESS = ":10155"
_NO_PATH = re.compile(r"[^\w/.~%-]")
_TAKEN_PATHS = {"/", "/status.json", "/changes.json", "/docs", "/config", "/sd"}


def listen_addresses(_: click.Context, __: click.Parameter, values: Sequence[str]) -> list[ListenAddress]:
    """Read addresses to listen on."""
    try:
        return [parse_listen_address(value) for value in values]
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _telemetry_path(_: click.Context, __: click.Parameter, value: str) -> str:
    """Read the path of the metrics, which must not be one that is taken."""
    if not value.startswith("/") or value in _TAKEN_PATHS or value.startswith("/-/") or _NO_PATH.search(value):
        raise click.BadParameter(f"{value!r} cannot be it; write a path of its own, such as /metrics")
    return value


def _external_url(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Read the address that the exporter is reached at from elsewhere."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in {"http", "https"} and parts.hostname and not parts.query and not parts.fragment
        parts.port  # noqa: B018 - raises where it is none
    except ValueError:
        is_good = False
    if not is_good:
        raise click.BadParameter(f"{value!r} is not an address; write one such as https://ops.example.com/mihu")
    return value.rstrip("/")


def _route_prefix(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Read what every path begins with; the slash at its end is left out."""
    if value is not None and _NO_PATH.search(value):
        raise click.BadParameter(f"{value!r} is not a path; write one such as /mihu")
    return None if value is None else "/".join(["", *filter(None, value.split("/"))])


_FLAGS = (
    click.option(
        "--web.listen-address",
        "web_listen_address",
        metavar="ADDRESS",
        multiple=True,
        default=[_LISTEN_ADDRESS],
        callback=listen_addresses,
        help="Where to answer: :PORT, HOST:PORT or [IPV6]:PORT. May be given several times.",
    ),
    click.option(
        "--web.telemetry-path",
        "web_telemetry_path",
        metavar="PATH",
        default="/metrics",
        callback=_telemetry_path,
        help="The path of the metrics.",
    ),
    click.option(
        "--web.external-url",
        "web_external_url",
        metavar="URL",
        callback=_external_url,
        help="The address at which the exporter is reached through a proxy.",
    ),
    click.option(
        "--web.route-prefix",
        "web_route_prefix",
        metavar="PATH",
        callback=_route_prefix,
        help="What every path begins with.  [default: the path of --web.external-url]",
    ),
    click.option(
        "--web.config.file",
        "web_config_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Certificates and passwords, in the format of Prometheus's exporter-toolkit.  [default: neither]",
    ),
    click.option(
        "--web.enable-lifecycle",
        "web_enable_lifecycle",
        is_flag=True,
        help="Allow a reload by POST or PUT to /-/reload; SIGHUP always reloads.",
    ),
)


def web_flags(command: F) -> F:
    """Give a command the flags of the web server, and what they say as ``web``, without what its file holds."""

    @functools.wraps(command)
    def with_settings(  # noqa: PLR0913 - one for each flag
        *args: Any,  # noqa: ANN401 - the command's own
        web_listen_address: list[ListenAddress],
        web_telemetry_path: str,
        web_external_url: str | None,
        web_route_prefix: str | None,
        web_config_file: Path | None,
        web_enable_lifecycle: bool,
        **kwargs: Any,  # noqa: ANN401 - likewise
    ) -> object:
        web = WebSettings(
            listen_addresses=tuple(web_listen_address),
            telemetry_path=web_telemetry_path,
            external_url=web_external_url,
            route_prefix=urlsplit(web_external_url or "").path if web_route_prefix is None else web_route_prefix,
            enable_lifecycle=web_enable_lifecycle,
            config_file=web_config_file,
        )
        return command(*args, web=web, **kwargs)

    for flag in reversed(_FLAGS):
        flag(with_settings)
    return with_settings  # type: ignore[return-value]  # takes flags in the place of ``web``
