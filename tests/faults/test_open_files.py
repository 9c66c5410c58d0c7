"""A process that may open no more files: the message names the limit and blames nothing else."""

from pathlib import Path

import httpx
from doctor.bench import recorded, workspace
from support.files import no_file_left
from support.polling import Bench

from exporter.commands.doctor import report_of
from exporter.config.credentials import FileCredentials
from exporter.doctor.checks import failed


async def test_a_token_that_cannot_be_read_for_want_of_files_is_a_failed_connection(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("12|token", encoding="utf-8")
    bench = Bench(unreachable, credentials=FileCredentials(tmp_path / "token"))
    with no_file_left():
        await bench.poller.poll()
    assert bench.failures() == {"connection": 1}
    (ended,) = bench.poller.snapshot.history.polls
    assert ended.failure is not None
    assert ended.failure.message == (
        f"no token: cannot read {tmp_path}/token (Too many open files); "
        "allow the exporter to open more files: LimitNOFILE in its systemd unit, or ulimit -n"
    )


async def test_the_doctor_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("12|token", encoding="utf-8")
    patient = workspace("acme", "http://127.0.0.1:1", credentials=FileCredentials(tmp_path / "token"))
    await recorded(patient)  # what is imported late is then there
    with no_file_left():
        recording = await recorded(patient)
    assert report_of(recording).results["token"] == failed(
        f"no token: cannot read {tmp_path}/token (Too many open files)",
        "allow the exporter to open more files: LimitNOFILE in its systemd unit, or ulimit -n",
    )


def unreachable(_: httpx.Request) -> httpx.Response:
    raise AssertionError
