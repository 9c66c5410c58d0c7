"""Newer programs out of Debian's later suites, from the system's own mirror, unpacked into ``.venv`` and kept."""

import fcntl
import functools
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

SUITES = ("trixie", "sid")
_FOLDER = Path(__file__).parents[2] / ".venv" / "newer-programs"
_PACKAGES = {
    "trixie": ["promtool", "prometheus-alertmanager"],
    "sid": ["promtool", "prometheus-alertmanager", "victoria-metrics"],
}
_KEY = "/usr/share/keyrings/debian-archive-keyring.gpg"


class UnavailableError(Exception):
    """The programs cannot be had here; the message says why."""


def program(suite: str, name: str) -> Path:
    """Return a program of a suite; UnavailableError where it is not here, and cannot be fetched."""
    if failure := _failure(suite):
        raise UnavailableError(failure)
    return _FOLDER / suite / "usr" / "bin" / name


@functools.cache
def _failure(suite: str) -> str:
    """Fetch a suite's programs once, and return why that failed, if it did."""
    folder = _FOLDER / suite
    try:
        _FOLDER.mkdir(exist_ok=True)
        with (_FOLDER / f"{suite}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
            if not folder.is_dir():
                _fetch(suite, folder)
    except (OSError, UnavailableError) as error:
        return str(error)
    return ""


def _fetch(suite: str, folder: Path) -> None:
    """Unpack the packages of a suite with apt, whose sources, state and cache are in a folder of their own."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        own = Path(name)
        for inner in ("etc/apt", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "packages", "root"):
            (own / inner).mkdir(parents=True)
        (own / "status").touch()
        (own / "etc/apt/sources.list").write_text(_source(suite, own), encoding="utf-8")
        options = [f"Dir={own}", f"Dir::State::Status={own}/status", "APT::Sandbox::User="]
        options += ["Acquire::Retries=1", "Acquire::http::Timeout=20"]
        apt = ["apt-get", "-q", *(f"-o{option}" for option in options)]
        _run([*apt, "update"], own)
        _run([*apt, "download", *_PACKAGES[suite]], own / "packages")
        for package in sorted((own / "packages").iterdir()):
            _run(["dpkg-deb", "-x", str(package), str(own / "root")], own)
        (own / "root").rename(folder)


def _run(command: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(str(error)) from None
    if done.returncode:
        raise UnavailableError(f"{command[0]}: {(done.stderr or done.stdout)[-300:]}")
    return done.stdout


def _source(suite: str, folder: Path) -> str:
    """Return the line of a sources.list for another suite from where the system gets its own."""
    own = platform.freedesktop_os_release().get("VERSION_CODENAME", "stable")
    asked = ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    for line in _run(asked, folder).splitlines():
        release, component, uri = line.split()
        if (release, component) == (own, "main"):
            return f"deb [signed-by={_KEY}] {uri} {suite} main\n"
    raise UnavailableError("the system's sources name no mirror of Debian's suites")
