"""The log: one line an event, on standard error, as logfmt or JSON."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

LEVELS = ("debug", "info", "warn", "error")
FORMATS = ("logfmt", "json")

_FIRST_KEYS = ("ts", "level", "msg")
_STANDARD_NAMES = {"warn": "warning"}


def set_up(level: str, format_: Literal["logfmt", "json"]) -> None:
    """Send the log to standard error; ``level`` is one of LEVELS."""
    renderer: dict[str, Processor] = {
        "logfmt": structlog.processors.LogfmtRenderer(key_order=_FIRST_KEYS, drop_missing=True),
        "json": structlog.processors.JSONRenderer(),
    }
    number = logging.getLevelNamesMapping()[_STANDARD_NAMES.get(level, level).upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("msg"),
            renderer[format_],
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # Libraries speak through the standard library; what they warn of should be seen.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="level=%(levelname)s msg=%(message)s")
