"""Help and errors of all commands, their common flags, and loading the configuration."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
from click.core import ParameterSource

from exporter import logs
from exporter.config.loading import ENVIRONMENT, load, load_environment, names_a_workspace
from exporter.config.problems import printable_lines
from exporter.config.settings import Shard, ValidatedConfig
from exporter.metrics.catalogue import TRUNK_FAMILY_NAMES

F = TypeVar("F", bound=Callable[..., object])

_SECTIONS = {
    "config": "Configuration",
    "web": "Web",
    "shard": "Shards",
    "storage": "Storage",
    "log": "Logging",
    "demo": "Trying it out",
}
_OTHERS = "Options"
_NAMES_WIDTH = 36  # of the column; longer names have a line of their own


class Command(click.Command):
    """A command with sections in its help, and with suggestions for unknown flags."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        parameters = super().get_params(ctx)
        for option in parameters:
            if isinstance(option, click.Option):
                # An eager one, such as --version, ends the program; a variable that happens to be set must not.
                option.show_envvar = not option.is_eager
                option.allow_from_autoenv &= option.show_envvar
        return parameters

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # Flags without a section come last in the program's own help, and first in a command's.
        titles = [*_SECTIONS.values(), _OTHERS] if ctx.parent is None else [_OTHERS, *_SECTIONS.values()]
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in titles}
        for option in self.get_params(ctx):
            if isinstance(option, click.Option) and (record := option.get_help_record(ctx)) is not None:
                prefix = max(option.opts, key=len).lstrip("-").partition(".")[0]
                sections[_SECTIONS.get(prefix, _OTHERS)].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records, col_max=_NAMES_WIDTH)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name, root = error.option_name, ctx.find_root()
            if option := next((each for each in root.command.params if name in each.opts), None):
                hint = f"goes before the command: {root.info_name} {name} … {ctx.info_name}"
                if isinstance(option, click.Option) and option.is_flag:
                    hint = f"does not go with {ctx.info_name}; leave out one of them"
                raise click.UsageError(f"{name} {hint}", ctx) from error
            raise


class Parsed(click.ParamType):  # type: ignore[type-arg]  # one before click 8.5, two since
    """The result of a function; the message of its ValueError is the error's."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> object:
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        return rv.split() or [rv]  # blanks alone are a mistake, and no empty list


class OptionalPath(click.Path):
    """A path; an empty one is none, as with the flags of Prometheus."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - as its
        return super().convert(value, param, ctx) if value else None


@dataclass
class Common:
    written: set[str] = field(default_factory=set)  # names of the flags on the command line
    config_file: Path = Path("config.yaml")
    log_level: str | None = None  # the command's own default
    log_format: Literal["logfmt", "json"] = "logfmt"
    demo: bool = False
    storage_path: Path | None = None
    shard_ordinal: int | None = None
    shard_total: int = 1
    has_file: bool = False  # so that one that is being replaced is not taken for none

    def set_up_logs(self, level: str = "info") -> None:
        """Set up the log as the flags say; ``level`` is the command's own default."""
        logs.set_up(self.log_level or level, self.log_format)

    @property
    def source(self) -> Path:
        """The configuration file, or ENVIRONMENT as long as there is none."""
        self.has_file |= "config_file" in self.written or os.path.exists(self.config_file)  # noqa: PTH110 - Path's may raise
        return self.config_file if self.has_file or not names_a_workspace() else Path(ENVIRONMENT)

    def load(self) -> ValidatedConfig:
        """Load the configuration, with the workspaces of this shard."""
        if self.shard_ordinal is None and self.shard_total > 1:
            raise click.UsageError(f"--shard.total {self.shard_total} needs --shard.ordinal, the number of this one")
        try:
            shard = Shard(self.shard_ordinal or 0, self.shard_total)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        source, families = self.source, TRUNK_FAMILY_NAMES
        config = load_environment(families) if source == Path(ENVIRONMENT) else load(source, families)
        return config.share(shard)


def flag(name: str, **settings: Any) -> Callable[[F], F]:  # noqa: ANN401 - as click's
    """Return a flag with dots in its name."""
    return click.option(name, _attribute(name), **settings)


def _attribute(name: str) -> str:
    return re.sub("[.-]", "_", name.lstrip("-"))


def common_flag(name: str, **settings: Any) -> Callable[[F], F]:  # noqa: ANN401 - as click's
    """Return a flag that is stored in Common, with one environment variable for every command."""
    variable = f"MIHU_{_attribute(name)}".upper()
    return flag(name, envvar=variable, allow_from_autoenv=False, expose_value=False, callback=_keep, **settings)


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Store a value of the command line, else of the environment."""
    common, name = context.find_root().ensure_object(Common), str(parameter.name)
    source = context.get_parameter_source(name)
    if source is ParameterSource.COMMANDLINE:
        common.written.add(name)
    elif source is ParameterSource.DEFAULT or name in common.written:
        return
    setattr(common, name, value)


_CONFIG_FILE = common_flag(
    "--config.file",
    metavar="FILE",
    type=click.Path(path_type=Path),  # so that shells complete it
    default="config.yaml",
    help="Configuration file.",
)
_LOG_LEVEL = common_flag(
    "--log.level",
    type=click.Choice(logs.LEVELS),
    help="Only log messages with this severity or above.  [default: info]",
)
_LOG_FORMAT = common_flag(
    "--log.format", type=click.Choice(logs.FORMATS), default="logfmt", help="Output format of log messages."
)

demo_flag = common_flag("--demo", is_flag=True, help="Poll a simulated API inside the process; needs no configuration.")


def common_flags(command: F) -> F:
    """Give a command the flags that may stand before or after its name."""
    return _CONFIG_FILE(_LOG_LEVEL(_LOG_FORMAT(command)))


class Failure(click.ClickException):
    """Ends the program with one line and status 1."""

    def show(self, file: object = None) -> None:  # noqa: ARG002 - click's signature
        say(self.message)


def say(line: str) -> None:
    click.echo(f"mihu-trunk-exporter: {printable_lines(line)}", err=True)
