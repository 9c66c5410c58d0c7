"""Keeps what is remembered of workspaces across restarts: one file for each, replaced whole or not at all.

A file that cannot be read or written is a warning and a gauge, and never a reason not to poll.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
import structlog

from exporter.clock import Clock
from exporter.config.settings import Metrics, NumberStyle, Workspace
from exporter.polling.buckets import unpack_states
from exporter.polling.fleet import Fleet
from exporter.trunks.changes import States
from exporter.trunks.memory import Memory

_HEADER = b"mihu-trunk-exporter storage "  # and the version
_VERSION = b"1"
_CHECKSUM = 32  # bytes of BLAKE2b
_MAX_NAME = 100  # characters of a workspace's name in the name of its file
_SUFFIX = ".state"
_FOLDER = ""  # stands for the folder, as names stand for the files of workspaces
_MAX_WAITING = 1.0  # seconds for a file; a disk may hang

T = TypeVar("T")

_log = structlog.get_logger()


class StorageInUseError(Exception):
    """Another process stores in the same folder."""


class _FileError(Exception):
    """The content of a file cannot be used."""


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a file; ``source`` identifies what was polled, and ``states`` are packed as in buckets."""

    source: str
    agent_names: bool = True
    memory: Memory
    states: tuple[bytes, ...]


_decode = msgspec.msgpack.Decoder(_Content).decode


