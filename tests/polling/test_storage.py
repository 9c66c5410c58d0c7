"""What is remembered outlives the process: what is kept, what is compared with it, and what a bad disk costs."""

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.clock import ManualClock
from support.executor import InlineExecutor
from support.past import DISABLED, GONE, HOUR, LOST, OUT_OF_SERVICE, START, Past
from support.polling import Bench, Listing, polled
from support.stored import only_file, stored
from support.trunks import Row, bindings, row

from exporter.config.settings import ExpectRule, Filter, Metrics, NumberStyle, Remember, Workspace
from exporter.polling import storage
from exporter.polling.storage import Storage, StorageInUseError

UUID, NUMBER = row()["phone_number_uuid"], row()["number"]
UNBOUND = row(bindings=bindings())
UNCLEAR = row(bindings=bindings(call={"bound": "maybe"}))
OTHER = row(1)
LISTED = [row(), OTHER]

NOTHING_STORED = "nothing is stored; --storage.path has to be a folder that this user may write in"


class Process(Past):
    """One exporter after the other on the same folder, each with the clock that went on."""

    def __init__(self, folder: Path, **settings: Any) -> None:  # noqa: ANN401 - any of a bench
        super().__init__(every=0, folder=folder, **settings)
        self.folder = folder

    @property
    def storage(self) -> Storage:
        assert self.bench.storage is not None
        return self.bench.storage


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(tmp_path)


def off(service: str) -> dict[str, Any]:
    settings: dict[str, Any] = row()["channel_settings"]
    return settings | {service: settings[service] | {"enabled": False}}


class TestARestart:
    def test_forgets_nothing(self, process: Process) -> None:
        def remembered(bench: Bench) -> list[dict[Any, float]]:
            return [bench.samples(name) for name in (LOST, GONE, DISABLED, OUT_OF_SERVICE)]

        process.poll(row(), OTHER, row(2))
        found = [UNBOUND, row(1, channel_settings=off("inbound"))]
        before = remembered(process.poll(*found))
        history = process.memory.history
        assert [*map(len, before)] == [1, 1, 1, 1]
        process.restart()
        bench = process.poll(*found)
        assert (remembered(bench), process.memory.history, bench.changes()) == (before, history, {})

    @pytest.mark.parametrize(
        ("before", "after", "found"),
        [
            ([LISTED], LISTED, {}),
            ([LISTED], [UNBOUND, OTHER], {"lost": 1}),
            ([[*LISTED, row(2)]], [UNBOUND, row(1, status="suspended")], {"lost": 1, "removed": 1, "status": 1}),
            ([LISTED, [UNCLEAR, OTHER]], [UNBOUND, OTHER], {"lost": 1}),
            ([[]], [row()], {"added": 1}),
            ([LISTED, [OTHER]], LISTED, {"added": 1}),
            ([LISTED, [OTHER]], [UNBOUND, OTHER], {"added": 1, "lost": 1}),
            ([LISTED, [OTHER]], [row(phone_number_uuid="new"), OTHER], {"added": 1}),
        ],
    )
    @pytest.mark.parametrize("after_seconds", [HOUR, 400 * 24 * HOUR], ids=["soon", "late"])
    def test_finds_what_changed_while_nothing_ran_however_long(
        self, process: Process, before: list[list[Row]], after: list[Row], found: dict[str, int], after_seconds: float
    ) -> None:
        for rows in before:
            process.poll(*rows)
            process.restart(after=after_seconds)
        bench = process.poll(*after)
        assert (bench.changes(), bench.value("mihu_trunks_gone")) == (found, found.get("removed", 0))
        assert [*bench.samples(LOST).values()] == [START + len(before) * after_seconds] * found.get("lost", 0)

    def test_exposes_nothing_that_is_stored_and_compares_with_it_though_polls_fail(self, process: Process) -> None:
        process.poll(*LISTED)
        process.restart()
        process.listing.pagination = {"total": 99}
        bench = process.poll(UNBOUND, OTHER)
        assert (bench.value("mihu_up"), bench.trunk_samples()) == (0, {})
        process.listing.pagination = {}
        assert process.poll(UNBOUND, OTHER).changes() == {"lost": 1}

    def test_makes_sure_of_a_trunk_that_the_first_walk_does_not_see(self, process: Process) -> None:
        process.poll(*LISTED)
        process.restart()
        seen = len(process.listing.requests)
        process.listing.before = lambda requests, _: setattr(
            process.listing, "rows", [OTHER] if requests == seen else [row(), OTHER]
        )
        bench = process.poll()
        assert (bench.changes(), bench.value("mihu_trunks_gone")) == ({}, 0)

    def test_takes_no_trunk_for_gone_where_there_is_no_time_to_make_sure(self, process: Process) -> None:
        process.poll(*LISTED)
        process.restart()
        for changes, gone, walks in (({}, 0, 2), ({"removed": 1}, 1, 1)):
            bench = process.poll(OTHER, in_time=False)
            assert (bench.value("mihu_up"), bench.value("mihu_poll_walks")) == (1, walks)
            assert (bench.changes(), bench.value("mihu_trunks_gone")) == (changes, gone)
        assert process.poll(OTHER, row(phone_number_uuid="new")).value("mihu_trunks_gone") == 0


