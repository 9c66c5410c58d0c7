"""The flags that the command and its subcommands share."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from exporter import logs
from exporter.config.loading import ENVIRONMENT, load, load_environment, names_a_workspace
from exporter.config.problems import did_you_mean
from exporter.config.settings import Shard, ValidatedConfig
from exporter.config.sharding import ordinal_of_host, share
from exporter.config.values import parse_duration
from exporter.metrics.catalogue import TRUNK_FAMILY_NAMES
from exporter.web.flags import listen_addresses
from exporter.web.listening import ListenAddress

F = TypeVar("F", bound=Callable[..., object])


@dataclass
class Common:
    """The flags that concern subcommands too.

    Attributes:
        values: of those that are understood before and after a subcommand's name.
        written: which of these stand on the command line.
        demo: whether a simulated API is to be polled.
        shard_ordinal: which shard this is; None where nothing says so.
        shard_total: over how many the workspaces are split.
    """

    values: dict[str, Any] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    demo: bool = False
    shard_ordinal: int | None = None
    shard_total: int = 1
    _from_environment: bool | None = None

    @property
    def config_file(self) -> Path:
        """Where the configuration is, as messages name it."""
        path: Path = Path(ENVIRONMENT) if self._is_from_environment() else self.values["config_file"]
        return path

    def set_up_logs(self, level: str = "info") -> None:
        """Send the log where and how the flags say; ``level`` holds unless they name one."""
        logs.set_up(self.values["log_level"] or level, self.values["log_format"])

    def load(self) -> ValidatedConfig:
        """Load the configuration, with the workspaces of the shard that this is.

        Raises:
            click.UsageError: the flags name no shard.
            ConfigError: it cannot be used.
        """
        shard = self._shard()
        if self._is_from_environment():
            return share(load_environment(TRUNK_FAMILY_NAMES), shard)
        return share(load(self.config_file, TRUNK_FAMILY_NAMES), shard)

    def _is_from_environment(self) -> bool:
        """Tell whether variables stand for the file; a file that comes or goes later changes nothing about that."""
        if self._from_environment is None:
            missing = "config_file" not in self.written and not os.path.exists(self.values["config_file"])  # noqa: PTH110 - Path's may raise
            self._from_environment = missing and names_a_workspace()
        return self._from_environment

    def _shard(self) -> Shard:
        if self.shard_ordinal is None and self.shard_total > 1:
            raise click.UsageError(
                f"--shard.total {self.shard_total} needs --shard.ordinal, which says which of them this is"
            )
        try:
            return Shard(self.shard_ordinal or 0, self.shard_total)
        except ValueError as error:
            raise click.UsageError(str(error)) from error


class Word(click.Choice[str]):
    """One of a few words; what is nearly one of them gets a suggestion."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            hint = did_you_mean(value, self.choices) or "."
            raise click.BadParameter(error.message.removesuffix(".") + hint, ctx, param) from error


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Keep the value of a common flag; a default does not undo what an earlier place said."""
    name = str(parameter.name)
    common = context.find_root().ensure_object(Common)
    if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
        common.written.add(name)
    if name not in common.values or context.get_parameter_source(name) is not ParameterSource.DEFAULT:
        common.values[name] = value


def common_flags(command: F) -> F:
    """Give a command the flags that say where the configuration is and how to log."""
    for flag in (
        click.option(
            "--log.format",
            "log_format",
            type=Word(logs.FORMATS),
            default="logfmt",
            expose_value=False,
            callback=_remember,
            help="How log lines are written.",
        ),
        click.option(
            "--log.level",
            "log_level",
            type=Word(logs.LEVELS),
            expose_value=False,
            callback=_remember,
            help="The least severe messages to log.  [default: info]",
        ),
        click.option(
            "--config.file",
            "config_file",
            metavar="FILE",
            type=click.Path(path_type=Path),  # so that shells complete it
            default="config.yaml",
            expose_value=False,
            callback=_remember,
            help="The configuration.",
        ),
    ):
        command = flag(command)
    return command


def one_address(context: click.Context, parameter: click.Parameter, value: str) -> ListenAddress:
    """Read one address to listen on."""
    return listen_addresses(context, parameter, [value])[0]


def print_schema(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    """Print what a configuration may hold, and exit."""
    if value:
        from exporter.config.schema import json_schema  # noqa: PLC0415 - needed by nobody else

        click.echo(json_schema())
        context.exit()


def ordinal(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """Read which shard this is, from the host name if need be."""
    if value is None:
        return None
    try:
        return ordinal_of_host(socket.gethostname()) if value == "auto" else int(value)
    except ValueError as error:
        hint = error if value == "auto" else f"{value!r} is neither a number nor auto"
        raise click.BadParameter(str(hint)) from error


def duration(_: click.Context, __: click.Parameter, value: str) -> float:
    """Read a duration; the result is in seconds."""
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
