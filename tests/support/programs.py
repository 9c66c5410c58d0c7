"""Programs that are not ours: where they are, and what they say."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CONTROLS = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9])")


def installed(*names: str) -> str:
    """Return where a program is, by its name in Debian or elsewhere: beside this Python, or on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    assert found, f"{names[0]} is missing; `make tools` installs it"
    return found


def run(name: str | Path, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - of subprocess.run
    command = [installed(str(name)), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **{"timeout": 60} | options)  # noqa: S603 - ours


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
        env={**os.environ, "TERM": "xterm-256color", "NO_COLOR": "", "COLUMNS": str(columns), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return Shown(done.stdout.decode(), done.returncode)


def run_well(name: str | Path, *arguments: str | Path, **options: Any) -> str:  # noqa: ANN401 - of subprocess.run
    """Run a program, which has to succeed, and return what it writes to standard output."""
    done = run(name, *arguments, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