MASKED, HIDDEN = ({"metrics": Metrics(number=style)} for style in (NumberStyle.MASKED, NumberStyle.HIDDEN))


class TestWhatIsReadOrShownOtherwise:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({}, {"name": "renamed"}),
            ({}, {"base_url": "https://globex.mihu.ai"}),
            ({}, {"filter": Filter(search="1208")}),
            ({"filter": Filter(search="1208")}, {"filter": Filter(search="120")}),
            ({}, MASKED),
            (MASKED, HIDDEN),
            (HIDDEN, {"metrics": Metrics()}),
        ],
    )
    def test_starts_afresh(self, tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
        process = Process(tmp_path, **before)
        process.poll(row(), OTHER, row(2))
        process.poll(UNBOUND, OTHER)
        process.restart(**after)
        bench = process.poll(UNBOUND)
        assert (bench.changes(), process.memory.history) == ({}, ())
        assert bench.value("mihu_channels_lost", channel="call") == bench.value("mihu_trunks_gone") == 0
        assert bench.storage_healthy() == 1

    def test_anything_else_does_not(self, process: Process) -> None:
        process.poll(*LISTED)
        expect, remember = (ExpectRule(channels=("call",)),), Remember(lost=24 * HOUR)
        process.restart(expect=expect, remember=remember, poll_interval=30.0, metrics=Metrics(trunk_details=False))
        assert process.poll(UNBOUND, OTHER).value("mihu_channels_lost", channel="call") == 1

    def test_names_of_agents_that_are_to_be_hidden_are_forgotten(self, process: Process) -> None:
        process.poll(*LISTED)
        process.poll(UNBOUND, OTHER)
        process.restart(metrics=Metrics(agent_names=False))
        bench = process.poll(UNBOUND)
        assert bench.value(LOST, phone_number_uuid=UUID, number=NUMBER, channel="call", agent_uuid="agent-ada") == START
        told = [(change.change, change.before) for change in process.memory.history]
        assert told == [("lost", "unknown"), ("removed", "active")]
        assert "Ada" not in repr(process.memory)


class TestTheFile:
    def test_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        folder = tmp_path / "new" / "folder"
        Process(folder).poll(row())
        assert stat.S_IMODE(only_file(folder).stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def test_is_written_only_when_something_changed(self, process: Process) -> None:
        process.poll(*LISTED)
        written = only_file(process.folder).stat()
        process.poll(OTHER, row())
        assert only_file(process.folder).stat().st_ino == written.st_ino
        process.poll(OTHER, row(status="suspended"))
        assert only_file(process.folder).stat().st_ino != written.st_ino

    def test_is_one_for_each_workspace_whatever_their_names(self, tmp_path: Path) -> None:
        names = ("acme", "ACME", "a/c", "a%2Fc", "..", "é" * 200, "é" * 201)
        for name in names:
            process = Process(tmp_path, name=name)
            process.poll(row())
            asyncio.run(process.storage.end())
        assert len(list(tmp_path.glob("*.state"))) == len(names)
        assert len({file.name.lower() for file in tmp_path.glob("*.state")}) == len(names)

    def test_what_was_not_written_to_its_end_is_removed_and_nothing_else(self, process: Process) -> None:
        process.poll(row())
        unfinished = process.folder / f".{only_file(process.folder).name}.0123abcd.tmp"
        others = [process.folder / ".other.tmp", process.folder / "notes.txt", process.folder / ".acme.state"]
        for file in (unfinished, *others):
            file.write_bytes(b"half")
        process.restart()
        process.poll(row())
        assert not unfinished.exists()
        assert all(file.exists() for file in others)


BAD: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[: len(data) // 2],
    "truncated in the checksum": lambda data: data[:40],
    "of a newer version": lambda data: data.replace(b"storage 1\n", b"storage 2\n", 1),
    "one bit of the digest of what is polled": lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
    "empty": lambda _: b"",
    "zeros": lambda _: b"\0" * 4096,
    "something else": lambda _: b"number,status\n+12084439178,active\n",
    "with more behind": lambda data: data + b"more",
}


class TestABadFile:
    @pytest.mark.parametrize("spoil", BAD.values(), ids=BAD)
    def test_is_a_warning_and_a_gauge_and_kept_aside(self, process: Process, spoil: Callable[[bytes], bytes]) -> None:
        process.poll(*LISTED)
        file = only_file(process.folder)
        bad = spoil(file.read_bytes())
        file.write_bytes(bad)
        process.restart(after=0)
        healths: list[float | None] = []
        process.listing.before = lambda *_: healths.append(process.bench.storage_healthy())
        with capture_logs() as log:
            bench = process.poll(UNBOUND, OTHER)
        assert (bench.value("mihu_up"), bench.changes()) == (1, {})
        (warning,) = [line for line in log if line["log_level"] == "warning"]
        assert warning["event"].startswith("what was remembered cannot be read (")
        assert (warning["workspace"], warning["file"]) == ("acme", str(file))
        assert file.with_suffix(".unreadable").read_bytes() == bad
        assert [*healths, bench.storage_healthy()] == [0, 0]
        process.storage.keep(["acme"])  # as a reload does
        assert bench.storage_healthy() == 1
        process.restart()
        assert process.poll(*LISTED).changes() == {"bound": 1}

    def test_that_cannot_be_opened_is_kept_aside_too(self, process: Process) -> None:
        process.poll(row())
        file = only_file(process.folder)
        file.unlink()
        file.symlink_to(file.name)  # leads to itself, which nobody can open
        process.restart(after=0)
        bench = process.poll(UNBOUND)
        assert (bench.value("mihu_up"), bench.storage_healthy()) == (1, 0)
        assert file.with_suffix(".unreadable").is_symlink()
        assert len(stored(file)["states"]) == 1

    def test_of_every_workspace_is_made_again_where_the_folder_is_taken_away(self, tmp_path: Path) -> None:
        process, globex = Process(tmp_path / "state"), Bench(Listing(LISTED), name="globex")
        globex.storage = process.storage
        globex.configure(globex.workspace, Metrics())
        for rows in (LISTED, [UNBOUND]):
            polled(globex)
            assert process.poll(*rows).storage_healthy() == 1
            process.folder.rename(tmp_path / str(len(rows)))
        for _ in range(2):
            process.poll(*LISTED)
            polled(globex)
        assert len([*process.folder.glob("*.state")]) == 2
        with pytest.raises(StorageInUseError):
            asyncio.run(Storage(process.folder, process.bench.clock, lambda _: None, InlineExecutor()).open())

    def test_that_cannot_be_written_is_a_problem_until_it_can_or_its_workspace_is_gone(self, process: Process) -> None:
        process.poll(row())
        file = only_file(process.folder)
        file.unlink()
        file.mkdir()
        with capture_logs() as log:
            assert [process.poll(UNBOUND).storage_healthy() for _ in range(2)] == [0, 0]
            file.rmdir()
            assert process.poll(UNBOUND).storage_healthy() == 1
        told = [line["event"][:30] for line in log if line.get("file") == str(file)]
        assert told == ["what is remembered cannot be w", "the storage works again"]
        file.unlink()
        file.mkdir()
        process.poll(row())
        process.storage.keep(["acme"])
        assert process.bench.storage_healthy() == 0
        process.storage.keep(["globex"])
        assert process.bench.storage_healthy() == 1


async def opened(disk: InlineExecutor, folder: Path, *rows: Row) -> Bench:
    """Return a bench that began while its disk hung."""
    disk.become_busy()
    bench = Bench(Listing([*rows]), folder=folder, storage_executor=disk)
    assert bench.storage is not None
    opening = asyncio.create_task(bench.storage.open())
    await bench.clock.advance(1)
    await opening
    return bench


class TestADiskThatHangs:
    async def test_delays_no_poll_and_is_a_gauge(self, tmp_path: Path) -> None:
        disk = InlineExecutor()
        with capture_logs() as log:
            bench = await opened(disk, tmp_path, *LISTED)
            for _ in range(3):
                await bench.poll()
            assert (bench.value("mihu_trunks", status="active"), bench.storage_healthy()) == (2, 0)
            disk.catch_up()
            await bench.clock.settle()
            await bench.poll()
        assert bench.storage_healthy() == 1
        assert len(stored(only_file(tmp_path))["states"]) == 2
        assert [line["event"] for line in log if "file" in line] == [
            f"{NOTHING_STORED} (the disk does not answer within 1s)",
            "what was remembered cannot be read (the disk does not answer within 1s)",
            *["the storage works again"] * 2,
        ]

    async def test_is_none_that_answers_one_call_after_the_other(self, tmp_path: Path) -> None:
        disk, clock = InlineExecutor(), ManualClock()
        disk.become_busy()
        storage = Storage(tmp_path, clock, lambda _: None, disk)
        with capture_logs() as log:
            for name in ("acme", "globex", "initech"):
                asyncio.create_task(storage.load(Workspace(name=name), Metrics()))  # noqa: RUF006 - awaited below
            for _ in range(3):
                await clock.advance(0.9)
                disk.run_next()
            await clock.settle()
        assert log == []

    def test_at_the_start_costs_nothing_that_was_remembered(self, process: Process) -> None:
        process.poll(*LISTED)
        process.poll(row(), row(1, status="suspended"))
        history = process.memory.history
        disk = InlineExecutor()
        disk.become_busy()
        bench = process.restart(storage_executor=disk)
        process.listing.rows = [UNBOUND, row(1, status="suspended")]

        async def scenario() -> None:
            for _ in range(2):
                await bench.poll()
                assert (bench.value("mihu_up"), bench.changes()) == (1, {})
            disk.catch_up()
            await bench.clock.settle()
            for _ in range(2):
                await bench.poll()
                assert (bench.changes(), process.memory.history[:-1]) == ({"lost": 1}, history)
            assert bench.storage_healthy() == 1

        asyncio.run(scenario())
        process.restart(after=0)
        assert process.poll(*LISTED).changes() == {"bound": 1, "status": 1}

    @pytest.mark.parametrize("begins", [False, True])
    async def test_while_it_is_written_delays_no_poll_and_the_newest_is_written_at_last(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, begins: bool
    ) -> None:
        disk, listing = InlineExecutor(), Listing(LISTED)
        bench = Bench(listing, folder=tmp_path, storage_executor=disk)
        await bench.poll()
        disk.become_busy()
        for status in ("pending", "suspended"):
            listing.rows = [row(status=status), OTHER]
            await bench.poll()
            await bench.clock.advance(1)
            assert bench.storage_healthy() == 0
            if begins:  # to write, in the moment in which the newest comes
                monkeypatch.setattr(storage, "source_of", lambda *_: f"{disk.run_next()}")  # type: ignore[func-returns-value]
        assert bench.changes() == {"status": 2}
        disk.catch_up()
        await bench.clock.settle()
        assert bench.storage_healthy() == 1
        assert "suspended" in repr(stored(only_file(tmp_path)))

    async def test_delays_the_end_by_two_seconds_at_most(self, tmp_path: Path) -> None:
        bench = await opened(InlineExecutor(), tmp_path, row())
        await bench.poll()
        assert bench.storage is not None
        ending = asyncio.create_task(bench.storage.end())
        await bench.clock.advance(2)
        assert ending.done()

    async def test_whose_folder_turns_out_to_be_another_s_is_never_written_in(self, tmp_path: Path) -> None:
        other = Bench(Listing(LISTED), folder=tmp_path)
        await other.poll()
        disk = InlineExecutor()
        bench = await opened(disk, tmp_path, UNBOUND)
        disk.catch_up()
        for _ in range(2):
            await bench.poll()
        assert bench.storage_healthy() == 0
        assert len(stored(only_file(tmp_path))["states"]) == 2
