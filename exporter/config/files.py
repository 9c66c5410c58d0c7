"""Reads files in bounded time and size, and YAML files as plain objects.

A mount may hang, and a pipe may have no writer. YAML's errors are explained to people who do not know it well, without
the values: they may be secrets that were pasted without quotes.
"""

import asyncio
import errno
import hashlib
import os
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from exporter.config.problems import Findings, Place, quoted

_TIMEOUT = 5.0  # seconds
_OPEN_FILES_REMEDIES = {
    errno.EMFILE: "allow the exporter to open more files: LimitNOFILE in its systemd unit, or ulimit -n",
    errno.ENFILE: "allow the machine to open more files (sysctl fs.file-max), or end what holds them open",
}

_MISSING = """\
there is no such file; name another with --config.file, set MIHU_SUBDOMAIN and MIHU_API_TOKEN, try --demo, or write
    workspaces:
      - subdomain: acme # the first part of https://acme.mihu.ai
        authorization: {credentials_env: MIHU_API_TOKEN}"""
_MAX_YAML_BYTES = 64 * 1024 * 1024
_YAML_TIMEOUT = 30.0  # seconds; what comes through a pipe may have to be decrypted first
# The meaning of phrases in PyYAML's messages; the first that applies. True: the mistake is where the context began.
_MEANINGS = (
    ("another document", False, "a second document begins here (---); keep one in a file"),
    ("duplicate anchor", False, "an anchor (&) has the name of an earlier one; choose another"),
    ("unhashable key", False, 'a list or a mapping cannot be a key; put text that begins with "[" or "{" in quotes'),
    ("escape", False, "in double quotes a backslash begins an escape; put the text in single quotes"),
    ("mapping values", False, 'unexpected ":"; check the indentation, and put text that holds ": " in quotes'),
    ("<block end>", False, "does not line up with the lines before it; check the indentation"),
    ("find expected ':'", True, 'a key without ":" after it; write key: value'),
    ("node content", False, "a value is missing here, or a bracket is not closed"),
    ("unexpected end of stream", True, "a quotation mark without its partner; close it"),
    ("',' or ']'", True, 'a "[" without its "]", or a missing comma between items'),
    ("',' or '}'", True, 'a "{" without its "}", or a missing comma between items'),
)
_INTEGER = "tag:yaml.org,2002:int"
_MAX_DIGITS = 100  # Python refuses to write a number of thousands, and takes minutes to read some
_INDICATORS = "*&!%@`"  # characters with which YAML begins something other than a text


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file, and its mode as of ``stat``."""

    data: bytes
    mode: int


class Reading:
    """A read in a thread of its own, because one that hangs cannot be cancelled, and the exit must not wait for it."""

    def __init__(self, path: Path, limit: int, timeout: float) -> None:
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._outcome: Future[Content | OSError] = Future()
        self._outcome.set_running_or_notify_cancel()  # so that one of several readers cannot cancel it
        threading.Thread(target=self._run, args=(path, limit), name=f"read {path.name}", daemon=True).start()

    def content(self) -> Content:
        """Return the content, after waiting for it until the deadline.

        Raises:
            OSError: it cannot be read, or nothing came in time; ``strerror`` says so.
        """
        try:
            outcome = self._outcome.result(self._remaining())
        except TimeoutError as error:
            raise OSError(errno.ETIMEDOUT, f"nothing came within {self._timeout:g}s") from error
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    async def wait(self) -> None:
        """Wait in the event loop until ``content`` returns at once."""
        outcome = asyncio.wrap_future(self._outcome)
        try:
            await asyncio.wait([outcome], timeout=self._remaining())
        finally:
            outcome.cancel()  # the read may end after the loop

    def _remaining(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _run(self, path: Path, limit: int) -> None:
        outcome: Content | OSError
        try:
            outcome = _read(path, limit)
        except OSError as error:
            outcome = error
        except ValueError:
            outcome = OSError(errno.EINVAL, "no file can have this name")
        with _lock:
            del _readings[path]
        self._outcome.set_result(outcome)


_lock = threading.Lock()
_readings: dict[Path, Reading] = {}  # that go on: one for each file, however often a file that hangs is read
_pipes: dict[tuple[int, int], bytes] = {}  # by device and inode; the content of a pipe can be read once


def begin_reading(path: Path, limit: int, timeout: float = _TIMEOUT) -> Reading:
    """Begin to read a file of at most ``limit`` bytes, or join the read of it that goes on."""
    with _lock:
        if path not in _readings:
            _readings[path] = Reading(path, limit, timeout)
        return _readings[path]


def read_file(path: Path, limit: int, timeout: float = _TIMEOUT) -> Content:
    """Read a file of at most ``limit`` bytes.

    Raises:
        OSError: it cannot be read, or nothing came in time; ``strerror`` says so.
    """
    return begin_reading(path, limit, timeout).content()


def _read(path: Path, limit: int) -> Content:
    status = path.stat()
    pipe = (status.st_dev, status.st_ino) if stat.S_ISFIFO(status.st_mode) else None
    earlier = _pipes.get(pipe, b"") if pipe else b""
    # A pipe that has been read is opened without waiting for a writer.
    flags = os.O_NONBLOCK if earlier else 0
    with open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags)) as file:
        os.set_blocking(file.fileno(), True)
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit // 1024} KiB")
    if pipe and data:
        _pipes[pipe] = data
    return Content(data or earlier, status.st_mode)


def open_files_remedy(error: BaseException | None) -> str | None:
    """Return what to do where an error means that no more files can be opened; None where it means something else."""
    return _OPEN_FILES_REMEDIES.get(error.errno or 0) if isinstance(error, OSError) else None


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read: its bytes, and the plain objects in it (None where it is empty)."""

    path: Path
    content: bytes
    value: object

    @property
    def place(self) -> Place:
        return Place(str(self.path))