class Storage:
    """The files of all workspaces, in one folder that no other process stores in.

    Args:
        folder: made where it is missing.
        show_health: is called with 1, or with 0: while a file cannot be written, and after one could not be read.
        executor: runs one call after the other.
    """

    def __init__(
        self, folder: Path, clock: Clock, show_health: Callable[[float], None], executor: Executor | None = None
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._show_health = show_health
        self._problems: dict[str, str] = {}  # of files, by workspace, and of the folder
        self._unread: set[str] = set()  # workspaces whose files could not be read: what they said is lost
        self._stored: dict[str, _Content] = {}  # what is in the folder, by workspace
        self._waiting: dict[str, _Content] = {}
        self._tasks: set[asyncio.Task[Any]] = set()  # the event loop keeps weak references only
        self._lock: int | None = None
        self._in_use = False  # by another process
        self._answered_at = clock.monotonic()  # when the disk last did
        # Its own, so that a disk that hangs delays neither polls nor scrapes.
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="storage")
        show_health(1)

    async def open(self) -> None:
        """Make the folder and lock it, if that can be done soon.

        Raises:
            StorageInUseError: another process stores there.
        """
        locked = self._submit(self._lock_folder)
        await self._wait(locked)
        if locked.done() and isinstance(error := locked.exception(), StorageInUseError):
            raise error
        problem = "nothing is stored; --storage.path has to be a folder that this user may write in"
        noted = self._begin(self._try(_FOLDER, self._folder, problem, locked))
        if locked.done():
            await noted

    async def load(self, workspace: Workspace, metrics: Metrics) -> tuple[Memory, States] | None:
        """Return what was remembered of a workspace, and the states of its trunks.

        None where nothing was remembered, or the workspace was polled differently.
        """
        name, path = workspace.name, self._path(workspace.name)
        problem = "what was remembered cannot be read"
        content, states = await self._try(name, path, problem, self._submit(lambda: self._read(path))) or (None, {})
        if name in self._problems:
            self._unread.add(name)
        if content is None or content.source != source_of(workspace, metrics):
            return None
        if metrics.agent_names or not content.agent_names:
            return content.memory, states
        states = {key: state.without_agent_names() for key, state in states.items()}
        return content.memory.without_agent_names(), states

    def save(self, workspace: Workspace, metrics: Metrics, fleet: Fleet, memory: Memory) -> None:
        """Have what is remembered written after what is being written, unless it is in the folder already."""
        name = workspace.name
        if metrics.number is not NumberStyle.FULL:
            # The digits of numbers are more than the configuration lets be seen.
            gone = tuple(msgspec.structs.replace(gone, digits="") for gone in memory.gone)
            memory = msgspec.structs.replace(memory, gone=gone)
        source, states = source_of(workspace, metrics), fleet.packed_states
        content = _Content(source=source, agent_names=metrics.agent_names, memory=memory, states=states)
        if name in self._waiting:
            self._waiting[name] = content
        elif content != self._stored.get(name):
            self._waiting[name] = content
            self._begin(self._save(name, self._path(name)))

    def keep(self, names: Iterable[str]) -> None:
        """Forget the problems of other workspaces, and that files could not be read."""
        self._unread.clear()
        for kept in (self._problems, self._stored):
            for name in kept.keys() - {_FOLDER, *names}:
                kept.pop(name, None)
        self._show_health(not self._problems)

    async def end(self) -> None:
        """Wait at most a second for what is being written, and release the folder."""
        if self._tasks:
            await self._wait(*self._tasks)
        await self._wait(self._submit(self._release))

    async def _save(self, name: str, path: Path) -> None:
        def write() -> _Content:
            content = self._waiting[name]
            self._stored.pop(name, None)
            self._lock_folder()
            _write(path, content)
            self._stored[name] = content
            return content

        problem = "what is remembered cannot be written, and is lost with a restart"
        written: _Content | None = None
        while self._waiting[name] is not written:
            if (written := await self._try(name, path, problem, self._submit(write))) is None:
                break
            self._note(_FOLDER, self._folder, None)
        del self._waiting[name]

    async def _try(self, name: str, path: Path, problem: str, called: asyncio.Future[T]) -> T | None:
        """Return the result of a call that reads or writes a file; None where it fails, which is noted."""
        await self._wait(called)
        while not called.done() and self._clock.monotonic() < self._answered_at + _MAX_WAITING:
            await self._wait(called)  # for its turn
        if not called.done():
            self._note(name, path, f"{problem} (the disk does not answer within {_MAX_WAITING:g}s)")
        try:
            result = await called
        except (OSError, StorageInUseError, _FileError) as error:
            self._note(name, path, f"{problem} ({getattr(error, 'strerror', None) or error})")
            return None
        finally:
            self._answered_at = self._clock.monotonic()
        self._note(name, path, None)
        return result

    def _note(self, name: str, path: Path, problem: str | None) -> None:
        # A lasting problem is logged once, and its end.
        about = {"workspace": name, "file": str(path)} if name else {"file": str(path)}
        if problem is None and self._problems.pop(name, ""):
            _log.info("the storage works again", **about)
        elif problem and self._problems.get(name) != problem:
            self._problems[name] = problem
            _log.warning(problem, **about)
        self._show_health(not (self._problems or self._unread))

    def _path(self, name: str) -> Path:
        # Names may differ in nothing but case, which some file systems ignore.
        digest = blake2b(name.encode(), digest_size=4).hexdigest()
        return self._folder / f"{quote(name, safe='')[:_MAX_NAME]}-{digest}{_SUFFIX}"

    def _begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _submit(self, call: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.wrap_future(self._executor.submit(call))

    async def _wait(self, *called: asyncio.Future[Any]) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout_at(self._clock.monotonic() + _MAX_WAITING):
                await asyncio.wait(called)

    # Called in the executor, one after the other.

    def _lock_folder(self) -> None:
        """Make the folder, lock it, and remove unfinished files, unless that was done before, and it is still there."""
        if self._lock is not None:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._lock), (self._folder / "lock").stat()):
                    return
            self._release()
            self._stored.clear()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if not isinstance(error, BlockingIOError):
                raise
            self._in_use = True
            raise StorageInUseError(
                f"another process stores in {self._folder} (--storage.path); give each a folder of its own"
            ) from error
        self._lock, self._in_use = lock, False
        for unfinished in self._folder.glob(f".*{_SUFFIX}.*.tmp"):
            unfinished.unlink(missing_ok=True)

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _read(self, path: Path) -> tuple[_Content, States] | None:
        """Read a file; None where there is none. One that cannot be used is kept aside, unless another process's.

        Raises:
            OSError: it cannot be read.
            _FileError: it holds something else.
        """
        try:
            return _parse(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, _FileError):
            if not self._in_use:
                with contextlib.suppress(OSError):
                    path.replace(path.with_suffix(".unreadable"))
            raise


def source_of(workspace: Workspace, metrics: Metrics) -> str:
    """Return a digest of what is polled and how numbers are shown; only trunks of the same source can be compared."""
    filter_ = msgspec.to_builtins(workspace.filter)
    source = msgspec.json.encode([workspace.name, workspace.base_url, filter_, metrics.number], order="sorted")
    return _checksum(source).hex()


def _checksum(data: bytes) -> bytes:
    return blake2b(data, digest_size=_CHECKSUM).digest()


def _parse(data: bytes) -> tuple[_Content, States]:
    header, _, rest = data.partition(b"\n")
    if not header.startswith(_HEADER):
        raise _FileError("it is no file of this program")
    if header != _HEADER + _VERSION:
        raise _FileError("another version of this program wrote it")
    checksum, payload = rest[:_CHECKSUM], rest[_CHECKSUM:]
    if _checksum(payload) != checksum:
        raise _FileError("it is damaged")
    try:
        content = _decode(payload)
        return content, unpack_states(*content.states)
    except Exception as error:
        raise _FileError(f"it is not understood: {error}") from error


def _write(path: Path, content: _Content) -> None:
    # A crash at any moment leaves the old file or the new one.
    payload = msgspec.msgpack.encode(content)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_HEADER + _VERSION + b"\n" + _checksum(payload) + payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
