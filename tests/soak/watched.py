"""The exporter, as its command runs it, that besides writes how many tasks there are: ``watched.py FILE [flags]``."""

import asyncio
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from exporter.__main__ import main
from exporter.app import Exporter

_TASKS = Path(sys.argv.pop(1))
_PAUSE = 0.5  # seconds between two counts


class Watched(Exporter):
    """Tells its tasks, which nobody can count from outside."""

    async def serve(self, listeners: Sequence[socket.socket], stop: asyncio.Event) -> None:
        _tell(asyncio.get_running_loop())
        await super().serve(listeners, stop)


def _tell(loop: asyncio.AbstractEventLoop) -> None:
    """Write the count, now and from time to time: without a task, which would count itself."""
    _TASKS.write_text(str(len(asyncio.all_tasks(loop))), encoding="utf-8")
    loop.call_later(_PAUSE, _tell, loop)


if __name__ == "__main__":
    with patch("exporter.app.Exporter", Watched):
        main()
