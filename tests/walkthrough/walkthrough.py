"""Runs every command of the documentation as it is written, in a fresh chroot of Debian, and shows what it says.

``make walkthrough SUITE=bookworm``, as root, needs debootstrap and a network. What is committed is tried. The chroot's
mounts, and all that runs in it, have namespaces of their own and end with it. --only takes a regular
expression of commands.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from support.processes import PROJECT
from walkthrough.steps import Step, steps

# This machine's settings of network, packages and certificates, and those of its environment.
_SETTINGS = ("etc/resolv.conf", "etc/hosts", "etc/pip.conf", "etc/apt/apt.conf.d", "usr/local/share/ca-certificates")
_VARIABLES = re.compile(r"(?i)PIP_(CERT|INDEX_URL)|UV_.*|SSL_CERT_FILE|(https?|no)_proxy")
_MOUNTS = {"proc": "proc", "tmpfs": "dev/shm"}
_PACKAGES = "ca-certificates,git,python3,python3-venv"
_ENVIRONMENT = {
    "HOME": "/srv",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "DEBIAN_FRONTEND": "noninteractive",
    "PATH": "/srv/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}
_URL = "http://127.0.0.1:10155"
_PATIENCE = 900.0  # seconds
_GRACE = 30.0
_MOST_LINES = 40  # of an output, that are shown
_INTERRUPTED = {0, 2, 130, -signal.SIGINT}  # make, shells and Python have each their own


Script = Callable[[str], "subprocess.Popen[bytes]"]  # starts a script of bash in the clone


def chroot(folder: Path, suite: str) -> Script:
    """Make a fresh Debian with a clone of the project; outputs of what is started in it go into the folder's log."""
    root = folder / "root"
    _do("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", suite, root)
    for name in _SETTINGS:
        here, there = Path("/", name), root / name
        if here.is_dir():
            shutil.copytree(here, there, dirs_exist_ok=True)
        elif here.exists():
            shutil.copy(here, there)
    starts_nothing = root / "usr" / "sbin" / "policy-rc.d"
    starts_nothing.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    starts_nothing.chmod(0o755)
    for kind, where in _MOUNTS.items():
        (root / where).mkdir(exist_ok=True)
        _do("mount", "-t", kind, kind, root / where)
    _do("git", "clone", "--quiet", "--no-hardlinks", PROJECT, root / "srv" / "mihu")
    environment = {name: value for name, value in os.environ.items() if _VARIABLES.fullmatch(name)} | _ENVIRONMENT

    def start(script: str) -> "subprocess.Popen[bytes]":
        inside = ["chroot", str(root), "bash", "-c", f"cd /srv/mihu && {{\n{script}\n}}"]
        with (folder / "log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - ours
                inside, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    return start


def _do(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", help="of Debian, such as bookworm")
    parser.add_argument("--only", default="", help="the commands that are tried")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="walkthrough-"))
    failed, left_out = [], []
    try:
        start = chroot(folder, options.suite)
        assert run(start, "update-ca-certificates && apt-get update -q", folder / "log", shown=False)
        for command, step in steps():
            if re.search(options.only, command):
                if step.left_out:
                    left_out.append(f"{command}: {step.left_out}")
                elif not try_out(start, command, step, folder / "log"):
                    failed.append(command)
    finally:
        for where in _MOUNTS.values():
            subprocess.run(["umount", "--lazy", str(folder / "root" / where)], check=False)  # noqa: S603, S607 - ours
        shutil.rmtree(folder)
    _print("\nnot run:", *dict.fromkeys(left_out), "\nfailed:" if failed else "\nnothing failed", *failed)
    return int(bool(failed))


def try_out(start: Script, command: str, step: Step, log: Path) -> bool:
    """Do what is done with a command, and return whether that went well."""
    _print(f"\n$ {command}")
    installs = step.packages and f"apt-get install -y -q --no-install-recommends {step.packages}"
    if not all(run(start, script, log, shown=False) for script in (installs, step.before) if script):
        return False
    script = step.instead.replace("{}", command)
    if script != command:
        _print(f"  as: {script}")
    return serve(start, script, step.serves, log) if step.serves else run(start, script, log, shown=True)


def run(start: Script, script: str, log: Path, *, shown: bool) -> bool:
    """Run a script to its end; what it says is shown if wished, or where it fails."""
    status = start(script).wait(_PATIENCE)
    if shown or status:
        _print(*_output(log), f"  exit status {status}")
    return status == 0


def serve(start: Script, script: str, path: str, log: Path) -> bool:
    """Run a script until it answers, and interrupt it."""
    process, give_up = start(script), time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < give_up and not _answer(path):
        time.sleep(0.2)
    lines = _answer("/metrics").splitlines()
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    status = process.wait(_GRACE)
    _print(*_output(log), *(f"  {line}" for line in lines if line.startswith("mihu_up{")))
    _print(f"  {len(lines)} lines at /metrics; exit status {status} when interrupted")
    return bool(lines) and status in _INTERRUPTED


def _answer(path: str) -> str:
    try:
        with urllib.request.urlopen(_URL + path, timeout=5) as answer:  # noqa: S310 - ours
            return answer.read().decode() or "empty"
    except OSError:
        return ""


def _output(log: Path) -> Iterator[str]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    yield from (f"  {line}" for line in lines[:_MOST_LINES])
    if len(lines) > _MOST_LINES:
        yield f"  … {len(lines) - _MOST_LINES} more lines, the last: {lines[-1]}"


def _print(*lines: str) -> None:
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()


if __name__ == "__main__":
    if os.getpid() != 1:  # the first process of a namespace ends with all others in it
        spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        os.execvp(spaces[0], [*spaces, *sys.orig_argv])  # noqa: S606 - ours
    sys.exit(main(sys.argv[1:]))
