"""The log has one format, and does not hold up the exporter, even where nothing reads it."""

import fcntl
import json
import os
import shlex
import sys
from contextlib import redirect_stderr
from pathlib import Path

import httpx
import pytest
from structlog import get_logger
from support.logged import captured_log
from support.processes import running_exporter
from support.programs import run

from exporter import logs


async def test_a_closed_log_stops_neither_polling_nor_signals(tmp_path: Path) -> None:
    unread, log = os.pipe()
    os.close(unread)
    flags = ("--demo", "--log.level", "debug")
    async with running_exporter(tmp_path, *flags, streams={"stderr": log}) as exporter:
        os.close(log)
        await exporter.shows('mihu_polls_total{workspace="acme"} 2')
        assert (await exporter.http.get("/-/healthy")).status_code == httpx.codes.OK
        await exporter.ends()


_LIBRARY = """
import asyncio, logging, sys
from exporter import logs
logs.set_up("warn", sys.argv[1])
server = logging.getLogger("uvicorn.error")
server.error("Cancel %d tasks", 1)
server.error("Exception in ASGI application", exc_info=asyncio.CancelledError())  # one of them
"""


@pytest.mark.parametrize("format_", logs.FORMATS)
def test_libraries_are_heard_in_the_format_of_all_lines(format_: str) -> None:
    line = run(sys.executable, "-c", _LIBRARY, format_).stderr
    read = json.loads(line) if format_ == "json" else dict(part.split("=", 1) for part in shlex.split(line))
    assert {**read, "ts": ""} == {"ts": "", "level": "error", "msg": "Cancel 1 tasks", "logger": "uvicorn.error"}


def test_lines_are_dropped_while_the_disk_is_full(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with captured_log(), file.open("w") as log, Path("/dev/full").open("w") as full, redirect_stderr(log):
        logs.set_up("info", "logfmt")
        disk = os.dup(log.fileno())
        os.dup2(full.fileno(), log.fileno())
        get_logger().info("lost")
        os.dup2(disk, log.fileno())
        os.close(disk)
        get_logger().info("kept", tls=True)
    assert "msg=kept tls=true\n" in file.read_text()
    assert "lost" not in file.read_text()


def test_lines_that_are_not_read_in_time_are_dropped_and_counted() -> None:
    unread, written = os.pipe()
    fcntl.fcntl(written, fcntl.F_SETPIPE_SZ, 4096)
    with (
        captured_log(),
        os.fdopen(unread, encoding="utf-8") as reader,
        os.fdopen(written, "w", encoding="utf-8") as stream,
        redirect_stderr(stream),
    ):
        logs.set_up("info", "logfmt")
        with logs.written_in_thread():
            for number in range(2000):
                get_logger().info("line", number=number)
            written_lines = missing = 0
            while written_lines + missing < 2000:
                line = reader.readline()
                if "log lines were dropped, because they were not read in time" in line:
                    missing += int(line.partition("lines=")[2])
                else:
                    written_lines += "msg=line" in line
    assert written_lines >= 1000
    assert missing > 0
