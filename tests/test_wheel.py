"""The wheel, built and installed as a user installs it, on the Python that runs the tests; CI runs them on each."""

import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from support.programs import run, run_well
from support.smoke import try_out

from exporter import __version__

ROOT = Path(__file__).parent.parent


def build(source: Path, target: str, folder: Path) -> Path:
    run_well(sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", folder, cwd=source)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_works_where_it_is_installed(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path, symlinks=True)
    pip = (sys.executable, "-m", "pip", "--python", tmp_path / "bin" / "python", "install", "--quiet")
    run_well(*pip, "--no-deps", "--no-index", wheel)
    # What it depends on is here already. A folder on the path brings no editable package: only itself is found.
    (packages,) = tmp_path.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    assert try_out(tmp_path / "bin" / "mihu-trunk-exporter") == __version__


def test_the_source_distribution_is_whole_without_secrets_and_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build(ROOT, "sdist", tmp_path / "source")) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.glob("mihu_trunk_exporter-*")
    assert [name for name in run("git", "ls-files", cwd=ROOT).stdout.split() if not (unpacked / name).exists()] == []
    assert content(build(unpacked, "wheel", tmp_path / "wheel")) == content(wheel)
    (unpacked / "deploy" / "alertmanager" / "secrets").mkdir()
    for secret in ("alertmanager/secrets/slack-url", "docker/.env", "docker/web/password", "docker/web/tls.key"):
        (unpacked / "deploy" / secret).touch()
    with tarfile.open(build(unpacked, "sdist", tmp_path / "again")) as archive:
        assert archive.getnames() == names
