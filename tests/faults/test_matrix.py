"""The fault matrix: over real sockets, every fault has its clear signal, and nothing is lost."""

import asyncio
import re

import pytest
from faults.bench import Evidence, Observed, fleet_lines, observe
from faults.matrix import FAILING, SURVIVED, Failing, Survived
from prometheus_client.parser import text_string_to_metric_families
from support.marks import marks_in
from support.samples import samples

from exporter.simulator.faults import FAULTS

_SURROUNDINGS = {"connection-refused", "wrong-name", "expired", "unknown-ca"}


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return asyncio.run(observe([*FAILING, *SURVIVED], tmp_path_factory.mktemp("certificates")))


@pytest.fixture
def evidence(observed: Observed, row: Failing | Survived) -> Evidence:
    return observed.by_fault[row.fault]


def by_fault(rows: tuple[Failing, ...] | tuple[Survived, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.fault) for row in rows])


@by_fault(FAILING)
class TestAFaultThatFailsThePoll:
    def test_leaves_the_last_good_data_to_the_last_series(self, evidence: Evidence) -> None:
        assert len(fleet_lines(evidence.before)) > 30 * 10
        assert fleet_lines(evidence.after) == fleet_lines(evidence.before)

    def test_moves_its_own_counter_by_one_and_no_other(self, row: Failing, evidence: Evidence) -> None:
        assert evidence.value("mihu_up") == 0
        assert evidence.moved("mihu_poll_failures_total", "reason") == {row.reason.value: 1}
        assert evidence.moved("mihu_polls_total", "workspace") == {row.fault: 1}

    def test_is_told_by_the_code_of_the_requests(self, row: Failing, evidence: Evidence) -> None:
        requests = evidence.moved("mihu_api_requests_total", "code")
        retried = evidence.moved("mihu_api_retries_total", "reason")
        if row.requests is None:
            # The poll's end may come in the middle of a request.
            assert {row.code} <= requests.keys() <= {row.code, "error"}
            assert retried.keys() == {row.reason.value}
            assert 3 < sum(requests.values()) <= retried[row.reason.value] + 1
        else:
            assert requests == {row.code: row.requests}
            assert retried == ({row.reason.value: row.retries} if row.retries else {})

    def test_is_one_line_in_the_log(self, row: Failing, evidence: Evidence) -> None:
        (line,) = evidence.log
        assert f'level=warning msg="poll failed" workspace={row.fault} reason={row.reason.value} error="' in line
        assert row.remedy in line
        assert row.message in line.replace("\\'", "'")

    def test_is_not_read_beyond_the_limit(self, row: Failing, evidence: Evidence) -> None:
        if row.max_sent is not None:
            assert 0 < evidence.sent < row.max_sent


@by_fault(SURVIVED)
class TestAFaultThatThePollSurvives:
    def test_fails_nothing(self, row: Survived, evidence: Evidence) -> None:
        assert evidence.value("mihu_up") == 1
        assert evidence.moved("mihu_poll_failures_total", "reason") == {}
        assert evidence.moved("mihu_api_retries_total", "reason") == {}
        assert evidence.moved("mihu_api_requests_total", "code") == {"200": row.requests}
        assert [line for line in evidence.log if not re.search('msg="(trunk|more trunks) changed"', line)] == []

    def test_shows_every_trunk_once(self, row: Survived, evidence: Evidence) -> None:
        infos = [labels for name, labels in samples(evidence.after) if name == "mihu_trunk_info"]
        assert len({dict(labels)["number"] for labels in infos}) == len(infos) == row.trunks
        assert sum(evidence.by("mihu_trunks", "status").values()) == row.trunks

    def test_leaves_what_it_does_not_touch(self, row: Survived, evidence: Evidence) -> None:
        before, after = (sorted(fleet_lines(text)) for text in (evidence.before, evidence.after))
        assert (after == before) is row.unchanged

    def test_counts_what_cannot_be_read(self, row: Survived, evidence: Evidence) -> None:
        invalid = evidence.by("mihu_invalid_fields", "field")
        if row.fault == "fields-wrong":
            assert invalid.items() >= row.invalid_fields.items()
            assert {"billing", "bindings", "compliance", "compliance.status", "billing.currency"} <= invalid.keys()
        else:
            assert invalid == row.invalid_fields

    def test_says_how_the_list_was_read(self, row: Survived, evidence: Evidence) -> None:
        nothing = dict.fromkeys(("mihu_invalid_items", "mihu_duplicate_items", "mihu_poll_drift"), 0.0)
        expected = {**nothing, **row.values}
        assert {name: evidence.value(name) for name in expected} == expected


class TestWhatIsShown:
    def locations(self, observed: Observed, fault: str) -> set[str]:
        shown = samples(observed.by_fault[fault].after)
        return {dict(labels)["locality"] for name, labels in shown if name == "mihu_trunk_info"}

    def test_of_texts_is_safe_and_says_as_much_as_it_can(self, observed: Observed) -> None:
        assert self.locations(observed, "hostile-texts") == {
            'a"b\\c\ufffdd\ufffde\ufffdf\ufffdg\ufffd[31mh\ufffd\ufffdi\ufffdj{k="l"} 1 # m \N{FOX FACE}'
        }
        assert self.locations(observed, "long-texts") == {"x" * 128}
        for fault in ("surrogates", "invalid-utf8"):
            assert {location[0] for location in self.locations(observed, fault) if location} == {"\ufffd"}

    def test_of_unknown_words_is_bounded_in_the_totals(self, observed: Observed) -> None:
        evidence = observed.by_fault["unknown-words"]
        for family, label in (
            ("mihu_trunks", "status"),
            ("mihu_trunks_by_compliance", "status"),
            ("mihu_monthly_fees", "currency"),
        ):
            values = evidence.by(family, label)
            assert len(values) == 32 + 1
            assert sum(values.values()) == 200
        assert len(evidence.by("mihu_trunk_status", "status")) == 200

    def test_of_a_contradiction_is_the_worse(self, observed: Observed) -> None:
        assert observed.by_fault["contradicting-row"].moved("mihu_trunks", "status")["suspended"] == 1

    def test_of_missing_fields_is_nothing_instead_of_an_invented_value(self, observed: Observed) -> None:
        for fault in ("fields-null", "fields-missing", "empty-lists"):
            text = observed.by_fault[fault].after
            assert not re.findall(r"^mihu_trunk_(?:capability|service_\w+|monthly_fee)\{", text, re.MULTILINE)

    def test_can_be_parsed(self, observed: Observed) -> None:
        for evidence in observed.by_fault.values():
            names = [family.name for family in text_string_to_metric_families(evidence.after)]
            assert len(set(names)) == len(names) > 40


def test_no_fault_crashes_a_poller_or_leaves_a_traceback(observed: Observed) -> None:
    assert observed.healthy
    assert "Traceback" not in observed.whole_log
    assert "reason=internal" not in observed.whole_log


def test_no_fault_brings_a_secret_to_light(observed: Observed) -> None:
    log = observed.whole_log
    assert log.count(' msg="poll failed"') == log.count('"msg": "poll failed"') == len(FAILING)
    assert not marks_in(log)
    for evidence in observed.by_fault.values():
        assert not marks_in(evidence.before + evidence.after)


def test_every_fault_has_its_row() -> None:
    rows = [*(row.fault for row in FAILING), *(row.fault for row in SURVIVED)]
    assert len(set(rows)) == len(rows)
    assert set(rows) == {*FAULTS, *_SURROUNDINGS}
