"""What a poll makes of the changes that it finds: lines of the log, counters, gauges and a history."""

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.logged import captured_in_every_format
from support.pages import PATHS, answer
from support.past import DISABLED, GONE, HOUR, LOST, OUT_OF_SERVICE, START, Past, polled
from support.polling import Bench, Listing
from support.stored import only_file, stored
from support.trunks import Row, bindings, row

from exporter.config.settings import Metrics, NumberStyle
from exporter.config.values import compile_pattern

UUID, NUMBER = row()["phone_number_uuid"], row()["number"]
T = {"phone_number_uuid": UUID, "number": NUMBER}
UNBOUND_ANYWHERE: dict[str, Any] = {"bindings": bindings()}
UNBOUND, SUSPENDED, PENDING = row(**UNBOUND_ANYWHERE), row(status="suspended"), row(status="pending")
CLOSED = row(channel_settings={name: {"enabled": True, "channel_limit": 0} for name in ("voice", "inbound")})
OTHER = row(1)
ILLEGIBLE = row(status=1, bindings={"call": {"bound": 0}}, channel_settings="none")
SILENT = ILLEGIBLE | {"bindings": None}
UNCLEAR = [[ILLEGIBLE, OTHER], [SILENT, OTHER], [SILENT, row(1, bindings=None)]]
OUTAGE = "mihu_trunk_outage_timestamp_seconds"


def test_all_kinds_are_counted_from_the_start_at_0() -> None:
    bench = Bench(Listing([]))
    kinds = ("added", "removed", "lost", "bound", "agent", "status", "compliance", "service", "limit", "fee")
    assert [bench.value("mihu_trunk_changes_total", change=kind) for kind in kinds] == [0] * 10
    assert bench.series("mihu_trunk_changes_total") == 10
    assert (bench.value("mihu_trunks_added_total"), bench.value("mihu_trunks_removed_total")) == (0, 0)


class TestLog:
    def test_each_change_is_a_line(self) -> None:
        limit = row(1)["channel_settings"] | {"voice": {"enabled": True, "channel_limit": 5}}
        with capture_logs() as log:
            polled([row(), OTHER], [UNBOUND, row(1, channel_settings=limit)])
        about = {"log_level": "info", "event": "trunk changed", "workspace": "acme"}
        lost = {"change": "lost", "channel": "call", "before": "Ada", "after": None}
        limited = {"change": "limit", "carrier_service": "voice", "before": 10.0, "after": 5.0}
        assert [line for line in log if line["event"] == "trunk changed"] == [
            {**about, "number": NUMBER, "uuid": UUID, **lost},
            {**about, "number": OTHER["number"], "uuid": OTHER["phone_number_uuid"], **limited},
        ]

    @pytest.mark.parametrize(("found", "lines", "rest"), [(20, 20, []), (21, 20, [1]), (300, 20, [280])])
    def test_there_are_20_lines_a_poll_at_most_and_one_that_counts_the_rest(
        self, found: int, lines: int, rest: list[int]
    ) -> None:
        with capture_logs() as log:
            bench = polled([], [row(index) for index in range(found)]).bench
        assert sum(line["event"] == "trunk changed" for line in log) == lines
        assert [line["changes"] for line in log if line["event"] == "more trunks changed"] == rest
        assert bench.changes() == {"added": found}
        assert len(bench.poller.snapshot.memory.history) == found


