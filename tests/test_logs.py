"""The log does not hold up the exporter, even where nothing reads it."""

import asyncio
import fcntl
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest
from structlog import get_logger
from support.logged import captured_log
from support.processes import eventually, exporter_command, free_port

from exporter import logs


async def healthy_and_polling(url: str, http: httpx.AsyncClient) -> bool:
    try:
        health = await http.get(f"{url}/-/healthy")
        metrics = await http.get(f"{url}/metrics")
    except httpx.TransportError:
        return False
    assert health.status_code == httpx.codes.OK, health.text
    return 'mihu_polls_total{workspace="acme"} 2\n' in metrics.text


def test_a_closed_log_stops_neither_polling_nor_signals(tmp_path: Path) -> None:
    async def scenario() -> int:
        port = free_port()
        unread, log = os.pipe()
        os.close(unread)
        command = exporter_command("--demo", "--web.listen-address", f"127.0.0.1:{port}", "--log.level", "debug")
        with (tmp_path / "out").open("wb") as output:
            process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=log)
        os.close(log)
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
                await eventually(lambda: healthy_and_polling(f"http://127.0.0.1:{port}", http), "two polls")
            process.send_signal(signal.SIGTERM)
            return await asyncio.wait_for(process.wait(), 10)
        finally:
            if process.returncode is None:
                process.kill()

    assert asyncio.run(scenario()) == 0


def test_lines_are_dropped_while_the_disk_is_full(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    wrote = os.write
    with captured_log():
        logs.set_up("info", "logfmt")
        with monkeypatch.context() as full:

            def write(*_: object) -> int:
                raise OSError(28, "No space left on device")

            full.setattr(os, "write", write)
            get_logger().info("lost")
        get_logger().info("kept")
    assert os.write is wrote
    log = capfd.readouterr().err
    assert "kept" in log
    assert "lost" not in log


def test_lines_that_are_not_read_in_time_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    unread, written = os.pipe()
    fcntl.fcntl(written, fcntl.F_SETPIPE_SZ, 4096)
    with (
        captured_log(),
        os.fdopen(unread, encoding="utf-8") as reader,
        monkeypatch.context() as stderr,
        os.fdopen(written, "w", encoding="utf-8") as stream,
    ):
        stderr.setattr(sys, "stderr", stream)
        logs.set_up("info", "logfmt")
        logs.write_in_thread()
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
