"""Programs on a terminal, as a person runs them."""

import os
import pty
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.processes import PATIENCE

_CONTROLS = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9])")


@dataclass(frozen=True)
class Shown:
    """What a terminal got, controls and all, and how the program ended."""

    raw: str
    status: int

    @property
    def text(self) -> str:
        """What it got, without colours."""
        return _CONTROLS.sub("", self.raw)


def on_terminal(command: Sequence[str], cwd: Path, env: Mapping[str, str], columns: int = 100) -> Shown:
    """Run a program to its end with both of its outputs on one terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - our own program
        command,
        cwd=cwd,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), **env},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    got = bytearray()
    try:
        while part := _read(ours):
            got += part
        return Shown(got.decode(), process.wait(PATIENCE))
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody has the other end any more
        return b""
