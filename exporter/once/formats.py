"""The formats of ``once``, and where each is written."""

import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

from exporter.once.collecting import Collected
from exporter.once.document import document
from exporter.once.gauges import gauges
from exporter.once.writing import print_out, replace_file
from exporter.process import interruptible


class Format(StrEnum):
    """What is written."""

    PROMETHEUS = "prometheus"
    JSON = "json"
    TABLE = "table"


def write(format_: Format, collected: Sequence[Collected], output: Path | None) -> None:
    """Write what was collected to a file, or to standard output.

    Raises:
        OutputError: it cannot be written.
    """
    if output is not None:
        with interruptible():
            replace_file(output, _text(format_, collected))
    elif format_ is Format.TABLE and sys.stdout.isatty():
        from exporter.once.table import show_table  # noqa: PLC0415 - rich is for those who see it

        show_table(collected)
    else:
        print_out(_text(format_, collected))


def _text(format_: Format, collected: Sequence[Collected]) -> Iterable[bytes]:
    match format_:
        case Format.PROMETHEUS:
            return gauges(collected)
        case Format.JSON:
            return document(collected)
        case Format.TABLE:
            from exporter.once.table import plain_table  # noqa: PLC0415 - rich is for those who see it

            return plain_table(collected)
