"""--storage.path with real processes: killed, stopped, started twice, and on disks that are full, read-only or hang."""

import asyncio
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.processes import PROJECT, RunningExporter, eventually, program, ran, running_exporter
from support.programs import installed
from support.simulating import answered, write_config

from exporter.simulator.api import generate_tenants
from exporter.simulator.server import Simulator


class Site:
    """A simulated API, and the configuration of an exporter that polls it every second."""

    def __init__(self, folder: Path, trunks: int) -> None:
        self.folder = folder
        (self.tenant,) = generate_tenants(1, trunks, seed=1)
        self.simulator = Simulator([self.tenant])
        self.storage = folder / "storage"

    def flags(self) -> list[str]:
        config = write_config(self.folder, self.simulator, [self.tenant], poll_interval="1s")
        return ["--config.file", str(config), "--storage.path", str(self.storage)]

    @asynccontextmanager
    async def started(self, *before: str) -> AsyncIterator[RunningExporter]:
        """Run the exporter once it has polled every workspace; ``before`` is what starts it."""
        async with running_exporter(self.folder, *self.flags(), before=before) as exporter:
            await exporter.has_polled()
            yield exporter

    async def is_stored(self) -> Path:
        return Path(await eventually(lambda: next(self.storage.glob("*.state"), None), "the workspace is stored"))

    def lose_one(self) -> None:
        self.tenant.fleet.bind(answered(self.tenant.fleet)[0], "call", None, now=1_800_000_000.0)


@pytest.fixture
async def site(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    site = Site(tmp_path, trunks=getattr(request, "param", 20))
    async with site.simulator:
        yield site


async def test_a_process_that_is_killed_while_it_writes_leaves_a_whole_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "end_to_end.storm", str(tmp_path)]
    path = os.pathsep.join(map(str, (PROJECT, PROJECT / "tests")))
    async with program(command, tmp_path / "log", os.environ | {"PYTHONPATH": path}) as storm:
        assert await storm.ended() == 0, storm.said()
    killed, _, rest = storm.said().splitlines()[-1].partition(" ")
    assert (int(killed) > 0, rest) == (True, "killed while they wrote")


def _lost(metrics: str) -> int:
    return sum(line.startswith("mihu_trunk_channel_lost_timestamp_seconds{") for line in metrics.splitlines())


async def test_a_second_process_is_refused_and_what_is_lost_while_none_runs_is_found(site: Site) -> None:
    async with site.started() as first:
        await site.is_stored()
        flags = [*site.flags(), "--web.listen-address", "127.0.0.1:0"]
        second = await asyncio.to_thread(ran, site.folder, *flags)
        assert second.returncode == 1
        told = f"another process stores in {site.storage} (--storage.path); give each a folder of its own\n"
        assert second.stderr.endswith(told)
        assert "Traceback" not in second.stderr
        await first.shows("mihu_exporter_storage_healthy 1")
        await first.ends()
    site.lose_one()
    async with site.started() as exporter:
        assert _lost(await exporter.metrics()) == 1


@pytest.mark.parametrize("site", [300], indirect=True)
async def test_a_full_disk_costs_neither_polls_nor_what_was_stored(site: Site) -> None:
    """A limit on the size of files stands for the disk: writing fails just so, in the middle of a file."""
    async with site.started() as exporter:
        file = await site.is_stored()
        before = file.read_bytes()
        pid = exporter.program.process.pid
        small = len(before) // 2
        assert len(exporter.program.said()) < small
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (small, resource.RLIM_INFINITY))
        site.lose_one()
        await exporter.shows("mihu_exporter_storage_healthy 0")
        assert file.read_bytes() == before
        await exporter.shows('mihu_channels_lost{workspace="acme",channel="call"} 1')
        assert exporter.program.said().count("what is remembered cannot be written") == 1
        assert [path.name for path in site.storage.iterdir() if path.suffix == ".tmp"] == []
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await exporter.shows("mihu_exporter_storage_healthy 1")
        assert file.read_bytes() != before
        exporter.program.process.kill()
        assert await exporter.program.ended() == -signal.SIGKILL
    async with site.started() as exporter:
        assert _lost(await exporter.metrics()) == 1


# What root may do whatever a folder's mode says, it may not without this.
WITHOUT_POWERS = (installed("setpriv"), "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


async def test_in_a_read_only_folder_what_is_stored_is_read_and_nothing_written_until_it_can_be(site: Site) -> None:
    async with site.started():
        file = await site.is_stored()
    before = file.read_bytes()
    site.lose_one()
    (site.storage / "lock").unlink()
    site.storage.chmod(0o500)
    try:
        async with site.started(*WITHOUT_POWERS) as exporter:
            assert _lost(await exporter.metrics()) == 1
            await exporter.shows("mihu_exporter_storage_healthy 0")
            told = "nothing is stored; --storage.path has to be a folder that this user may write in"
            await exporter.program.says(told)
            assert file.read_bytes() == before
            site.storage.chmod(0o700)
            await exporter.shows("mihu_exporter_storage_healthy 1")
            assert file.read_bytes() != before
    finally:
        site.storage.chmod(0o700)