class TestGauges:
    def test_a_trunk_stays_out_of_service_since_then_while_the_fleet_grows(self) -> None:
        bench = polled([UNBOUND, OTHER], [UNBOUND, *(row(index) for index in range(1, 300))]).bench
        assert bench.value(OUT_OF_SERVICE, **T) == START + HOUR

    @pytest.mark.parametrize(
        ("lists", "reason", "was_in_service", "since"),
        [
            ([[SUSPENDED, OTHER], [OTHER, SUSPENDED]], "not_active", "unknown", 1),
            ([[row(), OTHER], [SUSPENDED, OTHER]], "not_active", "true", 2),
            ([[row(), OTHER], [UNBOUND, OTHER]], "unbound", "true", 2),
            ([[row(), OTHER], [UNBOUND, OTHER], [SUSPENDED, OTHER]], "not_active", "true", 2),
            ([[row(), OTHER], [PENDING, OTHER], [SUSPENDED, OTHER]], "not_active", "true", 3),
            ([[PENDING, OTHER], [SUSPENDED, OTHER]], "not_active", "false", 2),
            ([[PENDING | UNBOUND_ANYWHERE, OTHER], [UNBOUND, OTHER]], "unbound", "false", 2),
            ([[OTHER], [SUSPENDED, OTHER]], "not_active", "false", 2),
            ([[OTHER], [UNBOUND, OTHER], [SUSPENDED, OTHER]], "not_active", "false", 2),
            ([[row(), OTHER], [OTHER], [SUSPENDED, OTHER]], "not_active", "true", 3),
            # It goes on while it cannot be told.
            ([[OTHER], [SUSPENDED, OTHER], *UNCLEAR, [SUSPENDED, OTHER]], "not_active", "false", 2),
            ([[OTHER], [CLOSED, OTHER], *UNCLEAR, [CLOSED, OTHER]], "blocked", "false", 2),
            ([[OTHER], [UNBOUND, OTHER], *UNCLEAR, [UNBOUND, OTHER]], "unbound", "false", 2),
            ([[OTHER], [SUSPENDED, OTHER], *UNCLEAR, [row(), OTHER], [SUSPENDED, OTHER]], "not_active", "true", 7),
        ],
    )
    def test_a_trunk_out_of_service_was_in_service_before_or_not(
        self, lists: list[list[Row]], reason: str, was_in_service: str, since: int
    ) -> None:
        bench = polled(*lists).bench
        labels = {"reason": reason, "was_in_service": was_in_service}
        assert bench.value(OUTAGE, **T, **labels) == bench.value(OUT_OF_SERVICE, **T) == START + since * HOUR
        assert bench.series(OUTAGE) == 1

    def test_without_details_there_are_totals_alone_and_families_can_be_denied(self) -> None:
        bench = polled([row(), OTHER], [UNBOUND], metrics=Metrics(trunk_details=False)).bench
        assert [bench.series(name) for name in (LOST, GONE, DISABLED, OUT_OF_SERVICE, OUTAGE)] == [0] * 5
        assert bench.value("mihu_channels_lost", channel="call") == 1
        assert bench.value("mihu_trunks_gone") == 1
        deny = (compile_pattern("mihu_trunk_channel_lost_.*"),)
        bench = polled([row(), OTHER], [UNBOUND], metrics=Metrics(deny=deny)).bench
        assert (bench.series(LOST), bench.series(GONE)) == (0, 1)


class TestPrivacy:
    ABOUT = (f"/trunk?workspace=acme&uuid={UUID}", "/workspace?name=acme")
    PAGES = (*PATHS, *ABOUT, "/trunks.csv", "/trunks.json", "/status.json", "/changes.json")
    SECRETS = ("2084439178", "2084439179", "2084439180", "8443917")

    def lists(self) -> list[list[Row]]:
        """Return lists in which everything that can change does, of trunks with a uuid and without."""
        nameless = row(2, phone_number_uuid=None)
        without_inbound = row(1)["channel_settings"] | {"inbound": {"enabled": False}}
        fee = {"monthly_fee": 9, "currency": "EUR"}
        return [
            [row(), OTHER, nameless],
            [UNBOUND, row(1, channel_settings=without_inbound, status="suspended"), nameless | UNBOUND_ANYWHERE],
            [row(1, billing=fee), row(phone_number_uuid="new"), OTHER | {"number": "7"}],
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
                written += [answer(path, [past.bench.poller.status]).text for path in self.PAGES]
                written += [f"{file.name} {file.read_bytes()!r}" for file in folder.iterdir()]
                written.append(repr(stored(only_file(folder))))  # the compressed parts too
        assert "trunk changed" in log.getvalue()
        return log.getvalue() + "".join(written)

    @pytest.mark.parametrize("style", NumberStyle)
    def test_they_are_written_everywhere_or_nowhere(self, tmp_path: Path, style: NumberStyle) -> None:
        written = self.everything_written(tmp_path, Metrics(number=style, agent_names=style is NumberStyle.FULL))
        shown = [secret for secret in (*self.SECRETS, "Ada") if secret in written]
        assert shown == ([*self.SECRETS, "Ada"] if style is NumberStyle.FULL else [])
        assert ("+1208" in written) == (style is not NumberStyle.HIDDEN)

    @pytest.mark.parametrize("style", [NumberStyle.MASKED, NumberStyle.HIDDEN])
    def test_a_masked_number_is_compared_in_full_all_the_same(self, style: NumberStyle) -> None:
        back = row(phone_number_uuid="new")
        bench = polled([row(), OTHER], [OTHER], [OTHER, back], metrics=Metrics(number=style)).bench
        assert bench.value("mihu_trunks_gone") == 0
        twin = row(phone_number_uuid="twin")
        bench = polled([row(), OTHER, twin], [UNBOUND, OTHER, twin], metrics=Metrics(number=style)).bench
        assert bench.value("mihu_channels_lost", channel="call") == 0
