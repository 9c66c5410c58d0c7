"""What a poll makes of the changes that it finds: lines of the log, counters, gauges and a history."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from support.clock import ManualClock
from support.logged import captured_in_every_format
from support.polling import Bench, Listing
from support.stored import only_file, stored
from support.trunks import Row, bindings, bound, row

from exporter.config.patterns import compile_pattern
from exporter.config.settings import Filter, Metrics, NumberStyle
from exporter.status.document import list_changes
from exporter.status.query import ChangeQuery
from exporter.trunks.changes import Kind

START = ManualClock().time()
UUID, NUMBER = row()["phone_number_uuid"], row()["number"]
T = {"phone_number_uuid": UUID, "number": NUMBER}
ADA = {"agent_uuid": "agent-ada", "agent_name": "Ada"}
UNBOUND, SUSPENDED, PENDING = row(bindings=bindings()), row(status="suspended"), row(status="pending")
OTHER = row(1)
DAY = 86_400.0

LOST = "mihu_trunk_channel_lost_timestamp_seconds"
GONE = "mihu_trunk_gone_timestamp_seconds"
DISABLED = "mihu_trunk_service_disabled_timestamp_seconds"
OUT_OF_SERVICE = "mihu_trunk_out_of_service_timestamp_seconds"
OUTAGE = "mihu_trunk_outage_timestamp_seconds"


def off(*services: str) -> dict[str, Any]:
    settings: dict[str, Any] = row()["channel_settings"]
    return {name: setting | {"enabled": False} if name in services else setting for name, setting in settings.items()}


def polls(*lists: list[Row], **settings: Any) -> Bench:  # noqa: ANN401 - any of a workspace
    """Return a bench that has found these lists, a minute apart."""
    listing = Listing(lists[0])
    bench = Bench(listing, **settings)

    async def scenario() -> None:
        for rows in lists:
            listing.rows = rows
            await bench.poll()
            await bench.clock.advance(60)

    asyncio.run(scenario())
    return bench


def changes(bench: Bench) -> dict[str, float]:
    """Return the counters of changes that are not 0."""
    found = {kind.value: bench.value("mihu_trunk_changes_total", change=kind) for kind in Kind}
    return {kind: count for kind, count in found.items() if count}


class TestCounters:
    def test_all_kinds_are_there_from_the_start_at_0(self) -> None:
        bench = Bench(Listing([]))
        kinds = ("added", "removed", "lost", "bound", "agent", "status", "compliance", "service", "limit", "fee")
        assert [bench.value("mihu_trunk_changes_total", change=kind) for kind in kinds] == [0] * 10
        assert bench.series("mihu_trunk_changes_total") == 10
        assert (bench.value("mihu_trunks_added_total"), bench.value("mihu_trunks_removed_total")) == (0, 0)

    def test_the_first_poll_finds_none(self) -> None:
        bench = polls([UNBOUND, OTHER])
        assert changes(bench) == {}
        assert bench.value("mihu_trunks_added_total") == 0
        assert bench.poller.snapshot.memory.history == ()

    def test_each_change_counts_once(self) -> None:
        bench = polls([row(), OTHER, row(2)], [UNBOUND, row(1, status="suspended"), row(3)], [UNBOUND, OTHER, row(3)])
        assert changes(bench) == {"lost": 1, "status": 2, "added": 1, "removed": 1}
        assert (bench.value("mihu_trunks_added_total"), bench.value("mihu_trunks_removed_total")) == (1, 1)

    def test_rows_that_move_have_not_changed(self) -> None:
        rows = [row(index) for index in range(200)]
        bench = polls(rows, [*rows[90:], *rows[:90]], rows[::-1], per_page=25)
        assert changes(bench) == {}

    def test_a_fleet_that_grows_and_shrinks_has_changed_by_what_came_and_went(self) -> None:
        rows = [row(index) for index in range(500)]
        bench = polls(rows[:30], rows, rows[:40])
        assert changes(bench) == {"added": 470, "removed": 460}

    def test_a_failed_poll_changes_nothing_and_what_changed_meanwhile_is_found_after(self) -> None:
        listing = Listing([row(), OTHER])
        works = True
        bench = Bench(lambda request: listing(request) if works else httpx.Response(403))
        asyncio.run(bench.poll())
        works, listing.rows = False, [UNBOUND, OTHER]
        asyncio.run(bench.poll())
        assert changes(bench) == {}
        works = True
        asyncio.run(bench.poll())
        assert changes(bench) == {"lost": 1}


class TestLog:
    def test_each_change_is_a_line(self) -> None:
        limit = row(1)["channel_settings"] | {"voice": {"enabled": True, "channel_limit": 5}}
        with capture_logs() as log:
            polls([row(), OTHER], [UNBOUND, row(1, channel_settings=limit)])
        about = {"log_level": "info", "event": "trunk changed", "workspace": "acme"}
        assert [line for line in log if line["event"] == "trunk changed"] == [
            {
                **about,
                "number": NUMBER,
                "uuid": UUID,
                "change": "lost",
                "channel": "call",
                "before": "Ada",
                "after": None,
            },
            {
                **about,
                "number": OTHER["number"],
                "uuid": OTHER["phone_number_uuid"],
                "change": "limit",
                "carrier_service": "voice",
                "before": 10.0,
                "after": 5.0,
            },
        ]

    @pytest.mark.parametrize(("found", "lines", "rest"), [(20, 20, None), (21, 20, 1), (300, 20, 280)])
    def test_there_are_20_lines_a_poll_at_most_and_one_that_counts_the_rest(
        self, found: int, lines: int, rest: int | None
    ) -> None:
        with capture_logs() as log:
            bench = polls([], [row(index) for index in range(found)])
        assert sum(line["event"] == "trunk changed" for line in log) == lines
        assert [line["changes"] for line in log if line["event"] == "more trunks changed"] == [rest] * (
            rest is not None
        )
        assert bench.value("mihu_trunk_changes_total", change="added") == found
        assert len(bench.poller.snapshot.memory.history) == found


class TestGauges:
    def test_nothing_is_remembered_at_first(self) -> None:
        bench = polls([])
        for channel in ("call", "sms", "whatsapp"):
            assert bench.value("mihu_channels_lost", channel=channel) == 0
        assert bench.value("mihu_trunks_gone") == 0
        assert [bench.series(name) for name in (LOST, GONE, DISABLED, OUT_OF_SERVICE, OUTAGE)] == [0] * 5

    @pytest.mark.parametrize(
        ("after", "metrics", "family", "labels"),
        [
            ([UNBOUND, OTHER], Metrics(), LOST, {"channel": "call", **ADA}),
            ([UNBOUND, OTHER], Metrics(agent_names=False), LOST, {"channel": "call", "agent_uuid": "agent-ada"}),
            ([OTHER], Metrics(), GONE, {}),
            ([row(channel_settings=off("inbound")), OTHER], Metrics(), DISABLED, {"carrier_service": "inbound"}),
            ([UNBOUND, OTHER], Metrics(), OUT_OF_SERVICE, {}),
        ],
    )
    def test_they_are_the_time_of_the_poll_that_found_it(
        self, after: list[Row], metrics: Metrics, family: str, labels: dict[str, str]
    ) -> None:
        bench = polls([row(), OTHER], after, after, metrics=metrics)
        assert bench.value(family, **T, **labels) == START + 60
        assert bench.series(family) == 1
        assert bench.value("mihu_channels_lost", channel="call") == (UNBOUND in after)
        assert bench.value("mihu_trunks_gone") == (after == [OTHER])

    async def test_none_is_in_the_future_once_the_clock_was_set_back(self) -> None:
        listing = Listing([row(), OTHER])
        bench = Bench(listing)
        await bench.poll()
        listing.rows = [UNBOUND, OTHER]
        for _ in range(2):
            await bench.poll()
            assert bench.value(LOST, **T, channel="call", **ADA) == bench.clock.time()
            assert bench.value(OUT_OF_SERVICE, **T) == bench.clock.time()
            bench.clock.set_back(DAY)

    def test_a_trunk_stays_out_of_service_since_then_while_the_fleet_grows(self) -> None:
        bench = polls([UNBOUND, OTHER], [UNBOUND, *(row(index) for index in range(1, 300))])
        assert bench.value(OUT_OF_SERVICE, **T) == START

    @pytest.mark.parametrize(
        ("lists", "reason", "was_in_service"),
        [
            ([[SUSPENDED, OTHER], [OTHER, SUSPENDED]], "not_active", "unknown"),
            ([[row(), OTHER], [SUSPENDED, OTHER]], "not_active", "true"),
            ([[row(), OTHER], [UNBOUND, OTHER]], "unbound", "true"),
            ([[row(), OTHER], [UNBOUND, OTHER], [SUSPENDED, OTHER]], "not_active", "true"),
            ([[row(), OTHER], [PENDING, OTHER], [SUSPENDED, OTHER]], "not_active", "true"),
            ([[PENDING, OTHER], [SUSPENDED, OTHER]], "not_active", "false"),
            ([[PENDING | {"bindings": bindings()}, OTHER], [UNBOUND, OTHER]], "unbound", "false"),
            ([[OTHER], [SUSPENDED, OTHER]], "not_active", "false"),
            ([[OTHER], [UNBOUND, OTHER], [SUSPENDED, OTHER]], "not_active", "false"),
            ([[row(), OTHER], [OTHER], [SUSPENDED, OTHER]], "not_active", "true"),
        ],
    )
    def test_a_trunk_out_of_service_was_in_service_before_or_not(
        self, lists: list[list[Row]], reason: str, was_in_service: str
    ) -> None:
        bench = polls(*lists)
        labels = {"reason": reason, "was_in_service": was_in_service}
        assert bench.value(OUTAGE, **T, **labels) == bench.value(OUT_OF_SERVICE, **T)
        assert bench.series(OUTAGE) == 1

    def test_they_are_counted_as_series_of_trunks(self) -> None:
        before, after = polls([row(), OTHER], [row(), OTHER]), polls([row(), OTHER], [UNBOUND, OTHER])
        shown = sum(
            name.startswith("mihu_trunk_") and name != "mihu_trunk_changes_total" for name, _ in after.samples()
        )
        was = sum(name.startswith("mihu_trunk_") and name != "mihu_trunk_changes_total" for name, _ in before.samples())
        series, earlier = after.value("mihu_series"), before.value("mihu_series")
        assert series is not None
        assert earlier is not None
        assert series - earlier == shown - was

    def test_without_details_there_are_totals_alone(self) -> None:
        bench = polls([row(), OTHER], [UNBOUND], metrics=Metrics(trunk_details=False))
        assert [bench.series(name) for name in (LOST, GONE, DISABLED, OUT_OF_SERVICE, OUTAGE)] == [0] * 5
        assert bench.value("mihu_channels_lost", channel="call") == 1
        assert bench.value("mihu_trunks_gone") == 1

    def test_families_can_be_denied(self) -> None:
        deny = (compile_pattern("mihu_trunk_channel_lost_.*"),)
        bench = polls([row(), OTHER], [UNBOUND], metrics=Metrics(deny=deny))
        assert (bench.series(LOST), bench.series(GONE)) == (0, 1)

    async def test_what_is_remembered_ends_without_a_change_of_the_list(self) -> None:
        listing = Listing([row(), OTHER])
        bench = Bench(listing, max_staleness=30 * DAY)

        await bench.poll()
        listing.rows = [UNBOUND]
        await bench.poll()
        assert (bench.series(LOST), bench.series(GONE)) == (1, 1)
        await bench.clock.advance(DAY)
        await bench.poll()
        assert (bench.series(LOST), bench.series(GONE)) == (1, 0)
        await bench.clock.advance(6 * DAY)
        await bench.poll()
        assert (bench.series(LOST), bench.series(GONE)) == (0, 0)

    def test_they_end_with_the_trunks_when_these_are_too_old(self) -> None:
        bench = polls([row(), OTHER], [UNBOUND], max_staleness=200.0)
        assert (bench.series(LOST), bench.series(GONE), bench.value("mihu_data_stale")) == (1, 1, 0)
        asyncio.run(bench.clock.advance(200))
        assert (bench.series(LOST), bench.series(GONE), bench.value("mihu_data_stale")) == (0, 0, 1)
        assert bench.series("mihu_channels_lost") == bench.series("mihu_trunks_gone") == 0

    def test_a_list_without_any_binding_shows_no_loss_and_forgets_none(self) -> None:
        silent = [row(bindings=None), row(1, bindings=None)]
        bench = polls([row(), OTHER], [UNBOUND, OTHER], silent)
        assert bench.series(LOST) == 0
        bench = polls([row(), OTHER], [UNBOUND, OTHER], silent, [UNBOUND, OTHER])
        assert bench.value(LOST, **T, channel="call", **ADA) == START + 60


class TestListings:
    def test_a_trunk_whose_uuid_changes_and_whose_number_answers_is_not_gone(self) -> None:
        bench = polls([row(), OTHER], [row(phone_number_uuid="new"), OTHER])
        assert changes(bench) == {"added": 1, "removed": 1}
        assert (bench.value("mihu_trunks_gone"), bench.value("mihu_channels_lost", channel="call")) == (0, 0)

    def test_a_filter_hides_what_it_filters_by(self) -> None:
        listed = [row(bindings=bindings(call=bound("Ada"), sms=bound("Bea"))), OTHER]
        api = Listing(listed)
        bench = Bench(api, filter=Filter(channel="call"))
        asyncio.run(bench.poll())
        api.rows = [row(), OTHER]
        asyncio.run(bench.poll())
        assert bench.value("mihu_channels_lost", channel="sms") == 1
        api.rows = [OTHER]  # it lost the binding that the list is filtered by
        asyncio.run(bench.poll())
        assert bench.value("mihu_channels_lost", channel="call") == 0
        assert bench.value("mihu_trunks_gone") == 1


class TestPrivacy:
    """Numbers and names are shown nowhere more than the configuration allows."""

    SECRETS = ("2084439178", "2084439179", "2084439180", "8443917")

    def lists(self) -> list[list[Row]]:
        """Return lists in which everything that can change does, of trunks with a uuid and without."""
        nameless = row(2, phone_number_uuid=None)
        return [
            [row(), OTHER, nameless],
            [UNBOUND, row(1, channel_settings=off("inbound"), status="suspended"), nameless | {"bindings": bindings()}],
            [
                row(1, billing={"monthly_fee": 9, "currency": "EUR"}),
                row(phone_number_uuid="new"),
                OTHER | {"number": "7"},
            ],
            [nameless | {"status": "suspended"}],
            [],
        ]

    def everything_written(self, folder: Path, metrics: Metrics) -> str:
        """Return what is logged, exposed, answered and stored over these polls."""
        listing = Listing([])
        bench = Bench(listing, folder=folder, metrics=metrics)
        written: list[str] = []

        async def scenario() -> None:
            for rows in self.lists():
                listing.rows = rows
                await bench.poll()
                await bench.clock.advance(60)
                written.append(repr(bench.samples()))
                written.append(json.dumps(list_changes([bench.poller.status], ChangeQuery()), default=repr))
                written.append(_everything_in(folder))

        with captured_in_every_format() as log:
            asyncio.run(scenario())
        assert "trunk changed" in log.getvalue()
        return log.getvalue() + "".join(written)

    @pytest.mark.parametrize("style", [NumberStyle.MASKED, NumberStyle.HIDDEN])
    def test_masked_and_hidden_numbers_are_written_nowhere(self, tmp_path: Path, style: NumberStyle) -> None:
        written = self.everything_written(tmp_path, Metrics(number=style))
        assert not [secret for secret in self.SECRETS if secret in written]
        assert ("+1208" in written) == (style is NumberStyle.MASKED)

    def test_full_numbers_are(self, tmp_path: Path) -> None:
        written = self.everything_written(tmp_path, Metrics())
        assert all(secret in written for secret in self.SECRETS)

    def test_agents_names_are_written_nowhere_where_they_are_not_wanted(self, tmp_path: Path) -> None:
        assert "Ada" in self.everything_written(tmp_path / "with", Metrics())
        assert "Ada" not in self.everything_written(tmp_path / "without", Metrics(agent_names=False))

    @pytest.mark.parametrize("style", [NumberStyle.MASKED, NumberStyle.HIDDEN])
    def test_a_masked_number_is_compared_in_full_all_the_same(self, style: NumberStyle) -> None:
        back = row(phone_number_uuid="new")
        bench = polls([row(), OTHER], [OTHER], [OTHER, back], metrics=Metrics(number=style))
        assert bench.value("mihu_trunks_gone") == 0
        twin = row(phone_number_uuid="twin")
        bench = polls([row(), OTHER, twin], [UNBOUND, OTHER, twin], metrics=Metrics(number=style))
        assert bench.value("mihu_channels_lost", channel="call") == 0


def _everything_in(folder: Path) -> str:
    """Return what the files of a folder hold, the compressed parts too."""
    whole = {file.name: file.read_bytes() for file in folder.iterdir()}
    return f"{whole} {stored(only_file(folder))}"
