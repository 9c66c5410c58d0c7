"""The exporter, that besides notes what its event loop asks of the system: ``audited.py FILE [flags]``."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from exporter.__main__ import main

# What may take as long as it likes, by the names that Python's audit hooks have for it.
_CALLS = ("open", "os.listdir", "os.scandir", "glob.glob", "socket.getaddrinfo", "socket.gethostbyname", "time.sleep")
_PROGRAMS = ("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork")

_noted = Path(sys.argv.pop(1)).open("w", encoding="utf-8", buffering=1)  # noqa: SIM115 - as long as the program


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _CALLS + _PROGRAMS and asyncio._get_running_loop() is not None:  # noqa: SLF001 - the public one raises
        _noted.write(f"{event} {arguments[0] if arguments else ''}\n")


if __name__ == "__main__":
    sys.addaudithook(_note)
    main()
