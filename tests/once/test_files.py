"""A file that is replaced whole or not at all."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from exporter.once import formats
from exporter.once.files import OutputError, check_writable, print_parts, replace_file


@pytest.mark.parametrize(("format_", "mode"), [("prometheus", 0o644), ("csv", 0o600), ("json", 0o600)])
def test_node_exporter_may_read_it_whatever_the_umask(tmp_path: Path, format_: str, mode: int) -> None:
    before = os.umask(0o077)
    try:
        formats.write(format_, [], tmp_path / "output")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "output").stat().st_mode) == mode


@pytest.mark.parametrize("error", [None, SystemExit(143), KeyboardInterrupt(), RuntimeError("not foreseen")])
def test_the_old_one_stays_until_the_end_and_there_is_no_other_that_node_exporter_would_read(
    tmp_path: Path, error: BaseException | None
) -> None:
    file = tmp_path / "mihu.prom"
    file.write_bytes(b"old")

    def parts() -> Iterator[bytes]:
        yield b"x" * 2**20
        assert (file.read_bytes(), list(tmp_path.glob("*.prom"))) == (b"old", [file])
        if error is not None:
            raise error

    with nullcontext() if error is None else pytest.raises(type(error)):
        replace_file(file, parts())
    assert file.read_bytes() == (b"x" * 2**20 if error is None else b"old")
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


def test_a_device_and_a_pipe_are_not_usable() -> None:
    reading, writing = os.pipe()
    for place in ("/dev/null", f"/dev/fd/{writing}"):
        with pytest.raises(OutputError, match=rf"{place} is no regular file, so it cannot be replaced; name another"):
            check_writable(Path(place))
    for end in (reading, writing):
        os.close(end)


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
        told = f"^cannot write {tmp_path}/.* \\({reason}\\); (let this user reach|the old)"
        with pytest.raises(OutputError, match=told):
            write(tmp_path / place)
    assert [path.name for path in tmp_path.iterdir()] == ["loop"]


def test_all_is_written_to_an_output_that_takes_less_than_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = bytearray()

    def write(data: memoryview) -> int:  # as a pipe may whose reader is slow
        taken.extend(data[:1000])
        return min(len(data), 1000)

    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=SimpleNamespace(write=write, flush=lambda: None)))
    print_parts([b"x" * 50_000, b"\n"])
    assert taken == b"x" * 50_000 + b"\n"
