"""Several rows about one trunk: a fault on one of them is not hidden by another that is well."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.trunks import Row, bindings, bound, row, unbound

from exporter.api.wire import read_item
from exporter.trunks.trunk import CHANNELS, UNREADABLE, Binding, Trunk, merge, trunk_from

OLDER, NEWER, NEWEST = "2023-11-07T00:00:00Z", "2023-11-08T00:00:00Z", "2023-11-09T00:00:00Z"


def read(document: Row) -> tuple[Trunk, bytes]:
    raw = json.dumps(document).encode()
    item = read_item(raw)
    assert item is not None
    made = trunk_from(item[0])
    assert made is not None
    return made, raw


def merged(*documents: Row) -> Trunk:
    """Merge rows, in both orders."""
    rows = [read(document) for document in documents]
    made = merge(rows)
    assert merge(rows[::-1]) == made
    return made


class TestWhatTheRowsSayOfTheTrunk:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            pytest.param(NEWER, OLDER, id="newer and older"),
            pytest.param(NEWER, None, id="dated and undated"),
            pytest.param("2023-11-08T00:30:00Z", "2023-11-08T01:00:00+01:00", id="by the moment, not by the text"),
        ],
    )
    def test_is_taken_from_the_newest(self, one: str, other: str | None) -> None:
        newest = row(
            updated_at=one,
            number="+39",
            location="Rome",
            type="mobile",
            is_external=False,
            capabilities={"fax": True},
            channel_settings={"voice": {"enabled": False}},
            billing={"monthly_fee": 2, "currency": "USD"},
        )
        assert merged(row(updated_at=other), newest) == read(newest)[0]


class TestBindings:
    def test_have_the_agent_of_the_newest_bound_row(self) -> None:
        made = merged(
            row(updated_at=OLDER, bindings=bindings(call=bound("Ada"))),
            row(updated_at=NEWER, bindings=bindings(call=bound("Bob"))),
            row(updated_at=NEWEST, bindings=bindings(call={"bound": False, "agent_uuid": "c", "agent_name": "Cyd"})),
        )
        assert made.bindings[0] == Binding(bound=True, agent_uuid="agent-bob", agent_name="Bob")

    @pytest.mark.parametrize(
        ("one", "other", "together"),
        [
            (True, False, True),
            (True, "yes", True),
            (False, None, False),
            (False, "yes", UNREADABLE),
            (None, "yes", UNREADABLE),
            (None, None, None),
        ],
    )
    def test_are_ored(self, one: object, other: object, together: object) -> None:
        for pair in ((one, other), (other, one)):
            times = zip(pair, (OLDER, NEWER), strict=True)
            made = merged(*(row(updated_at=time, bindings={"sms": {"bound": bound}}) for bound, time in times))
            assert made.bindings[1].bound is together


class TestAStatus:
    @pytest.mark.parametrize(
        ("older", "newer", "together"),
        [
            pytest.param("active", "active", "active", id="good and good"),
            pytest.param("suspended", "active", "suspended", id="bad, then good"),
            pytest.param("active", "suspended", "suspended", id="good, then bad"),
            pytest.param("pending", "suspended", "suspended", id="the newer of two bad ones"),
            pytest.param("active", None, "active", id="good, then nothing"),
            pytest.param("suspended", None, "suspended", id="bad, then nothing"),
            pytest.param(None, "suspended", "suspended", id="nothing, then bad"),
            pytest.param(None, None, "", id="nothing"),
        ],
    )
    def test_that_is_bad_beats_a_good_one(self, older: str | None, newer: str | None, together: str) -> None:
        made = merged(row(updated_at=OLDER, status=older), row(updated_at=NEWER, status=newer))
        assert made.status == together

        of_compliance = {"active": "completed"}
        made = merged(
            row(updated_at=OLDER, compliance={"status": of_compliance.get(older or "", older)}),
            row(updated_at=NEWER, compliance={"status": of_compliance.get(newer or "", newer)}),
        )
        assert made.compliance_status == of_compliance.get(together, together)

    def test_is_not_the_status_of_compliance(self) -> None:
        """What is good for one is not for the other."""
        made = merged(row(status="completed"), row(status="active"))
        assert made.status == "completed"
        made = merged(row(compliance={"status": "active"}), row(compliance={"status": "completed"}))
        assert made.compliance_status == "active"


def rows_of_a_trunk() -> st.SearchStrategy[Row]:
    binding = st.sampled_from([unbound(), bound("Ada"), bound("Bob"), {"bound": 7}, None])
    channels: Any = st.fixed_dictionaries(dict.fromkeys(("call", "sms", "whatsapp"), binding))
    return st.builds(
        row,
        updated_at=st.sampled_from([OLDER, NEWER, NEWEST, None]),
        status=st.sampled_from(["active", "suspended", "pending", None]),
        compliance=st.sampled_from([{"status": "completed"}, {"status": "pending"}, None]),
        location=st.sampled_from(["Rome", "Oslo", None]),
        bindings=channels,
    )


@given(st.data())
def test_the_order_of_the_rows_never_matters(data: st.DataObject) -> None:
    documents = data.draw(st.lists(rows_of_a_trunk(), min_size=1, max_size=5))
    shuffled = data.draw(st.permutations(documents))
    assert merge([read(document) for document in shuffled]) == merge([read(document) for document in documents])


@given(st.lists(rows_of_a_trunk(), min_size=1, max_size=5))
def test_no_row_hides_what_another_says(documents: list[Row]) -> None:
    trunks = [read(document)[0] for document in documents]
    made = merge([read(document) for document in documents])
    for channel, state in enumerate(made.bound):
        stated = [trunk.bound[channel] for trunk in trunks]
        expected = next((bound for bound in (True, UNREADABLE, False) if bound in stated), None)
        assert state == expected, CHANNELS[channel]
    bad = {trunk.status for trunk in trunks} - {"active", ""}
    assert made.status in (bad or {"active", ""})
    bad = {trunk.compliance_status for trunk in trunks} - {"completed", ""}
    assert made.compliance_status in (bad or {"completed", ""})
