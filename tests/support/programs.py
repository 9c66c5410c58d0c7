"""Programs that are not ours: where they are, and what they say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any


def installed(*names: str) -> str:
    """Return where a program is, by its name in Debian or elsewhere: beside this Python, or on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    assert found, f"{names[0]} is missing; `make tools` installs it"
    return found


def run(name: str | Path, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - of subprocess.run
    command = [installed(str(name)), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **{"timeout": 60} | options)  # noqa: S603 - ours


def run_well(name: str | Path, *arguments: str | Path, **options: Any) -> str:  # noqa: ANN401 - of subprocess.run
    """Run a program, which has to succeed, and return what it writes to standard output."""
    done = run(name, *arguments, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
