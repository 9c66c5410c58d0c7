"""The log: one line an event, on standard error, as logfmt or JSON."""

import contextlib
import logging
import os
import sys
from queue import Full, Queue
from threading import Event, Thread, current_thread
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor

LEVELS = ("debug", "info", "warn", "error")
FORMATS = ("logfmt", "json")

_FIRST_KEYS = ("ts", "level", "msg")
_STANDARD_NAMES = {"warn": "warning"}
_MOST_WAITING = 1000  # lines
_PATIENCE = 0.5  # seconds for the last lines to be written

_log = structlog.get_logger()


class _Lines:
    """Writes lines to a stream; where nobody takes them, they are lost, and nothing else is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: Queue[str | Event] | None = None  # for the thread that writes, where one does
        self._writer: Thread | None = None
        self._lost = 0

    def write(self, line: str) -> None:
        if self._waiting is None or current_thread() is self._writer:
            self._write(line)
            return
        try:
            self._waiting.put_nowait(line)
        except Full:
            self._lost += 1

    debug = info = warning = error = critical = exception = msg = write

    def write_in_thread(self) -> None:
        self._waiting = Queue(_MOST_WAITING)
        self._writer = Thread(target=self._write_what_waits, args=(self._waiting,), name="log", daemon=True)
        self._writer.start()

    def flush(self) -> None:
        if self._waiting is not None:
            written = Event()
            with contextlib.suppress(Full):
                self._waiting.put(written, timeout=_PATIENCE)
                written.wait(_PATIENCE)

    def _write_what_waits(self, waiting: Queue[str | Event]) -> None:
        while True:
            line = waiting.get()
            if isinstance(line, Event):
                line.set()
                continue
            self._write(line)
            if self._lost:
                lost, self._lost = self._lost, 0
                _log.warning("lines of the log are missing, since nobody read them in time", lines=lost)

    def _write(self, line: str) -> None:
        # A full disk, or a pipe that nobody reads any more; ValueError where the stream is closed.
        with contextlib.suppress(OSError, ValueError):
            write_past_buffer(self._stream, f"{line}\n")


_lines = _Lines(sys.stderr)


def write_past_buffer(stream: TextIO, line: str) -> None:
    """Write past the stream's buffer, in which what cannot be written would stay in the way of all that follows."""
    try:
        file = stream.fileno()
    except OSError:  # it is none of the system's
        stream.write(line)
        return
    left = line.encode("utf-8", "backslashreplace")
    while left:
        left = left[os.write(file, left) :]


class _Standard(logging.Handler):
    """Writes what libraries say by the standard library."""

    def emit(self, record: logging.LogRecord) -> None:
        _lines.write(self.format(record))


def set_up(level: str, format_: Literal["logfmt", "json"]) -> None:
    """Send the log to standard error; ``level`` is one of LEVELS."""
    renderer: dict[str, Processor] = {
        "logfmt": structlog.processors.LogfmtRenderer(key_order=_FIRST_KEYS, drop_missing=True),
        "json": structlog.processors.JSONRenderer(),
    }
    number = logging.getLevelNamesMapping()[_STANDARD_NAMES.get(level, level).upper()]
    global _lines  # noqa: PLW0603 - there is one log
    _lines = lines = _Lines(sys.stderr)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("msg"),
            renderer[format_],
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: lines,
    )
    # Libraries speak through the standard library; what they warn of should be seen.
    standard = _Standard()
    standard.setFormatter(logging.Formatter("level=%(levelname)s msg=%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[standard])


def write_in_thread() -> None:
    """Have a thread write the log from now on: it waits where nobody reads the log, and the event loop does not.

    Up to a thousand lines wait with it; how many more there were is logged when somebody reads again.
    """
    _lines.write_in_thread()


def flush() -> None:
    """Give the last lines a moment to be written."""
    _lines.flush()
