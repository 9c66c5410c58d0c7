"""A log that nobody takes."""

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


def test_its_end_ends_neither_polling_nor_the_program_s_ear_for_signals(tmp_path: Path) -> None:
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


def test_lines_are_lost_where_the_disk_is_full_and_come_again(
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
    said = capfd.readouterr().err
    assert "kept" in said
    assert "lost" not in said


def test_lines_wait_for_who_reads_late_and_how_many_are_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
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
        said = missing = 0
        while said + missing < 2000:
            line = reader.readline()
            if "log lines were dropped, because they were not read in time" in line:
                missing += int(line.partition("lines=")[2])
            else:
                said += "msg=line" in line
    assert said >= 1000
    assert missing > 0
