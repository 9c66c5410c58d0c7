"""The commands that a page of Markdown, or the first lines of a systemd unit, tell their readers to run."""

import re
from collections.abc import Iterator

_FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_BLOCK = r"(?:^ {4}.*\n|^\n(?= {4}))+"
_BEGINNING = (
    r"\w+=\S+ mihu|(?:docker|git|helm|kill|kubectl|make|mihu-trunk-exporter|pipx|systemctl|uv) |deploy/[^\s`]+\.sh\b"
)
_IN_A_LINE = rf"`((?:{_BEGINNING})[^`]*)`"
_COMMAND = re.compile(f"(?P<block>{_BLOCK})|{_IN_A_LINE}", re.MULTILINE)


def commands(page: str) -> Iterator[str]:
    """Yield lines of indented code, and code within a line that begins with a program; of a session, what was typed."""
    for found in _COMMAND.finditer(_FENCED.sub("", page)):
        if found["block"]:
            lines = [line.strip() for line in found["block"].splitlines() if line]
            typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
            yield from typed or (re.split(r"\s{2,}# ", line)[0] for line in lines)
        else:
            yield found[2]


def notes(unit: str) -> str:
    """Return what a unit says before its first section, as a page."""
    return re.sub(r"^# ?", "", unit.partition("[Unit]")[0], flags=re.MULTILINE)
