"""How commands present themselves: help in sections, a variable for each flag, and a hint for each slip."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import click

_SECTIONS = {
    "config": "Configuration",
    "web": "Web",
    "shard": "Shards",
    "storage": "Storage",
    "log": "Logging",
    "demo": "Trying it out",
}
_REST = "Options"
_NAMES_WIDTH = 36  # of the column; longer names have a line of their own


class Command(click.Command):
    """A command whose flags may also be variables: ``--format`` of ``doctor`` is MIHU_DOCTOR_FORMAT.

    A flag with a dot, such as ``--log.level``, concerns the whole program, and is the same variable everywhere.
    """

    sections: Sequence[str] = (_REST, *_SECTIONS.values())

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **kwargs)
        for option in self._options():
            # One that is eager ends the program, which a variable that happens to be there must not.
            if not option.is_eager:
                option.envvar = self._variable(option)
                option.show_envvar = True
            option.show_default = True

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the flags, in sections."""
        records: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                records[_section(parameter)].append(record)
        for section in self.sections:
            if section in records:
                with formatter.section(section):
                    formatter.write_dl(records[section], col_max=_NAMES_WIDTH)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read flags, and tell what was probably meant by one that there is not."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise self._hint(ctx, given, error) from error

    def _hint(self, ctx: click.Context, args: Sequence[str], error: click.NoSuchOption) -> click.UsageError:
        if ctx.parent is not None and error.option_name in _long_names(ctx.parent.command):
            before, command = ctx.parent.info_name, ctx.info_name
            return click.UsageError(
                f"{error.option_name} goes before the command: {before} {error.option_name} … {command}", ctx
            )
        for argument in args:
            # Flags of older Prometheus programs have one hyphen, of which click reads the first letter alone.
            name = argument.partition("=")[0]
            if len(name) > len(error.option_name) and name.startswith(error.option_name) and name[1] != "-":
                return click.NoSuchOption(name, possibilities=_long_names(self), ctx=ctx)
        return error

    def _options(self) -> list[click.Option]:
        return [parameter for parameter in self.params if isinstance(parameter, click.Option)]

    def _variable(self, option: click.Option) -> str:
        flag = max(option.opts, key=len).lstrip("-")
        name = flag if "." in flag else f"{self._prefix()}{flag}"
        return f"MIHU_{name}".upper().replace(".", "_").replace("-", "_")

    def _prefix(self) -> str:
        return f"{self.name}_"


class Lazy(Mapping[str, click.Command]):
    """Commands whose modules are imported when they are asked for: the exporter itself starts without them.

    A command is called as its module is.
    """

    def __init__(self, *modules: str) -> None:
        self._modules = {module.rpartition(".")[2]: module for module in modules}

    def __getitem__(self, name: str) -> click.Command:
        command: click.Command = getattr(import_module(self._modules[name]), name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


class Group(Command, click.Group):
    """The program itself, with commands below it."""

    sections = (*_SECTIONS.values(), _REST)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the flags, in sections, and the commands, none of them cut."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the commands, each with its whole sentence."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(200)) for name, command in self.commands.items()])

    def _hint(self, ctx: click.Context, args: Sequence[str], error: click.NoSuchOption) -> click.UsageError:
        name = error.option_name.lstrip("-")
        if name in self.commands:
            return click.UsageError(f"{name} is a command, written without hyphens: {ctx.info_name} … {name}", ctx)
        return super()._hint(ctx, args, error)

    def _prefix(self) -> str:
        return ""


def _section(parameter: click.Parameter) -> str:
    prefix = max(parameter.opts, key=len).lstrip("-").partition(".")[0]
    return _SECTIONS.get(prefix, _REST)


def _long_names(command: click.Command) -> list[str]:
    return [name for parameter in command.params for name in parameter.opts if name.startswith("--")]
