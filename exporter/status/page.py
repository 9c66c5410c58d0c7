"""Renders pages as HTML that loads nothing and runs nothing but what stands in it."""

import contextlib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from statistics import median
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__
from exporter.config.settings import ValidatedConfig, shown
from exporter.listing.description import Entry, timestamp
from exporter.listing.lookup import TRUNKS_PER_PAGE, Lookup, find, look_up
from exporter.metrics.catalogue import SECTIONS
from exporter.status.document import ChangeQuery, QueryError, Summary, is_well
from exporter.trunks.out_of_service import Concern

_TEMPLATES = files("exporter.status") / "templates"
_STYLE = (_TEMPLATES / "page.css").read_text(encoding="utf-8")
_SCRIPT = (_TEMPLATES / "page.js").read_text(encoding="utf-8")

_TIME_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def span(seconds: float) -> str:
    """Return a length of time, in the largest unit of which there are at least two."""
    for unit, worth in _TIME_UNITS:
        if seconds >= 2 * worth:
            return f"{seconds / worth:.0f} {unit}"
    return f"{seconds:.0f} s"


def took(seconds: float) -> str:
    """Return how long something took, precise where it is short."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 120 else span(seconds)  # noqa: PLR2004 - two minutes


def ago(seconds: float) -> str:
    return "just now" if seconds < 1 else f"{span(seconds)} ago"


def clock(time: float) -> str:
    return timestamp(time).replace("T", " ").replace("Z", " UTC")


def _source(text: str) -> str:
    """Return what allows a text of the page in a Content-Security-Policy (CSP Level 3, section 2.3.1)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; style-src {_source(_STYLE)}; script-src {_source(_SCRIPT)}; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def _counted(entries: Iterable[Entry]) -> str:
    """Return how many trunks of each kind there are, in the order of lists."""
    kinds = Counter[str]()
    for entry in entries:
        is_gone = Concern.GONE in entry.concerns
        kinds["out of service" if entry.out_of_service else "gone" if is_gone else "that lost something"] += 1
    return ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())


_ENVIRONMENT = Environment(
    loader=PackageLoader("exporter.status"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {"ago": ago, "clock": clock, "span": span, "took": took, "iso": timestamp, "median": median}
_ENVIRONMENT.filters |= {"fee": "{:,.2f}".format, "grouped": "{:,}".format, "plain": "{:g}".format}
_ENVIRONMENT.filters |= {"counted": _counted, "shown": shown}
_ENVIRONMENT.tests["well"] = is_well
_ENVIRONMENT.globals |= {"style": _STYLE, "script": _SCRIPT, "zip": zip, "sections": SECTIONS, "version": __version__}

Context = dict[str, Any]


def render(
    name: str, summary: Summary, config: ValidatedConfig, params: Mapping[str, str], telemetry_path: str
) -> tuple[str, int]:
    """Return a page, and its HTTP status; ``telemetry_path`` is where the metrics are, relative to the page."""
    context: Context = {"template": name, "heading": name.capitalize(), "about": {}, "status": 200, "lookup": Lookup()}
    if name in _CONTEXTS:
        context |= _CONTEXTS[name](summary, params)
    stale = summary.stale()
    content = _ENVIRONMENT.get_template(f"{context['template']}.html.j2").render(
        **context,
        here="./" if name == "front" else context["template"],
        config=config,
        summary=summary,
        stale=stale,
        stale_names={workspace["name"] for workspace in stale},
        telemetry_path=telemetry_path,
        links=list(_links(config.web.links, context["about"])),
    )
    return content, context["status"]


def _trunks(summary: Summary, params: Mapping[str, str]) -> Context:
    lookup = Lookup.parse(params)
    found = look_up(summary.statuses, lookup, lookup.page * TRUNKS_PER_PAGE)
    return {"lookup": lookup, "options": found.options, "trunks": found.page(lookup.page)}


def _trunk(summary: Summary, params: Mapping[str, str]) -> Context:
    workspace, uuid, number = (params.get(name, "") for name in ("workspace", "uuid", "number"))
    status = next((each for each in summary.statuses if each.workspace.name == workspace), None)
    if status is None:
        return _workspace(summary, {"name": workspace}) | {"heading": "No such trunk"}
    if trunks := find(status, uuid, number):
        entry = trunks[0][0].entry
        about = {"workspace": workspace, "number": entry.number, "uuid": entry.phone_number_uuid}
        return {"trunks": trunks, "workspace": workspace, "about": about, "heading": entry.number or uuid}
    if status.snapshot.fleet is None:
        return _missing("Not known yet", f"{workspace} has not been read since the exporter started.")
    history = reversed(status.snapshot.memory.history)
    if changes := [change for change in history if change.key and change.key == (uuid or number)]:
        advice = f"{workspace} no longer lists this trunk; only these changes are remembered."
        return _missing(changes[0].number or uuid, advice, 200) | {"changes": changes}
    return _missing("No such trunk", f"{workspace} has no trunk {uuid or number}, and remembers none.")


def _workspace(summary: Summary, params: Mapping[str, str]) -> Context:
    name = params.get("name", "")
    if name not in summary.names:
        return _missing("No such workspace", f"No workspace is called {name}." if name else "No workspace is named.")
    return {"workspace": summary.workspaces(name)[0], "heading": name, "about": {"workspace": name}}


def _changes(_: Summary, params: Mapping[str, str]) -> Context:
    try:
        query = ChangeQuery.parse(params)
    except QueryError as error:
        return _missing("No changes", f"{error}.", 400)
    return {"query": query}


def _missing(heading: str, advice: str, status: int = 404) -> Context:
    return {"template": "missing", "heading": heading, "advice": advice, "changes": [], "status": status}


_CONTEXTS: Mapping[str, Callable[[Summary, Mapping[str, str]], Context]] = {
    "trunks": _trunks,
    "trunk": _trunk,
    "workspace": _workspace,
    "changes": _changes,
}


def _links(templates: Mapping[str, str], about: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    """Yield the names and addresses of the links that can be filled in with what a page is about."""
    values = {name: quote(value, safe="") for name, value in about.items() if value}
    for name, template in templates.items():
        with contextlib.suppress(KeyError):
            yield name, template.format_map(values)