def read_source(path: Path, findings: Findings, missing: str = _MISSING) -> Source | None:
    """Read a YAML file; None, and a problem, where it cannot be read. ``missing`` is the problem of a missing file."""
    place = Place(str(path))
    findings.file(place.file)
    text = ""
    try:
        content = read_file(path, _MAX_YAML_BYTES, _YAML_TIMEOUT).data
        text = content.decode("utf-8-sig")
        value, duplicates = _parse(text)
    except FileNotFoundError:
        findings.problem(place, missing)
    except OSError as error:
        findings.problem(place, f"cannot be read ({error.strerror}); check that it is a file, and its permissions")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        findings.problem(place, f"line {line}: is not UTF-8; save the file in that encoding")
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        findings.problem(place, f"line {line}: the character U+{error.character:04X} is not allowed in YAML")
    except yaml.MarkedYAMLError as error:
        findings.problem(place, _explained(error, text))
    except RecursionError:
        findings.problem(place, "lists or mappings are nested too deeply")
    else:
        findings.file(place.file, value)
        for message in duplicates:
            findings.problem(place, message)
        return Source(path, content, value)
    return None


def hash_of(sources: Iterable[Source], directory: Path) -> int:
    """Return 48 bits that identify the files' content; replicas that mount them in another directory agree.

    A float64, as a sample is, holds them exactly.
    """
    digest = hashlib.sha256()
    for source in sources:
        name = source.path.relative_to(directory) if source.path.is_relative_to(directory) else source.path
        for part in (str(name).encode(errors="surrogateescape"), source.content):
            digest.update(len(part).to_bytes(8))
            digest.update(part)
    return int.from_bytes(digest.digest()[:6])


class _Constructor(yaml.constructor.SafeConstructor):
    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:  # noqa: FBT001, FBT002 - PyYAML's signature
        if node.tag == _INTEGER and len(str(node.value)) > _MAX_DIGITS:
            problem = "this is a number with too many digits; if it is none, put it in quotes"
            raise ConstructorError(problem=problem, problem_mark=node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (ValueError, AttributeError) as error:  # 2024-13-45 has the form of a date
            problem = "this has the form of a date or number, but is none; put it in quotes"
            raise ConstructorError(problem=problem, problem_mark=node.start_mark) from error


class _FastLoader(_Constructor, yaml.CSafeLoader):
    """libyaml's, which is several times as fast."""


class _Loader(_Constructor, yaml.SafeLoader):
    """PyYAML's own, whose messages :func:`_explained` knows."""


def _parse(text: str) -> tuple[object, list[str]]:
    """Return the plain objects in a YAML text, and a message about each key that a mapping has twice."""
    if "\t" not in text:  # libyaml takes tabs where other programs refuse them
        with suppress(yaml.YAMLError):
            return _load(_FastLoader(text))
    return _load(_Loader(text))


def _load(loader: _FastLoader | _Loader) -> tuple[object, list[str]]:
    node = loader.get_single_node()
    duplicates = [message for _, message in sorted(_duplicate_keys(node))]  # before << merges other keys in
    return None if node is None else loader.construct_document(node), duplicates


def _duplicate_keys(root: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Yield line and message of each key that a mapping has twice, of which YAML takes the last."""
    nodes, seen = [root], set()
    while nodes:
        node = nodes.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
            continue
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            nodes += (key, value)
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if first := lines.get((key.tag, key.value)):
                    yield line, f"line {line}: the key {quoted(key.value)} came before, on line {first}; keep one"
                lines[key.tag, key.value] = line


def _explained(error: yaml.MarkedYAMLError, text: str) -> str:
    whole = f"{error.context} {error.problem}"
    at_context, meaning = next(
        ((at_context, meaning) for phrase, at_context, meaning in _MEANINGS if phrase in whole), (False, None)
    )
    mark = error.context_mark if at_context and error.context_mark else error.problem_mark
    row, column = (mark.line, mark.column) if mark else (0, 0)
    line = dict(enumerate(text.splitlines())).get(row, "")
    where = f"line {row + 1}, column {column + 1}: "
    here = line[column : column + 1]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return f"{where}a tab is used for indentation; YAML allows spaces only"
    if meaning:
        return where + meaning
    if here == "\t":
        return f"{where}a tab stands here; write spaces instead"
    if here and here in _INDICATORS:
        return f'{where}a text cannot begin with "{here}"; put it in quotes'
    return where + (error.problem or "is not YAML")
