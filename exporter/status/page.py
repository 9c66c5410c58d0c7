"""Renders the status page as HTML that loads nothing and runs nothing but what stands in it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__
from exporter.metrics.catalogue import SECTIONS
from exporter.status import words
from exporter.status.document import Document, State
from exporter.status.query import Query, Sort
from exporter.status.sparkline import HEIGHT, sparkline
from exporter.trunks.out_of_service import Concern

_TEMPLATES = files("exporter.status") / "templates"
_STYLE = (_TEMPLATES / "status.css").read_text(encoding="utf-8")
_SCRIPT = (_TEMPLATES / "status.js").read_text(encoding="utf-8")

STATES: Mapping[State, str] = {
    State.STALE: "no data",
    State.FAILING: "failing",
    State.STARTING: "first poll",
    State.UP: "up",
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
_ENVIRONMENT.globals |= {
    "style": _STYLE,
    "script": _SCRIPT,
    "words": words,
    "sparkline": sparkline,
    "bar_height": HEIGHT,
    "states": STATES,
    "concerns": CONCERNS,
    "sorts": SORTS,
    "sections": SECTIONS,
    "version": __version__,
}


def render(document: Document, query: Query, workspaces: Sequence[str], telemetry_path: str) -> str:
    """Render the page.

    Args:
        document: what is shown.
        query: what was asked for; links on the page are changes of it.
        workspaces: the names of all, to choose from.
        telemetry_path: where the metrics are, relative to the page.
    """
    page = _ENVIRONMENT.get_template("status.html.j2")
    return page.render(document=document, query=query, workspaces=workspaces, telemetry_path=telemetry_path)


def render_documentation(telemetry_path: str) -> str:
    """Render what the paths answer and what the metrics mean."""
    return _ENVIRONMENT.get_template("docs.html.j2").render(telemetry_path=telemetry_path)
