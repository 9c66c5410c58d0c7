"""Files that may be open run out: scrapes have enough of them, and messages name the limit and blame nothing else."""

import asyncio
import re
from pathlib import Path

from support.files import no_file_left, write_yaml
from support.polling import Bench, Listing
from support.processes import by_shell, running_exporter
from support.streams import listening

from exporter.config.credentials import FileCredentials

LIMIT = 128
WORKSPACES = 150


async def test_scrapes_are_answered_while_more_workspaces_hang_than_files_may_be_open(tmp_path: Path) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    async with listening(hang) as api:
        workspaces = [{"name": f"{n}", "base_url": f"http://127.0.0.1:{api.port}/{n}"} for n in range(WORKSPACES)]
        shared = {"request_timeout": "1s", "authorization": {"credentials": "token"}}
        config = write_yaml(tmp_path / "config.yaml", {"global": shared, "workspaces": workspaces})
        flags, before = ("--config.file", str(config)), by_shell(f'ulimit -n {LIMIT}; exec "$@"')
        async with running_exporter(tmp_path, *flags, before=before) as exporter:
            failed = 0
            while failed < LIMIT // 4:
                scrapes = (exporter.http.get("/metrics", headers={"Connection": "close"}) for _ in range(20))
                answers = [answer.text for answer in await asyncio.gather(*scrapes)]
                assert all("\nprocess_open_fds " in answer for answer in answers)
                failures = re.findall(r'^mihu_api_requests_total\{.*code="error"\} (\d+)', answers[0], re.MULTILINE)
                failed = sum(map(int, failures))
            assert "cannot accept" not in exporter.program.said()
            assert "Too many open files" not in exporter.program.said()


async def test_a_token_that_cannot_be_read_for_want_of_files_is_a_failed_connection(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("12|token", encoding="utf-8")
    bench = Bench(Listing([]), credentials=FileCredentials(tmp_path / "token"))
    with no_file_left():
        await bench.poller.poll()
    assert bench.failures() == {"connection": 1}
    (ended,) = bench.poller.snapshot.history.polls
    assert ended.failure is not None
    assert ended.failure.message == (
        f"no token: cannot read {tmp_path}/token (Too many open files); "
        "allow the exporter to open more files: LimitNOFILE in its systemd unit, or ulimit -n"
    )
