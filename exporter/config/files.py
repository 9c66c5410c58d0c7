"""Reads files in bounded time and size, and YAML files as plain objects.

A mount may hang, and a pipe may have no writer. Messages about YAML do not repeat values, which may be secrets that
were pasted without quotes.
"""

import errno
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, Full, Queue, SimpleQueue
from typing import Any, NamedTuple, TypeVar

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from exporter.config.problems import Place, quoted

T = TypeVar("T")

_TIMEOUT = 5.0  # seconds
_MAX_BYTES = 16 * 1024 * 1024  # bundles of all authorities have a fiftieth of that
_OPEN_FILES_REMEDY = "allow the exporter to open more files: LimitNOFILE in its systemd unit, or ulimit -n"

_MISSING = """\
there is no such file; name another with --config.file, set MIHU_SUBDOMAIN and MIHU_API_TOKEN, try --demo, or write
    workspaces:
      - subdomain: acme # the first part of https://acme.mihu.ai
        authorization: {credentials_env: MIHU_API_TOKEN}"""
_MAX_YAML_BYTES = 64 * 1024 * 1024
_YAML_TIMEOUT = 30.0  # seconds; what comes through a pipe may have to be decrypted first
# Meanings of phrases in PyYAML's messages; the first match counts.
_MEANINGS = {
    "another document": "a second document begins here (---); keep one in a file",
    "duplicate anchor": "an anchor (&) has the name of an earlier one; choose another",
    "unhashable key": 'a list or a mapping cannot be a key; put text that begins with "[" or "{" in quotes',
    "nesting depth": "lists or mappings are nested too deeply",
    "unexpected ':'": 'unexpected ":"; write its value after it, or put text that holds ":" in quotes',
    "escape": "in double quotes a backslash begins an escape; put the text in single quotes",
    "mapping values": 'unexpected ":"; check the indentation, and put text that holds ": " in quotes',
    "expected key": "does not line up with the lines before it; check the indentation",
    "expected '-'": "does not line up with the lines before it; check the indentation",
    "node content": "a value is missing here, or a bracket is not closed",
    "find expected ':'": 'a key without ":" after it; write key: value',
    "end of stream": "a quotation mark without its partner; close it",
    "',' or ']'": 'a "[" without its "]", or a missing comma between items',
    "',' or '}'": 'a "{" without its "}", or a missing comma between items',
}
_AT_ITS_BEGINNING = {"find expected ':'", "end of stream", "',' or ']'", "',' or '}'"}  # where the mistake is
_INTEGER = "tag:yaml.org,2002:int"
_MAX_DIGITS = 100  # Python refuses to print an integer of thousands of digits, and takes minutes to read some
_INDICATORS = "*&!%@`"  # characters with which YAML begins something other than a text


class Content(NamedTuple):
    data: bytes
    status: os.stat_result


# Of threads that wait for a call: starting one for each token of a thousand workspaces holds up the event loop.
_idle = Queue[SimpleQueue[Callable[[], None]]](8)
_lock = threading.Lock()
_readings: dict[Path, tuple[Future[Content], float]] = {}  # under way, with their deadlines
_pipes: dict[tuple[int, int], bytes] = {}  # by device and inode; the content of a pipe can be read once


