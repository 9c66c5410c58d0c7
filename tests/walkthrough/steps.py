"""How each command of the documentation is tried, or why it is not."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

_FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_BLOCK = r"(?:^ {4}.*\n|^\n(?= {4}))+"
_BEGINNING = (
    r"\w+=\S+ mihu|(?:docker|git|helm|kill|kubectl|make|mihu-trunk-exporter|pipx|systemctl|uv) |deploy/[^\s`]+\.sh\b"
)
_COMMAND = re.compile(rf"(?P<block>{_BLOCK})|`((?:{_BEGINNING})[^`]*)`", re.MULTILINE)

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Step:
    """What is done with commands that begin so."""

    begins: str
    packages: str = ""  # of Debian, that a reader has installed by then
    before: str = ""  # what else a reader has done, as other pages tell
    instead: str = "{}"  # what is run where the text is a part of a command, or has a gap to fill; {} is the command
    serves: str = ""  # the path that answers on port 10155 while the command runs, until it is interrupted
    left_out: str = ""  # why it is not run


_TABLE = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_STEPS = [Step(begins, **step) for begins, step in _TABLE.items()]


def steps() -> list[tuple[str, Step]]:
    """Return the documented commands, in order, with what is done; a LookupError names a lack or a leftover."""
    units = (f"deploy/systemd/mihu-trunk-exporter{kind}.service" for kind in ("", "-once"))
    pages = ("README.md", *units, "deploy/README.md")
    readme, *notes, deploying = ((_ROOT / page).read_text(encoding="utf-8") for page in pages)
    notes = [re.sub(r"^# ?", "", note.partition("[Unit]")[0], flags=re.MULTILINE) for note in notes]
    found = [(command, _step(command)) for page in (readme, *notes, deploying) for command in _commands(page)]
    if unused := [step.begins for step in _STEPS if all(step is not used for _, used in found)]:
        raise LookupError(f"no page has a command that begins with {unused}")
    return found


def _commands(page: str) -> Iterator[str]:
    """Yield lines of indented code, and code within a line that begins with a program; of a session, what was typed."""
    for found in _COMMAND.finditer(_FENCED.sub("", page)):
        if found["block"]:
            lines = [line.strip() for line in found["block"].splitlines() if line]
            typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
            yield from typed or (re.split(r"\s{2,}# ", line)[0] for line in lines)
        else:
            yield found[2]


def _step(command: str) -> Step:
    fitting = [step for step in _STEPS if f"{command} ".startswith(step.begins)]
    if not fitting:
        raise LookupError(f"nothing says how to try this command: {command}")
    return max(fitting, key=lambda step: len(step.begins))
