"""The command line."""

import errno
import re
import socket
import sys
from collections import UserDict
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import click

from exporter import __version__, process
from exporter.commands.common import (
    Command,
    Common,
    Failure,
    OptionalPath,
    Parsed,
    common_flag,
    common_flags,
    demo_flag,
    flag,
    say,
)
from exporter.config.problems import ConfigError, load_both
from exporter.config.settings import json_schema
from exporter.web.listening import ListenError, parse_listen_address
from exporter.web.settings import WebSettings, external_url, prefix_of, route_prefix, telemetry_path

_UNWRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}  # of a full disk, or a terminal that is gone


class _Commands(UserDict[str, Any]):
    """Imports a command when it is called: the exporter starts without them."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - as the base says
        return getattr(import_module(super().__getitem__(name)), name)


class _Program(click.Group, Command):
    def main(self, *args: Any, **settings: Any) -> Any:  # noqa: ANN401 - as click's
        try:
            return super().main(*args, **settings)
        except OSError as error:
            if error.errno not in _UNWRITTEN:
                raise
            say(f"cannot write to standard output ({error.strerror})")
            sys.exit(1)


def ordinal_of_host(name: str) -> int:
    """Return the ordinal at the end of the host name of a StatefulSet's pod."""
    if (found := re.search(r"-(\d+)$", name.partition(".")[0])) is None:
        raise ValueError(f"the host name {name!r} does not end in an ordinal, such as exporter-0; write a number")
    return int(found[1])


def _ordinal(value: str) -> int:
    if value == "auto":
        return ordinal_of_host(socket.gethostname())
    try:
        return int(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is neither a number nor auto") from error


@click.group(
    cls=_Program,
    commands=_Commands({name: f"exporter.commands.{name}" for name in ("assets", "doctor", "once", "simulate")}),
    invoke_without_command=True,
    context_settings={"auto_envvar_prefix": "MIHU", "help_option_names": ["-h", "--help"], "show_default": True},
)
@common_flags
@flag(
    "--web.listen-address",
    multiple=True,
    default=[":10155"],
    type=Parsed("address", parse_listen_address),
    help="Address to listen on: :PORT, HOST:PORT or [IPV6]:PORT. Repeatable.",
)
@flag(
    "--web.telemetry-path",
    default="/metrics",
    type=Parsed("path", telemetry_path),
    help="Path under which to expose metrics.",
)
@flag(
    "--web.external-url",
    type=Parsed("url", external_url),
    help="URL under which the exporter is reachable from outside, for example behind a proxy.",
)
@flag(
    "--web.route-prefix",
    type=Parsed("path", route_prefix),
    help="Prefix of every path.  [default: the path of --web.external-url]",
)
@flag(
    "--web.config.file",
    metavar="FILE",
    type=OptionalPath(),
    help="File with TLS and authentication settings, in exporter-toolkit's format.  [default: no TLS, no passwords]",
)
@flag("--web.enable-lifecycle", is_flag=True, help="Allow reloads by POST or PUT to /-/reload; SIGHUP always reloads.")
@common_flag(
    "--shard.ordinal",
    type=Parsed("n", _ordinal),
    help="Ordinal of this shard, from 0; auto: the number at the end of the host name.",
)
@common_flag(
    "--shard.total",
    metavar="N",
    type=click.IntRange(1),
    default=1,
    help="Number of shards; each workspace is polled by exactly one of them.",
)
@common_flag(
    "--storage.path",
    metavar="DIR",
    type=OptionalPath(),
    help="Directory that keeps trunks and changes across restarts.  [default: keep nothing]",
)
@flag("--config.check", is_flag=True, help="Validate the configuration and exit.")
@flag("--config.schema", is_flag=True, help="Print the JSON schema of the configuration and exit.")
@demo_flag
@click.version_option(__version__, message="mihu-trunk-exporter %(version)s")
@click.pass_context
def main(
    context: click.Context,
    /,
    *,
    config_check: bool,
    config_schema: bool,
    **web_flags: Any,  # noqa: ANN401 - each of its own type
) -> None:
    """Prometheus exporter for the external trunks of Mihu workspaces.

    Polls the trunks of one or many workspaces and exposes them on /metrics.
    """
    common, command = context.ensure_object(Common), context.invoked_subcommand
    web = web_settings(web_flags)
    common.set_up_logs()
    if config_check and (common.demo or command):
        raise click.UsageError(
            f"--config.check validates the configuration and does nothing else; leave out {command or '--demo'}"
        )
    if config_check or config_schema or command:
        process.run_as_command()
    else:
        process.run_as_service()
    try:
        if config_schema:
            click.echo(json_schema())
            context.exit()
        elif config_check:
            _check(common, web)
        elif not command:
            _run(common, web)
    except (ConfigError, ListenError) as error:
        raise Failure(str(error)) from error


def web_settings(flags: Mapping[str, Any]) -> WebSettings:
    """Return the settings that the flags make; the file that one of them names is not read."""
    prefix = flags["web_route_prefix"]
    return WebSettings(
        listen_addresses=flags["web_listen_address"],
        route_prefix=prefix_of(flags["web_external_url"] or "") if prefix is None else prefix,
        external_url=flags["web_external_url"],
        telemetry_path=flags["web_telemetry_path"],
        enable_lifecycle=flags["web_enable_lifecycle"],
        config_file=flags["web_config_file"],
    )


def _check(common: Common, web: WebSettings) -> None:
    config, web_config = load_both(common.load, web.load_config)
    for checked, path in ((config, common.source), (web_config, web.config_file)):
        if path is not None:
            for warning in checked.warnings:
                say(f"warning: {warning}")
            click.echo(f"{path} is valid")


def _run(common: Common, web: WebSettings) -> None:
    # Imported here, so that --version, --help and the commands start without the pollers and the web server.
    if common.demo:
        from exporter.commands.simulate import run_demo  # noqa: PLC0415

        run_demo(replace(web, config=web.load_config()))
        return
    from exporter.app import run  # noqa: PLC0415
    from exporter.polling.storage import StorageInUseError  # noqa: PLC0415

    config, web_config = load_both(common.load, web.load_config)
    try:
        run(config, common.load, replace(web, config=web_config), common.storage_path)
    except StorageInUseError as error:
        raise Failure(str(error)) from error
