"""Renders the status page as HTML that loads nothing and runs nothing but what stands in it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from statistics import median

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__
from exporter.metrics.catalogue import SECTIONS
from exporter.status.document import Document, WorkspaceState
from exporter.status.query import Query, Sort
from exporter.trunks.out_of_service import Concern

_TEMPLATES = files("exporter.status") / "templates"
_STYLE = (_TEMPLATES / "status.css").read_text(encoding="utf-8")
_SCRIPT = (_TEMPLATES / "status.js").read_text(encoding="utf-8")

STATES: Mapping[WorkspaceState, str] = {
    WorkspaceState.STALE: "no data",
    WorkspaceState.FAILING: "failing",
    WorkspaceState.STARTING: "first poll",
    WorkspaceState.UP: "up",
}
CONCERNS: Mapping[Concern, str] = {
    Concern.UNBOUND: "No agent",
    Concern.NOT_ACTIVE: "Not active",
    Concern.BLOCKED: "Blocked",
    Concern.COMPLIANCE: "Compliance open",
}
SORTS: Mapping[Sort, str] = {
    Sort.URGENCY: "Why",
    Sort.NUMBER: "Number",
    Sort.LOCATION: "Location",
    Sort.WORKSPACE: "Workspace",
}
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
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _source(text: str) -> str:
    """Return what allows a text of the page in a Content-Security-Policy (CSP Level 3, section 2.3.1)."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; style-src {_source(_STYLE)}; script-src {_source(_SCRIPT)}; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_ENVIRONMENT = Environment(
    loader=PackageLoader("exporter.status"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "ago": ago,
    "clock": clock,
    "fee": "{:,.2f}".format,
    "grouped": "{:,}".format,
    "iso": iso,
    "median": median,
    "span": span,
    "took": took,
}
_ENVIRONMENT.globals |= {
    "style": _STYLE,
    "script": _SCRIPT,
    "states": STATES,
    "concerns": CONCERNS,
    "sorts": SORTS,
    "sections": SECTIONS,
    "version": __version__,
    "zip": zip,
}


def render(document: Document, query: Query, workspaces: Sequence[str], telemetry_path: str) -> str:
    """Render the page.

    Args:
        document: the answer to the query.
        query: links on the page are changes of it.
        workspaces: the names of all, to choose from.
        telemetry_path: where the metrics are, relative to the page.
    """
    page = _ENVIRONMENT.get_template("status.html.j2")
    return page.render(document=document, query=query, workspaces=workspaces, telemetry_path=telemetry_path)


def render_documentation(telemetry_path: str) -> str:
    """Render what the paths answer and what the metrics mean."""
    return _ENVIRONMENT.get_template("docs.html.j2").render(telemetry_path=telemetry_path)
