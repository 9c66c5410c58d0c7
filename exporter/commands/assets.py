"""``assets``: writes the rules, dashboards, runbooks and examples of this version into a folder."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from exporter import __version__
from exporter.assets.parameters import ParameterError, Parameters, change_rules, change_texts
from exporter.commands.common import Command, Common, Failure, Parsed, common_flags
from exporter.config.values import parse_duration

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://\S+", text):
        raise ValueError(f"{text!r} is no address; write one that begins with https:// or http://")
    return text


def _pair(example: str, check: Callable[[str, str], object]) -> Callable[[str], tuple[str, str]]:
    """Return the parser of ``NAME=VALUE``; ``check`` raises a ValueError where they are not what they ought to be."""

    def parse(text: str) -> tuple[str, str]:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ValueError(f"{text!r} is no pair; write one such as {example}")
        check(name, value)
        return name, value

    return parse


def _check_name(name: str, _: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name; write letters, digits and underscores")
    if name in ("alertname", "severity"):
        raise ValueError(f"the label {name} is the rule's own; --severity changes how severe an alert is")


def _check_number(_: str, value: str) -> None:
    if not re.fullmatch(r"\d+(\.\d+)?", value):
        raise ValueError(f"{value!r} is no number")


_ALERT_LEVEL = Parsed("alert=level", _pair("MihuTrunkGone=warning", lambda *_: None))
_ALERT_DURATION = Parsed("alert=duration", _pair("MihuRateLimited=1h", lambda _, value: parse_duration(value)))
_ALERT_NUMBER = Parsed("alert=number", _pair("MihuTrunkGone=600", _check_number))
_NAME_VALUE = Parsed("name=value", _pair("team=telephony", _check_name))
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
@click.option("--severity", type=_ALERT_LEVEL, multiple=True, help="Severity of an alert.")
@click.option(
    "--for",
    "wait",
    type=_ALERT_DURATION,
    envvar="MIHU_ASSETS_FOR",
    multiple=True,
    help="How long an alert must hold before it fires.",
)
@click.option("--threshold", type=_ALERT_NUMBER, multiple=True, help="The threshold that an alert compares with.")
@click.option("--disable", metavar="ALERT", multiple=True, help="Leave out an alert. Repeatable.")
@click.option("--label", type=_NAME_VALUE, multiple=True, help="A label added to every alert.")
@click.option("--annotation", type=_NAME_VALUE, multiple=True, help="An annotation added to every alert.")
@click.option("--force", is_flag=True, help="Replace files that differ.")
@click.pass_obj
def assets(  # noqa: PLR0913 - one for each flag
    common: Common,
    *,
    folder: Path,
    runbook_url: str | None,
    dashboard_url: str | None,
    status_url: str | None,
    severity: Sequence[tuple[str, str]],
    wait: Sequence[tuple[str, str]],
    threshold: Sequence[tuple[str, str]],
    disable: Sequence[str],
    label: Sequence[tuple[str, str]],
    annotation: Sequence[tuple[str, str]],
    force: bool,
) -> None:
    """Write rules, dashboards, runbooks and examples to a directory.

    They are those of this version. Flags that take a pair are repeatable. If a file exists and differs, nothing is
    written unless --force is given.
    """
    common.set_up_logs()
    parameters = Parameters(
        runbook_url=runbook_url,
        dashboard_url=dashboard_url,
        status_url=status_url,
        severities=dict(severity),
        waits=dict(wait),
        thresholds=dict(threshold),
        labels=dict(label),
        annotations=dict(annotation),
        disabled=disable,
    )
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