def start_thread(function: Callable[[], T]) -> Future[T]:
    """Call a function that may hang in a thread of its own; the program ends without waiting for it."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # a waiter that is cancelled does not cancel it for the others

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is waited for
            future.set_exception(error)

    try:
        calls = _idle.get_nowait()
    except Empty:
        calls = SimpleQueue()
        try:
            threading.Thread(target=_call_each, args=(calls,), daemon=True).start()
        except RuntimeError as error:
            raise OSError(errno.EAGAIN, str(error)) from error
    calls.put(run)
    return future


def _call_each(calls: SimpleQueue[Callable[[], None]]) -> None:
    with suppress(Full):
        while True:
            calls.get()()
            _idle.put_nowait(calls)


def begin_reading(path: Path, limit: int = _MAX_BYTES, timeout: float = _TIMEOUT) -> tuple[Future[Content], float]:
    """Start reading a file of at most ``limit`` bytes, or join a running read; return it with its deadline."""
    with _lock:
        if path not in _readings:
            reading = start_thread(partial(_read, path, limit))
            _readings[path] = reading, time.monotonic() + timeout
        return _readings[path]


def read_file(path: Path, limit: int = _MAX_BYTES, timeout: float = _TIMEOUT) -> Content:
    """Read a file of at most ``limit`` bytes; the ``strerror`` of an OSError says why it cannot be read in time."""
    reading, deadline = begin_reading(path, limit, timeout)
    try:
        return reading.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError as error:
        if reading.done():
            raise
        raise OSError(errno.ETIMEDOUT, f"nothing came within {timeout:g}s") from error


def _read(path: Path, limit: int) -> Content:
    try:
        status = path.stat()
        pipe = (status.st_dev, status.st_ino) if stat.S_ISFIFO(status.st_mode) else None
        earlier = _pipes.get(pipe, b"") if pipe else b""
        # A pipe that has been read is opened without waiting for a writer.
        flags = os.O_NONBLOCK if earlier else 0
        with open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags)) as file:
            os.set_blocking(file.fileno(), True)
            data = file.read(limit + 1)
    except ValueError as error:
        raise OSError(errno.EINVAL, "this is not a valid file name") from error
    finally:
        with _lock:
            del _readings[path]
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit // 1024} KiB")
    if pipe and data:
        _pipes[pipe] = data
    return Content(data or earlier, status)


def open_files_remedy(error: BaseException | None) -> str | None:
    if isinstance(error, socket.gaierror):  # the resolver reports an unknown name where it can open no file
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as reason:
            error = reason
    return _OPEN_FILES_REMEDY if isinstance(error, OSError) and error.errno == errno.EMFILE else None


def read_yaml(place: Place, missing: str = _MISSING) -> Any:  # noqa: ANN401 - plain YAML
    """Return the plain objects in a file, None for an empty one; a ConfigError says why there are none."""
    text = ""
    place.findings.files[place.file] = b""
    try:
        content = read_file(Path(place.file), _MAX_YAML_BYTES, _YAML_TIMEOUT).data
        text = content.decode("utf-8-sig")
        loader = _Loader(text)
        value = loader.get_single_data()
    except FileNotFoundError:
        problem = missing
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); check that it is a file, and its permissions"
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = f"line {line}: is not UTF-8; save the file in that encoding"
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"line {line}: the character U+{error.character:04X} is not allowed in YAML"
    except yaml.MarkedYAMLError as error:
        problem = _explained(error, text)
    else:
        place.findings.files[place.file] = content
        for line, message in sorted(loader.duplicates):
            place.problem(f"line {line}: {message}")
        return value
    place.problem(problem)
    raise place.findings.error()


class _Loader(yaml.CSafeLoader):
    """PyYAML's loader, which also notes keys that a mapping has twice: YAML takes the last of them."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.duplicates: list[tuple[int, str]] = []  # lines and messages
        self._checked: set[yaml.Node] = set()

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:  # noqa: FBT001, FBT002 - PyYAML's signature
        if node.tag != _INTEGER or len(str(node.value)) <= _MAX_DIGITS:
            with suppress(ValueError, AttributeError):  # 2024-13-45 looks like a date
                return super().construct_object(node, deep)
        problem = "this looks like a date or number, but YAML cannot read it; put it in quotes"
        raise ConstructorError(problem=problem, problem_mark=node.start_mark)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge the keys of << into a mapping, once its own are checked."""
        if node not in self._checked:
            self._checked.add(node)
            lines: dict[tuple[str, str], int] = {}
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                line, name = key.start_mark.line + 1, (key.tag, key.value)
                if name in lines:
                    message = f"the key {quoted(key.value)} came before, on line {lines[name]}; keep one"
                    self.duplicates.append((line, message))
                lines.setdefault(name, line)
        super().flatten_mapping(node)


def _explained(error: yaml.MarkedYAMLError, text: str) -> str:
    phrase = next((phrase for phrase in _MEANINGS if phrase in f"{error.context} {error.problem}"), "")
    mark = error.context_mark if phrase in _AT_ITS_BEGINNING and error.context_mark else error.problem_mark
    row, column = (mark.line, mark.column) if mark else (0, 0)
    line = dict(enumerate(text.splitlines())).get(row, "")
    here = line[column : column + 1]
    meaning = _MEANINGS.get(phrase) or error.problem or "is not YAML"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        meaning = "a tab is used for indentation; YAML allows spaces only"
    elif not phrase and here == "\t":
        meaning = "a tab stands here; write spaces instead"
    elif not phrase and here and here in _INDICATORS:
        meaning = f'a text cannot begin with "{here}"; put it in quotes'
    return f"line {row + 1}, column {column + 1}: {meaning}"
