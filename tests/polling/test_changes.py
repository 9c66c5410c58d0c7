"""What a poll makes of the changes that it finds: lines of the log, counters, gauges and a history."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from support.logged import captured_in_every_format
from support.past import DISABLED, GONE, HOUR, LOST, OUT_OF_SERVICE, START, Past, polled
from support.polling import Bench, Listing
from support.stored import only_file, stored
from support.trunks import Row, bindings, row

from exporter.config.settings import Metrics, NumberStyle
from exporter.config.values import compile_pattern
from exporter.status.document import list_changes
from exporter.status.query import ChangeQuery

UUID, NUMBER = row()["phone_number_uuid"], row()["number"]
T = {"phone_number_uuid": UUID, "number": NUMBER}
ADA = {"agent_uuid": "agent-ada", "agent_name": "Ada"}
UNBOUND, SUSPENDED, PENDING = row(bindings=bindings()), row(status="suspended"), row(status="pending")
OTHER = row(1)
OUTAGE = "mihu_trunk_outage_timestamp_seconds"


def off(*services: str) -> dict[str, Any]:
    settings: dict[str, Any] = row()["channel_settings"]
    return {name: setting | {"enabled": False} if name in services else setting for name, setting in settings.items()}


class TestCounters:
    def test_all_kinds_are_there_from_the_start_at_0(self) -> None:
        bench = Bench(Listing([]))
        kinds = ("added", "removed", "lost", "bound", "agent", "status", "compliance", "service", "limit", "fee")
        assert [bench.value("mihu_trunk_changes_total", change=kind) for kind in kinds] == [0] * 10
        assert bench.series("mihu_trunk_changes_total") == 10
        assert (bench.value("mihu_trunks_added_total"), bench.value("mihu_trunks_removed_total")) == (0, 0)

    def test_a_fleet_that_grows_and_shrinks_has_changed_by_what_came_and_went(self) -> None:
        rows = [row(index) for index in range(500)]
        bench = polled(rows[:30], rows, rows[:40]).bench
        assert bench.changes() == {"added": 470, "removed": 460}

    def test_a_failed_poll_changes_nothing_and_what_changed_meanwhile_is_found_after(self) -> None:
        listing = Listing([row(), OTHER])
        works = True
        bench = Bench(lambda request: listing(request) if works else httpx.Response(403))
        asyncio.run(bench.poll())
        works, listing.rows = False, [UNBOUND, OTHER]
        asyncio.run(bench.poll())
        assert bench.changes() == {}
        works = True
        asyncio.run(bench.poll())
        assert bench.changes() == {"lost": 1}


class TestLog:
    def test_each_change_is_a_line(self) -> None:
        limit = row(1)["channel_settings"] | {"voice": {"enabled": True, "channel_limit": 5}}
        with capture_logs() as log:
            polled([row(), OTHER], [UNBOUND, row(1, channel_settings=limit)])
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
            bench = polled([], [row(index) for index in range(found)]).bench
        assert sum(line["event"] == "trunk changed" for line in log) == lines
        assert [line["changes"] for line in log if line["event"] == "more trunks changed"] == [rest] * (
            rest is not None
        )
        assert bench.value("mihu_trunk_changes_total", change="added") == found
        assert len(bench.poller.snapshot.memory.history) == found


class TestGauges:
    def test_nothing_is_remembered_at_first(self) -> None:
        bench = polled([]).bench
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
        bench = polled([row(), OTHER], after, after, metrics=metrics).bench
        assert bench.value(family, **T, **labels) == START + 2 * HOUR
        assert bench.series(family) == 1
        assert bench.value("mihu_channels_lost", channel="call") == (UNBOUND in after)
        assert bench.value("mihu_trunks_gone") == (after == [OTHER])

    def test_a_trunk_stays_out_of_service_since_then_while_the_fleet_grows(self) -> None:
        bench = polled([UNBOUND, OTHER], [UNBOUND, *(row(index) for index in range(1, 300))]).bench
        assert bench.value(OUT_OF_SERVICE, **T) == START + HOUR

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
        bench = polled(*lists).bench
        labels = {"reason": reason, "was_in_service": was_in_service}
        assert bench.value(OUTAGE, **T, **labels) == bench.value(OUT_OF_SERVICE, **T)
        assert bench.series(OUTAGE) == 1

    def test_without_details_there_are_totals_alone(self) -> None:
        bench = polled([row(), OTHER], [UNBOUND], metrics=Metrics(trunk_details=False)).bench
        assert [bench.series(name) for name in (LOST, GONE, DISABLED, OUT_OF_SERVICE, OUTAGE)] == [0] * 5
        assert bench.value("mihu_channels_lost", channel="call") == 1
        assert bench.value("mihu_trunks_gone") == 1

    def test_families_can_be_denied(self) -> None:
        deny = (compile_pattern("mihu_trunk_channel_lost_.*"),)
        bench = polled([row(), OTHER], [UNBOUND], metrics=Metrics(deny=deny)).bench
        assert (bench.series(LOST), bench.series(GONE)) == (0, 1)

    def test_they_end_with_the_trunks_when_these_are_too_old(self) -> None:
        bench = polled([row(), OTHER], [UNBOUND], max_staleness=200.0).bench
        assert (bench.series(LOST), bench.series(GONE), bench.value("mihu_data_stale")) == (1, 1, 0)
        asyncio.run(bench.clock.advance(200))
        assert (bench.series(LOST), bench.series(GONE), bench.value("mihu_data_stale")) == (0, 0, 1)
        assert bench.series("mihu_channels_lost") == bench.series("mihu_trunks_gone") == 0


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
        past = Past(folder=folder, metrics=metrics)
        written: list[str] = []
        with captured_in_every_format() as log:
            for rows in self.lists():
                past.poll(*rows)
                written.append(repr(past.bench.samples()))
                written.append(json.dumps(list_changes([past.bench.poller.status], ChangeQuery()), default=repr))
                written.append(_everything_in(folder))
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
        bench = polled([row(), OTHER], [OTHER], [OTHER, back], metrics=Metrics(number=style)).bench
        assert bench.value("mihu_trunks_gone") == 0
        twin = row(phone_number_uuid="twin")
        bench = polled([row(), OTHER, twin], [UNBOUND, OTHER, twin], metrics=Metrics(number=style)).bench
        assert bench.value("mihu_channels_lost", channel="call") == 0


def _everything_in(folder: Path) -> str:
    """Return what the files of a folder hold, the compressed parts too."""
    whole = {file.name: file.read_bytes() for file in folder.iterdir()}
    return f"{whole} {stored(only_file(folder))}"
