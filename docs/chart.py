"""Writes the table of values in the chart's README from the comments in its values.yaml; ``make reference`` runs it.

A comment that begins with two hyphens describes the key below it, as in helm-docs. With --check nothing is written, and
the exit code is 1 where the table is out of date.
"""
# ruff: noqa: INP001 - a script, not a package

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[1] / "deploy" / "helm" / "mihu-trunk-exporter"

_BEGIN, _END = "<!-- made by make reference from values.yaml -->\n", "<!-- end -->\n"
_LINE = re.compile(r"(?P<indent> *)(?:# (?P<begins>-- )?(?P<comment>.*)|(?P<key>\w+):.*)")


def main(*, check: bool) -> int:
    readme = CHART / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    new = f"{before}{_BEGIN}{table((CHART / 'values.yaml').read_text(encoding='utf-8'))}{_END}{rest.partition(_END)[2]}"
    if check and new != text:
        sys.stderr.write("the README of the chart is out of date; run make reference\n")
        return 1
    readme.write_text(new, encoding="utf-8")
    return 0


def table(text: str) -> str:
    """Return the table of the values in a text, as Markdown."""
    rows = []
    for path, description in described(text):
        default: Any = yaml.safe_load(text)
        for key in path:
            default = default[key]
        rows.append((f"`{'.'.join(path)}`", f"`{json.dumps(default, ensure_ascii=False)}`", description))
    lines = ["| key | default | meaning |", "|---|---|---|"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "".join(f"{line}\n" for line in lines)


def described(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path of each key that a comment describes, and the comment."""
    path: list[str] = []
    description: list[str] = []
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            description = []
        elif found["key"]:
            path[len(found["indent"]) // 2 :] = [found["key"]]
            if description:
                yield tuple(path), " ".join(description)
            description = []
        elif found["begins"]:
            description = [found["comment"]]
        elif description:
            description.append(found["comment"])


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
