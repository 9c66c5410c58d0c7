"""``assets``: writes the rules, dashboards, runbooks and examples of this version into a folder."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
import yaml

from exporter import __version__
from exporter.commands.common import Command, Common, Failure, Parsed, common_flags
from exporter.config.problems import did_you_mean, one_of
from exporter.config.settings import json_schema
from exporter.config.values import parse_duration

F = TypeVar("F", bound=Callable[..., object])
Changes = Mapping[str, Any]  # the values of the flags, by their names

_FILES = Path(__file__).parents[1] / "assets" / "files"  # in a checkout it links to deploy/; the wheel has copies
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The labels of an alert say whether it is about a trunk, a workspace or the exporter.
_DASHBOARD = (
    "{{ if or $labels.phone_number_uuid $labels.number }}mihu-trunk?var-workspace={{ urlquery $labels.workspace }}"
    "&var-number={{ urlquery $labels.number }}&var-uuid={{ urlquery $labels.phone_number_uuid }}"
    "{{ else if $labels.workspace }}mihu-overview?var-workspace={{ urlquery $labels.workspace }}"
    "{{ else }}mihu-exporter{{ end }}"
)
_STATUS = (
    "{{ if $labels.phone_number_uuid }}trunk?workspace={{ urlquery $labels.workspace }}"
    "&uuid={{ urlquery $labels.phone_number_uuid }}"
    "{{ else if $labels.number }}trunk?workspace={{ urlquery $labels.workspace }}&number={{ urlquery $labels.number }}"
    "{{ else if $labels.workspace }}workspace?name={{ urlquery $labels.workspace }}{{ end }}"
)
# A comparison with a number other than 0: 0 is never a threshold.
_THRESHOLD = re.compile(r"(?:(?<=[<>] )|(?<=[<>]= ))(?!0\b(?!\.))\d+(?:\.\d+)?(?=\s|\)|$)")


def _pairs(
    flag: str, metavar: str, example: str, help_: str, check: Callable[[str, str], object] = lambda *_: None
) -> Callable[[F], F]:
    """Return a repeatable flag that takes pairs, as a mapping; ``check`` raises a ValueError about a wrong pair."""

    def parse(text: str) -> tuple[str, str]:
        key, _, value = text.partition("=")
        if not (key and value):
            raise ValueError(f"{text!r} is no pair; write one such as {example}")
        check(key, value)
        return key, value

    return click.option(
        flag, type=Parsed(metavar, parse), multiple=True, callback=lambda _, __, pairs: dict(pairs), help=help_
    )


def _name(name: str, _: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name; write letters, digits and underscores")
    if name in ("alertname", "severity"):
        raise ValueError(f"the label {name} is the rule's own; --severity changes how severe an alert is")


def _number(_: str, value: str) -> None:
    if not re.fullmatch(r"\d+(\.\d+)?", value):
        raise ValueError(f"{value!r} is no number")


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://\S+", text):
        raise ValueError(f"{text!r} is no address; write one that begins with https:// or http://")
    return text.rstrip("/")


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
@_pairs("--severity", "alert=level", "MihuTrunkGone=warning", "Severity of an alert.")
@_pairs(
    "--for",
    "alert=duration",
    "MihuRateLimited=1h",
    "How long an alert must hold before it fires.",
    lambda _, duration: parse_duration(duration),
)
@_pairs("--threshold", "alert=number", "MihuTrunkGone=600", "The threshold that an alert compares with.", _number)
@click.option("--disable", metavar="ALERT", multiple=True, help="Leave out an alert. Repeatable.")
@_pairs("--label", "name=value", "team=telephony", "A label added to every alert.", _name)
@_pairs("--annotation", "name=value", "team=telephony", "An annotation added to every alert.", _name)
@click.option("--force", is_flag=True, help="Replace files that differ.")
@click.pass_obj
def assets(common: Common, /, *, folder: Path, force: bool, **changes: Any) -> None:  # noqa: ANN401 - of many types
    """Write rules, dashboards, runbooks and examples to a directory.

    They are those of this version. Flags that take a pair are repeatable. If a file exists and differs, nothing is
    written unless --force is given.
    """
    common.set_up_logs()
    try:
        contents = {folder / path: content for path, content in sorted(_contents(changes))}
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
    except OSError as error:
        raise Failure(f"cannot write {error.filename}: {error.strerror}") from error
    if sys.stdout.isatty():
        for path in contents:
            state = "replaced" if path in differing else "unchanged" if path in there else "new"
            click.echo(f"{state:9}  {path}")
        click.echo(f"{len(contents)} files of version {__version__}")


def _contents(changes: Changes) -> Iterator[tuple[Path, bytes]]:
    """Yield each file's path in the folder, and what it has to hold."""
    for parent, _, names in os.walk(_FILES, followlinks=True):
        for path in (Path(parent, name) for name in names):
            content = path.read_bytes()
            if path.name.endswith(".rules.yaml"):
                content = _change_rules(content.decode(), changes).encode()
            elif path.suffix == ".tmpl":
                content = _change_texts(content.decode(), changes).encode()
            yield path.relative_to(_FILES), content
    yield Path("docs", "config.schema.json"), f"{json_schema()}\n".encode()  # which config.yaml names


