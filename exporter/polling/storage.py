"""Keeps what is remembered of workspaces across restarts: one file for each, replaced whole or not at all.

A file that cannot be read or written is a warning and a gauge, and never a reason not to poll.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import quote

import msgspec
import structlog

from exporter.clock import Clock
from exporter.config.settings import Metrics, NumberStyle, Workspace
from exporter.polling.buckets import unpack_states
from exporter.polling.fleet import Fleet
from exporter.trunks.memory import Memory
from exporter.trunks.rows import digits
from exporter.trunks.state import State

_MAGIC = b"mihu-trunk-exporter storage "
_VERSION = b"1"
_CHECKSUM = 32  # bytes of BLAKE2b
_MAX_NAME = 100  # characters of a workspace's name in the name of its file
_MAX_WAITING = 10.0  # seconds for a file; a disk may hang
_MAX_ENDING = 1.0

T = TypeVar("T")

_log = structlog.get_logger()


class StorageInUseError(Exception):
    """Another process stores in the same folder; the message says where and what to do."""


class _FileError(Exception):
    """A file does not hold what it should; the message says why."""


class Stored(NamedTuple):
    """What was remembered of a workspace when its file was written: beside its trunks, and of these by key."""

    memory: Memory
    states: Mapping[str, State]


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds; ``source`` is what was read, and ``states`` are packed as buckets keep them."""

    source: str
    memory: Memory
    states: tuple[bytes, ...]


_Read = tuple[str, Memory, Mapping[str, State]]  # the source, the memory, the states of trunks by key

_decode = msgspec.msgpack.Decoder(_Content).decode


class Storage:
    """The files of all workspaces, in one folder that no other process stores in.

    Args:
        folder: made where it is missing.
        clock: bounds how long reading and ending may take.
        show_health: is given whether all files could be read and written when they last were.
    """

    def __init__(self, folder: Path, clock: Clock, show_health: Callable[[float], None]) -> None:
        self._folder = folder
        self._clock = clock
        self._show_health = show_health
        self._broken: set[str] = set()  # the workspaces whose files could not be read or written
        self._waiting: dict[str, _Content] = {}
        # Its own, so that a disk that hangs delays neither polls nor scrapes.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="storage")
        show_health(1)

    async def open(self) -> None:
        """Make the folder and hold it until the process ends.

        Raises:
            StorageInUseError: another process stores there.
        """
        try:
            await self._in_time(_open, self._folder)
        except (OSError, TimeoutError) as error:
            self._note(
                "", self._folder, f"nothing can be stored there ({_why(error)}); let this user make files in the folder"
            )

    async def load(self, workspace: Workspace, metrics: Metrics) -> Stored | None:
        """Return what was remembered of a workspace; None where nothing is, or it was read from elsewhere."""
        path = self._path(workspace.name)
        try:
            read = await self._in_time(_read, path)
        except (OSError, TimeoutError, _FileError) as error:
            self._note(workspace.name, path, f"what was remembered cannot be read, so it begins anew ({_why(error)})")
            return None
        if read is None or read[0] != _source(workspace, metrics):
            return None
        _, memory, states = read
        return Stored(_with_digits(memory, shows_numbers=metrics.number is NumberStyle.FULL), states)

    def save(self, workspace: Workspace, metrics: Metrics, fleet: Fleet, memory: Memory) -> None:
        """Write what is remembered of a workspace, as soon as what is being written is done."""
        name = workspace.name
        is_under_way = name in self._waiting
        self._waiting[name] = _Content(
            source=_source(workspace, metrics),
            memory=_without_digits(memory),
            states=tuple(bucket.states for bucket in fleet.buckets),
        )
        if not is_under_way:
            loop = asyncio.get_running_loop()
            self._executor.submit(self._write_waiting, name, self._path(name), loop)

    async def end(self) -> None:
        """Let what is being written be finished, within a second."""
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout_at(self._clock.monotonic() + _MAX_ENDING):
                await asyncio.get_running_loop().run_in_executor(self._executor, lambda: None)

    def _write_waiting(self, name: str, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        problem = None
        try:
            _write(path, self._waiting.pop(name))
        except OSError as error:
            problem = f"what is remembered cannot be written, and is lost with a restart ({_why(error)})"
        with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
            loop.call_soon_threadsafe(self._note, name, path, problem)

    def _note(self, name: str, path: Path, problem: str | None) -> None:
        """Take note of how reading or writing a file went; a lasting problem is logged once."""
        if problem is None:
            self._broken.discard(name)
        elif name not in self._broken:
            self._broken.add(name)
            _log.warning(problem, workspace=name, file=str(path))
        self._show_health(not self._broken)

    def _path(self, name: str) -> Path:
        # Names may differ in case alone, and file systems may not.
        digest = blake2b(name.encode(), digest_size=4).hexdigest()
        return self._folder / f"{quote(name, safe='')[:_MAX_NAME]}-{digest}.state"

    async def _in_time(self, function: Callable[[Path], T], path: Path) -> T:
        """Call what reads or writes files off the event loop, and wait no longer than a while."""
        async with self._clock.timeout_at(self._clock.monotonic() + _MAX_WAITING):
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, path)


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or f"not within {_MAX_WAITING:g}s"


