"""What the program logs, into memory instead of standard error."""

import contextlib
import io
from collections.abc import Iterator, MutableMapping
from typing import Any, Literal, get_args

import structlog

from exporter import logs

Format = Literal["logfmt", "json"]


@contextlib.contextmanager
def captured_log(level: str = "info", format_: Format = "logfmt") -> Iterator[io.StringIO]:
    """Log as the program does with these flags, by default with none."""
    before = structlog.get_config()
    log = io.StringIO()
    with contextlib.redirect_stderr(log):
        logs.set_up(level, format_)
    try:
        yield log
    finally:
        structlog.configure(**before)


@contextlib.contextmanager
def captured_in_every_format() -> Iterator[io.StringIO]:
    renderers = []
    for format_ in get_args(Format):
        with captured_log("debug", format_):
            *_, renderer = structlog.get_config()["processors"]
            renderers.append(renderer)

    def render(logger: Any, name: str, event: MutableMapping[str, Any]) -> str:  # noqa: ANN401 - structlog's signature
        return "\n".join(str(renderer(logger, name, dict(event))) for renderer in renderers)

    with captured_log("debug") as log:
        *before, _ = structlog.get_config()["processors"]
        structlog.configure(processors=[*before, render])
        yield log
