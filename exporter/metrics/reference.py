"""Writes the metrics reference of the README from the catalogue: ``python -m exporter.metrics.reference README.md``."""

import sys
from collections.abc import Sequence
from pathlib import Path

from exporter.metrics.catalogue import SECTIONS
from exporter.metrics.family import Family

_BEGIN = "<!-- The metrics reference begins; `make reference` writes it from the catalogue. -->\n"
_END = "<!-- The metrics reference ends. -->\n"


def reference() -> str:
    """Return the reference as Markdown."""
    return "\n".join(_section(title, families) for title, families in SECTIONS)


def replaced(document: str) -> str:
    """Return a document with its reference as the catalogue has it now.

    Raises:
        ValueError: the document does not say where the reference begins and ends.
    """
    before, begin, rest = document.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError("the document has no place for the metrics reference")
    return f"{before}{begin}\n{reference()}\n{end}{after}"


def _section(title: str, families: Sequence[Family]) -> str:
    rows = "".join(
        f"| `{family.name}` | {family.type} | {', '.join(f'`{label}`' for label in family.labels)} | {family.help} |\n"
        for family in families
    )
    return f"### {title}\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n{rows}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(replaced(path.read_text(encoding="utf-8")), encoding="utf-8")
