"""The programs of others that the benchmarks compare with, out of Debian's packages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_PACKAGES = {
    "nginx": ["nginx-light"],
    "go": ["golang-go", "golang-github-prometheus-client-golang-dev"],
    "prometheus": ["prometheus"],
}
_GO = Path(__file__).parent / "contenders" / "go"


def program(name: str) -> str:
    """Return where a program is, installed first if it can be.

    Raises:
        SystemExit: it is missing and cannot be installed; the message says how.
    """
    if shutil.which(name) is None:
        packages = _PACKAGES[name]
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            sys.exit(f"{name} is missing; install it: sudo apt-get install {' '.join(packages)}")
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
        for command in (["apt-get", "update", "-q"], install):
            _run(command, DEBIAN_FRONTEND="noninteractive")
    found = shutil.which(name)
    assert found, name
    return found


def built(folder: Path) -> str:
    """Compile the contender in Go, and return where it is."""
    binary = folder / "go-contender"
    command = [program("go"), "build", "-o", str(binary), str(_GO / "main.go")]
    _run(command, GO111MODULE="off", GOPATH="/usr/share/gocode", GOCACHE=str(folder / "go-cache"))
    return str(binary)


def _run(command: list[str], **environment: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ | environment)  # noqa: S603 - all of it stands here
