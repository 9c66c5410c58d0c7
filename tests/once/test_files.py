"""A file that is replaced whole or not at all."""

import io
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.processes import PATIENCE, PROJECT

from exporter.once.files import OutputError, check_writable, print_parts, replace_file


def test_it_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "mihu.prom"
    file.write_bytes(b"old")
    replace_file(file, [b"new ", b"text\n"])
    assert file.read_bytes() == b"new text\n"
    assert list(tmp_path.iterdir()) == [file]


def test_everybody_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        replace_file(tmp_path / "mihu.prom", [b"text"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "mihu.prom").stat().st_mode) == 0o644


def test_meanwhile_the_old_one_stays_and_there_is_no_other_that_node_exporter_would_read(tmp_path: Path) -> None:
    file = tmp_path / "mihu.prom"
    file.write_bytes(b"old")

    def parts() -> Iterator[bytes]:
        yield b"x" * 2**20
        assert file.read_bytes() == b"old"
        assert list(tmp_path.glob("*.prom")) == [file]

    replace_file(file, parts())
    assert len(file.read_bytes()) == 2**20


@pytest.mark.parametrize("error", [SystemExit(143), KeyboardInterrupt(), RuntimeError("not foreseen")])
def test_what_breaks_in_the_middle_leaves_the_old_one_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "mihu.prom"
    file.write_bytes(b"old")

    def parts() -> Iterator[bytes]:
        yield b"x" * 2**20
        raise error

    with pytest.raises(type(error)):
        replace_file(file, parts())
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "mihu.prom"
    link.symlink_to(tmp_path / "elsewhere" / "mihu.prom")
    replace_file(link, [b"text"])
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "mihu.prom").read_bytes() == b"text"


def test_a_name_that_is_too_long_is_one_clear_message(tmp_path: Path) -> None:
    file = tmp_path / f"{'x' * 250}.prom"
    with pytest.raises(OutputError) as raised:
        replace_file(file, [b"text"])
    assert str(raised.value) == f"cannot write {file} (File name too long); the old file, if any, is as it was"


def test_a_file_or_none_is_usable(tmp_path: Path) -> None:
    check_writable(tmp_path / "mihu.prom")
    (tmp_path / "mihu.prom").write_bytes(b"old")
    check_writable(tmp_path / "mihu.prom")


def test_a_device_is_not_usable() -> None:
    with pytest.raises(OutputError, match=r"/dev/null is no regular file, so it cannot be replaced; name another"):
        check_writable(Path("/dev/null"))


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("loop", "Too many levels of symbolic links"),
        ("loop/mihu.prom", "Too many levels of symbolic links"),
        (f"{'x' * 256}.prom", "File name too long"),
        (f"{'x' * 256}/mihu.prom", "File name too long"),
    ],
    ids=["a loop of links", "within such a loop", "a name too long", "within a name too long"],
)
def test_a_place_that_there_cannot_be_is_one_clear_message_before_and_when_writing(
    tmp_path: Path, place: str, reason: str
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for write in (check_writable, lambda file: replace_file(file, [b"text"])):
        with pytest.raises(OutputError, match=f"^cannot write {tmp_path}/.* \\({reason}\\)"):
            write(tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["loop"]


def test_a_folder_that_may_not_be_searched_is_one_clear_message(tmp_path: Path) -> None:
    """In a process of its own, without the powers of root, who may search every folder."""
    closed = tmp_path / "closed"
    (closed / "within").mkdir(parents=True)
    powerless = """
import ctypes, os, sys
for capability in range(64):
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP, for the next program
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1], *sys.argv[2:]])
"""
    writes = """
import sys
from pathlib import Path
from exporter.once.files import OutputError, check_writable, replace_file
for write in (check_writable, lambda file: replace_file(file, [b"text"])):
    try:
        write(Path(sys.argv[1]))
    except OutputError as error:
        print(error)
"""
    file = closed / "within" / "mihu.prom"
    closed.chmod(0)
    try:
        ended = subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-c", powerless, writes, str(file)],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    finally:
        closed.chmod(0o700)
    message = f"cannot write {file} (Permission denied); let this user reach it, or name another --output"
    assert ended.stdout.splitlines() == [message, message]


class Sips(io.RawIOBase):
    """Takes a few bytes at a time, as a pipe may whose reader is slow."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        self.taken += bytes(data)[:1000]
        return min(len(data), 1000)


def test_all_is_written_to_an_output_that_takes_less_than_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    output = Sips()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=output))
    print_parts([b"x" * 50_000, b"\n"])
    assert output.taken == b"x" * 50_000 + b"\n"
    assert not output.closed
