"""The log: one line an event, on standard error, as logfmt or JSON."""

import contextlib
import logging
import os
import sys
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import AbstractContextManager
from queue import Full, Queue
from threading import Event, Thread, current_thread
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict

from exporter.config.problems import printable_lines

LEVELS = ("debug", "info", "warn", "error")
FORMATS = ("logfmt", "json")

_QUEUE_SIZE = 1000  # lines
_FLUSH_SECONDS = 0.5  # for the last lines

_log = structlog.get_logger()


class _Lines:
    """Writes lines to a stream; lines that cannot be written are dropped without an error."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._queue: Queue[str | Event] | None = None  # for the thread that writes, where one does
        self._writer: Thread | None = None
        self._lost = 0

    def write(self, line: str) -> None:
        if self._queue is None or current_thread() is self._writer:
            # A full disk, or a pipe without a reader; ValueError where the stream is closed.
            with contextlib.suppress(OSError, ValueError):
                write_past_buffer(self._stream, f"{line}\n")
            return
        try:
            self._queue.put_nowait(line)
        except Full:
            self._lost += 1

    debug = info = warning = error = critical = exception = msg = write

    @contextlib.contextmanager
    def written_in_thread(self) -> Iterator[None]:
        queue: Queue[str | Event] = Queue(_QUEUE_SIZE)

        def write_queued() -> None:
            while True:
                line = queue.get()
                if isinstance(line, Event):
                    line.set()
                    continue
                self.write(line)
                if self._lost:
                    lost, self._lost = self._lost, 0
                    _log.warning("log lines were dropped, because they were not read in time", lines=lost)

        self._writer, self._queue = Thread(target=write_queued, name="log", daemon=True), queue
        self._writer.start()
        try:
            yield
        finally:
            written = Event()
            with contextlib.suppress(Full):
                queue.put(written, timeout=_FLUSH_SECONDS)
                written.wait(_FLUSH_SECONDS)


class _Handler(logging.Handler):
    """Writes the log records of libraries."""

    def emit(self, record: logging.LogRecord) -> None:
        # An answer that is cut off when the exporter ends is no error; that it was has a line of its own.
        if record.exc_info and isinstance(record.exc_info[1], CancelledError):
            return
        _log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _printable(_logger: object, _name: str, event: EventDict) -> EventDict:
    # Line breaks, as tracebacks have them, are escaped by the renderers.
    return {name: printable_lines(value) if isinstance(value, str) else value for name, value in event.items()}


_lines = _Lines(sys.stderr)


def set_up(level: str, format_: Literal["logfmt", "json"]) -> None:
    """Send the log to standard error; ``level`` is one of LEVELS."""
    logfmt = structlog.processors.LogfmtRenderer(key_order=("ts", "level", "msg"), bool_as_flag=False)
    global _lines  # noqa: PLW0603 - there is one log
    _lines = lines = _Lines(sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("msg"),
            _printable,
            logfmt if format_ == "logfmt" else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: lines,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Handler()])


def written_in_thread() -> AbstractContextManager[None]:
    """Write the log in a thread meanwhile, so that a full pipe does not block the event loop.

    Up to a thousand lines wait; the number of dropped lines is logged once the log is read again.
    """
    return _lines.written_in_thread()


def write_past_buffer(stream: TextIO, text: str) -> None:
    """Bypass the stream's buffer, where a text that cannot be written would stay and block later ones."""
    try:
        file = stream.fileno()
    except OSError:  # not a file, such as a StringIO
        stream.write(text)
        return
    left = text.encode("utf-8", "backslashreplace")
    while left:
        left = left[os.write(file, left) :]
