"""``assets``: writes the rules, dashboards, runbooks and examples of this version into a folder."""

import re
import sys
from collections.abc import Callable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import click

from exporter import __version__
from exporter.assets.parameters import ParameterError, Parameters, change_rules, change_texts
from exporter.commands.common import Command, Common, Failure, Parsed, common_flags
from exporter.config.values import parse_duration

F = TypeVar("F", bound=Callable[..., object])

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _pairs(
    name: str,
    metavar: str,
    example: str,
    check: Callable[[str, str], object],
    **settings: Any,  # noqa: ANN401 - as click's
) -> Callable[[F], F]:
    """Return a repeatable flag that takes pairs, as a mapping; ``check`` raises a ValueError about a wrong pair."""

    def parse(text: str) -> tuple[str, str]:
        key, _, value = text.partition("=")
        if not (key and value):
            raise ValueError(f"{text!r} is no pair; write one such as {example}")
        check(key, value)
        return key, value

    parsed = Parsed(metavar, parse)
    return click.option(f"--{name}", type=parsed, multiple=True, callback=lambda _, __, pairs: dict(pairs), **settings)


def _check_name(name: str, _: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name; write letters, digits and underscores")
    if name in ("alertname", "severity"):
        raise ValueError(f"the label {name} is the rule's own; --severity changes how severe an alert is")


def _check_number(_: str, value: str) -> None:
    if not re.fullmatch(r"\d+(\.\d+)?", value):
        raise ValueError(f"{value!r} is no number")


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://\S+", text):
        raise ValueError(f"{text!r} is no address; write one that begins with https:// or http://")
    return text


_BASE = Parsed("base", _url)


@click.command(cls=Command)
@click.argument(
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to write to; created if missing.",
)
@common_flags
@click.option("--runbook-url", type=_BASE, help="Address of the runbooks: alerts link to BASE/ALERT.md.")
@click.option(
    "--dashboard-url", type=_BASE, help="Address of Grafana: alerts and notifications link to the dashboards."
)
@click.option("--status-url", type=_BASE, help="Address of the status page: alerts and notifications link to it.")
@_pairs("severity", "alert=level", "MihuTrunkGone=warning", lambda *_: None, help="Severity of an alert.")
@_pairs(
    "for",
    "alert=duration",
    "MihuRateLimited=1h",
    lambda _, value: parse_duration(value),
    help="How long an alert must hold before it fires.",
)
@_pairs(
    "threshold",
    "alert=number",
    "MihuTrunkGone=600",
    _check_number,
    help="The threshold that an alert compares with.",
)
@click.option("--disable", metavar="ALERT", multiple=True, help="Leave out an alert. Repeatable.")
@_pairs("label", "name=value", "team=telephony", _check_name, help="A label added to every alert.")
@_pairs("annotation", "name=value", "team=telephony", _check_name, help="An annotation added to every alert.")
@click.option("--force", is_flag=True, help="Replace files that differ.")
@click.pass_obj
def assets(common: Common, /, *, folder: Path, force: bool, **changes: Any) -> None:  # noqa: ANN401 - see Parameters
    """Write rules, dashboards, runbooks and examples to a directory.

    They are those of this version. Flags that take a pair are repeatable. If a file exists and differs, nothing is
    written unless --force is given.
    """
    common.set_up_logs()
    parameters = Parameters(wait=changes.pop("for"), **changes)
    try:
        contents = {folder / path: content for path, content in _contents(parameters)}
        there = {path: path.read_bytes() for path in contents if path.exists()}
        differing = [path for path in there if there[path] != contents[path]]
        if differing and not force:
            raise Failure(
                f"nothing was written: {', '.join(map(str, differing))} would change; "
                "name another folder, or replace what is there with --force"
            )
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except ParameterError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise Failure(f"cannot write {error.filename}: {error.strerror}") from error
    if sys.stdout.isatty():
        for path in contents:
            state = "replaced" if path in differing else "unchanged" if path in there else "new"
            click.echo(f"{state:9}  {path}")
        click.echo(f"{len(contents)} files of version {__version__}")


def _contents(parameters: Parameters) -> Iterator[tuple[str, bytes]]:
    """Yield each file's path in the folder, and what it has to hold."""
    for path, file in _files(resources.files("exporter.assets") / "files", ""):
        content = file.read_bytes()
        if path.endswith(".rules.yaml"):
            content = change_rules(content.decode(), parameters).encode()
        elif path.endswith(".tmpl"):
            content = change_texts(content.decode(), parameters).encode()
        yield path, content


def _files(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _files(entry, f"{path}{entry.name}/")
        else:
            yield f"{path}{entry.name}", entry
