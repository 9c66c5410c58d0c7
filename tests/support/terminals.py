"""Programs on a terminal, as a person runs them."""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.processes import PATIENCE
from support.programs import installed

_CONTROLS = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9])")


@dataclass(frozen=True)
class Shown:
    """What a terminal got, controls and all, and how the program ended."""

    raw: str
    status: int

    @property
    def text(self) -> str:
        return _CONTROLS.sub("", self.raw)


def on_terminal(command: Sequence[str], cwd: Path, env: Mapping[str, str], columns: int = 100) -> Shown:
    """Run a program to its end with both of its outputs on one terminal."""
    done = subprocess.run(  # noqa: S603 - our own program
        [installed("script"), "--quiet", "--return", "--command", f"{shlex.join(command)} </dev/null", "/dev/null"],
        cwd=cwd,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    return Shown(done.stdout.decode(), done.returncode)
