"""The report as text for people."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.doctor.finding import Finding, Outcome
from exporter.doctor.report import Report

MARKS = {Outcome.OK: "✓", Outcome.WARNING: "!", Outcome.FAILED: "✗", Outcome.SKIPPED: "-"}
NAME_WIDTH = len("name resolution")  # the longest name of a step
_IN_ASCII = str.maketrans({"✓": "+", "✗": "x", "→": ">"})


@dataclass(frozen=True, slots=True)
class Row:
    """A line below a heading: of a step, or more about the one above it."""

    outcome: Outcome | None
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, which may be empty, and what stands below it."""

    heading: str
    rows: tuple[Row, ...]


def sections(report: Report) -> tuple[Section, ...]:
    """Return what the report says of the configuration and of each workspace."""
    return (
        Section("", tuple(_rows("configuration", report.configuration))),
        *(
            Section(
                f"{workspace.name} at {workspace.address}",
                tuple(row for step in workspace.steps for row in _rows(step.name, step.finding)),
            )
            for workspace in report.workspaces
        ),
    )


def conclusion(report: Report) -> str:
    """Return the last line: whether all can be polled."""
    ill = [workspace.name for workspace in report.workspaces if not workspace.ok]
    if report.configuration.outcome is Outcome.FAILED:
        return "Nothing can be polled."
    if not report.workspaces:
        return "There is nothing to poll."
    if ill:
        return f"{len(ill)} of {len(report.workspaces)} cannot be polled: {', '.join(ill)}."
    findings = [report.configuration, *(step.finding for workspace in report.workspaces for step in workspace.steps)]
    doubtful = sum(finding.outcome is Outcome.WARNING for finding in findings)
    return f"Everything can be polled{f'; what has a ! deserves attention ({doubtful})' if doubtful else ''}."


def plain(report: Report, encoding: str) -> str:
    """Return the report as plain text, in signs that an encoding has."""
    blocks = [*map(_block, sections(report)), conclusion(report)]
    text = "\n\n".join(blocks) + "\n"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_IN_ASCII).encode(encoding, "replace").decode(encoding)
    return text


def _rows(name: str, finding: Finding) -> Iterator[Row]:
    yield Row(finding.outcome, name, finding.seen)
    for line in "\n".join(finding.details).splitlines():
        yield Row(None, "", line)
    if finding.remedy:
        yield Row(None, "", f"→ {finding.remedy}")


def _block(section: Section) -> str:
    lines = [
        f"{MARKS[row.outcome] if row.outcome else ' '} {row.name:{NAME_WIDTH}}  {row.words}" for row in section.rows
    ]
    return "\n".join([section.heading, *lines] if section.heading else lines)
