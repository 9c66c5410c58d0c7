"""Units as systemd reads them."""

import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing; install it: apt-get install systemd"
    return subprocess.run(  # noqa: S603 - ours
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def settings(unit: Path) -> Mapping[str, Sequence[str]]:
    """Return what a unit sets, by name, every value in its order."""
    found = defaultdict(list)
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


def startable(unit: Path, folder: Path) -> Path:
    """Return a copy of a unit that names a program which is here, since systemd asks for it."""
    program, *_ = settings(unit)["ExecStart"][0].split()
    here = Path(sys.executable).with_name(Path(program).name)
    copy = folder / unit.name
    copy.write_text(unit.read_text(encoding="utf-8").replace(f"={program} ", f"={here} "), encoding="utf-8")
    return copy


def exposure(unit: Path) -> float:
    """Return how much of the machine the service could harm, from 0 to 10."""
    result = analyze("security", "--offline=true", "--no-pager", unit)
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", result.stdout)
    assert level is not None, result.stderr
    return float(level[1])