def _open(folder: Path) -> None:
    """Make the folder, hold it until the process ends, and remove what was not written to its end.

    Raises:
        StorageInUseError: another process holds it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise StorageInUseError(
            f"another process stores in {folder} (--storage.path); give each a folder of its own"
        ) from error
    for unfinished in folder.glob(".*.tmp"):
        unfinished.unlink(missing_ok=True)


def _source(workspace: Workspace, metrics: Metrics) -> str:
    """Return what is read, and how it is shown: what was read or shown otherwise is not compared with."""
    shown = {"number": metrics.number, "agent_names": metrics.agent_names}
    asked = msgspec.to_builtins(workspace.filter)
    return msgspec.json.encode([workspace.name, workspace.base_url, asked, shown], order="sorted").decode()


def _with_digits(memory: Memory, *, shows_numbers: bool) -> Memory:
    return _with_gone_digits(memory, lambda number: digits(number) if shows_numbers else "")


def _without_digits(memory: Memory) -> Memory:
    """Leave out the digits of numbers, which are known from the number itself where it may be shown."""
    return _with_gone_digits(memory, lambda _: "")


def _with_gone_digits(memory: Memory, digits_of: Callable[[str], str]) -> Memory:
    gone = tuple(msgspec.structs.replace(gone, digits=digits_of(gone.number)) for gone in memory.gone)
    return msgspec.structs.replace(memory, gone=gone)


def _read(path: Path) -> _Read | None:
    """Read a file; None where there is none. One that cannot be used is kept aside.

    Raises:
        OSError: it cannot be read.
        _FileError: it holds something else.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return _parse(data)
    except _FileError:
        path.replace(path.with_suffix(".unreadable"))
        raise


def _parse(data: bytes) -> _Read:
    header, _, rest = data.partition(b"\n")
    if not header.startswith(_MAGIC):
        raise _FileError("it is no file of this program")
    if header != _MAGIC + _VERSION:
        raise _FileError("another version of this program wrote it")
    checksum, payload = rest[:_CHECKSUM], rest[_CHECKSUM:]
    if blake2b(payload, digest_size=_CHECKSUM).digest() != checksum:
        raise _FileError("it is damaged")
    try:
        content = _decode(payload)
        states = {state.key: state for packed in content.states for state in unpack_states(packed)}
    except (msgspec.MsgspecError, ValueError) as error:
        raise _FileError(f"it is not understood: {error}") from error
    return content.source, content.memory, states


def _write(path: Path, content: _Content) -> None:
    """Replace a file, so that a crash at any moment leaves the old one or the new one."""
    payload = msgspec.msgpack.encode(content)
    data = _MAGIC + _VERSION + b"\n" + blake2b(payload, digest_size=_CHECKSUM).digest() + payload
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
