"""The names of workspaces, which are labels: each has one, and no two the same."""

from collections.abc import Iterable

from exporter.config.document import WorkspaceDocument
from exporter.config.problems import Findings, Place
from exporter.config.wording import quoted

_LONGEST = 128  # characters, as of any label's value


def resolve_name(document: WorkspaceDocument, place: Place, findings: Findings) -> str | None:
    """Return the name, by default the subdomain; None, and a problem, where there is none to use."""
    name = document.name
    if name is None:
        if document.base_url is not None and document.subdomain is None and not findings.wrong(place.key("name")):
            findings.problem(place, "has no name; beside base_url a name is needed, for the label of the workspace")
        return None if document.subdomain is None else document.subdomain.lower()  # as it is in the address
    if len(name) > _LONGEST:
        findings.problem(place.key("name"), f"should be at most {_LONGEST} characters, but is {quoted(name)}")
        return None
    return name


def refuse_repeated(names: Iterable[tuple[Place, str | None]], findings: Findings) -> None:
    """Tell of every name that an earlier workspace has."""
    first: dict[str, Place] = {}
    for place, name in names:
        if name is None:
            continue
        earlier = first.setdefault(name, place)
        if earlier != place:
            findings.problem(place, f"has the same name as {earlier.seen_from(place)}, {quoted(name)}; give it another")
