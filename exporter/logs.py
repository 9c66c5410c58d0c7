"""The log: one line an event, on standard error, as logfmt or JSON."""

import contextlib
import logging
import os
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor

LEVELS = ("debug", "info", "warn", "error")
FORMATS = ("logfmt", "json")

_FIRST_KEYS = ("ts", "level", "msg")
_STANDARD_NAMES = {"warn": "warning"}


class _Lines:
    """Writes lines to a stream; where nobody takes them, they are lost, and nothing else is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        # A full disk, or a pipe that nobody reads any more; ValueError where the stream is closed.
        with contextlib.suppress(OSError, ValueError):
            _write(self._stream, f"{line}\n")

    debug = info = warning = error = critical = exception = msg = write


def _write(stream: TextIO, line: str) -> None:
    """Write past the stream's buffer, in which what cannot be written would stay in the way of all that follows."""
    try:
        file = stream.fileno()
    except OSError:  # it is none of the system's
        stream.write(line)
        return
    left = line.encode("utf-8", "backslashreplace")
    while left:
        left = left[os.write(file, left) :]


def set_up(level: str, format_: Literal["logfmt", "json"]) -> None:
    """Send the log to standard error; ``level`` is one of LEVELS."""
    renderer: dict[str, Processor] = {
        "logfmt": structlog.processors.LogfmtRenderer(key_order=_FIRST_KEYS, drop_missing=True),
        "json": structlog.processors.JSONRenderer(),
    }
    number = logging.getLevelNamesMapping()[_STANDARD_NAMES.get(level, level).upper()]
    lines = _Lines(sys.stderr)
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
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="level=%(levelname)s msg=%(message)s")
