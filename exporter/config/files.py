"""Reads files in bounded time and size: a mount may hang, and nobody may write to a pipe."""

import asyncio
import errno
import os
import stat
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds, and its mode as of ``stat``."""

    data: bytes
    mode: int


class Reading:
    """A read in a thread of its own: one that hangs cannot be called off, and the exit must not wait for it."""

    def __init__(self, path: Path, most: int, patience: float) -> None:
        self._path = path
        self._most = most
        self._patience = patience
        self._deadline = time.monotonic() + patience
        self._outcome: Future[Content | OSError] = Future()
        self._outcome.set_running_or_notify_cancel()  # nobody who waits can cancel it
        threading.Thread(target=self._run, name=f"read {path.name}", daemon=True).start()

    def content(self) -> Content:
        """Return what was read, waiting for it as long as there is time.

        Raises:
            OSError: it cannot be read, or nothing came in time; ``strerror`` says so.
        """
        try:
            outcome = self._outcome.result(self._left())
        except TimeoutError as error:
            raise OSError(errno.ETIMEDOUT, f"nothing came within {self._patience:g}s") from error
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    async def wait(self) -> None:
        """Wait in the event loop until ``content`` need not wait any more."""
        ended = asyncio.wrap_future(self._outcome)
        try:
            await asyncio.wait([ended], timeout=self._left())
        finally:
            ended.cancel()  # the read may end after the loop

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _run(self) -> None:
        outcome = _outcome(self._path, self._most)
        with _lock:
            del _readings[self._path]
        self._outcome.set_result(outcome)


_lock = threading.Lock()
_readings: dict[Path, Reading] = {}  # that go on: one a file, however often what hangs is asked for
_from_pipes: dict[tuple[int, int], bytes] = {}  # by device and inode; a pipe gives what it holds once


def begin_reading(path: Path, most: int, patience: float = _PATIENCE) -> Reading:
    """Begin to read a file of so many bytes at most, unless that is being done."""
    with _lock:
        if path not in _readings:
            _readings[path] = Reading(path, most, patience)
        return _readings[path]


def read_file(path: Path, most: int, patience: float = _PATIENCE) -> Content:
    """Read a file of so many bytes at most.

    Raises:
        OSError: it cannot be read, or nothing came in time; ``strerror`` says so.
    """
    return begin_reading(path, most, patience).content()


def _outcome(path: Path, most: int) -> Content | OSError:
    try:
        return _read(path, most)
    except OSError as error:
        return error
    except ValueError:
        return OSError(errno.EINVAL, "no file can have this name")


def _read(path: Path, most: int) -> Content:
    status = path.stat()
    pipe = (status.st_dev, status.st_ino) if stat.S_ISFIFO(status.st_mode) else None
    known = _from_pipes.get(pipe, b"") if pipe else b""
    with open(path, "rb", opener=_open_without_writer if known else None) as file:
        os.set_blocking(file.fileno(), True)
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most // 1024} KiB")
    if pipe and data:
        _from_pipes[pipe] = data
    return Content(data or known, status.st_mode)


def _open_without_writer(path: str, flags: int) -> int:
    """Open a pipe at once, whether or not somebody is there to write."""
    return os.open(path, flags | os.O_NONBLOCK)


_OPEN_FILES_REMEDIES = {
    errno.EMFILE: "allow the exporter to open more files: LimitNOFILE in its systemd unit, or ulimit -n",
    errno.ENFILE: "allow the machine to open more files (sysctl fs.file-max), or end what holds them open",
}


def open_files_remedy(error: BaseException | None) -> str | None:
    """Return what to do where an error means that no more files can be opened; None where it means something else."""
    return _OPEN_FILES_REMEDIES.get(error.errno or 0) if isinstance(error, OSError) else None