def _change_texts(text: str, changes: Changes) -> str:
    """Return the templates of notifications with the addresses of Grafana and the status page."""
    for name, url in (("mihu.grafana", changes["dashboard_url"]), ("mihu.exporter", changes["status_url"])):
        if url is not None:
            start, definition, rest = text.partition(f'define "{name}" -}}}}')
            text = start + definition + url + rest[rest.index("{{-") :]
    return text


def _change_rules(text: str, changes: Changes) -> str:
    """Return a file of rules with the changes; without any, the same text."""
    if not any(changes.values()):
        return text
    groups = yaml.safe_load(text)["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]  # names may come twice
    names = {alert["alert"] for alert in alerts}
    with_threshold = {alert["alert"] for alert in alerts if _has_threshold(alert)}
    for name in (*changes["severity"], *changes["for"], *changes["threshold"], *changes["disable"]):
        if name not in names:
            raise click.UsageError(f"there is no alert called {name}{did_you_mean(name, names)}")
    for name in changes["threshold"]:
        if name not in with_threshold:
            raise click.UsageError(
                f"{name} compares with no number, or with several; thresholds are for {one_of(sorted(with_threshold))}"
            )
    for alert in alerts:
        _change_alert(alert, changes)
    for group in groups:
        group["rules"] = [rule for rule in group["rules"] if rule.get("alert") not in changes["disable"]]
    kept_groups = [group for group in groups if group["rules"]]
    return yaml.dump({"groups": kept_groups}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)


def _has_threshold(alert: dict[str, Any]) -> bool:
    return len(_THRESHOLD.findall(alert["expr"])) == 1


def _change_alert(alert: dict[str, Any], changes: Changes) -> None:
    name = alert["alert"]
    if name in changes["for"]:
        alert["for"] = changes["for"][name]
    if name in changes["threshold"] and _has_threshold(alert):
        alert["expr"] = _THRESHOLD.sub(changes["threshold"][name], alert["expr"])
    if name in changes["severity"]:
        alert["labels"]["severity"] = changes["severity"][name]
    alert["labels"] |= changes["label"]
    links = {"runbook_url": f"{name}.md", "dashboard_url": f"d/{_DASHBOARD}", "status_url": _STATUS}
    alert["annotations"] |= {key: f"{changes[key]}/{path}" for key, path in links.items() if changes[key] is not None}
    alert["annotations"] |= changes["annotation"]


class _Dumper(yaml.SafeDumper):
    """Keeps the lines of expressions, and writes no anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
