"""Several rows about one trunk: a fault on one of them is not hidden by another that is well."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.trunks import Row, bindings, bound, row, unbound

from exporter.api.wire import read_item
from exporter.trunks.trunk import UNREADABLE, Binding, Trunk, merge, trunk_from

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


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        pytest.param(NEWER, OLDER, id="newer and older"),
        pytest.param(NEWER, None, id="dated and undated"),
        pytest.param("2023-11-08T00:30:00Z", "2023-11-08T01:00:00+01:00", id="by the moment, not by the text"),
    ],
)
def test_what_the_newest_row_says_of_the_trunk_counts(newer: str, older: str | None) -> None:
    newest = row(
        updated_at=newer,
        number="+39",
        location="Rome",
        type="mobile",
        is_external=False,
        capabilities={"fax": True},
        channel_settings={"voice": {"enabled": False}},
        billing={"monthly_fee": 2, "currency": "USD"},
    )
    assert merged(row(updated_at=older), newest) == read(newest)[0]


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


GOOD = {"status": "active", "compliance": "completed"}


@pytest.mark.parametrize("field", GOOD)
@pytest.mark.parametrize(
    ("older", "newer", "together"),
    [
        ("good", "good", "good"),
        ("bad", "good", "bad"),
        ("good", "bad", "bad"),
        ("bad", "worse", "worse"),
        ("good", None, "good"),
        ("bad", None, "bad"),
        (None, "bad", "bad"),
        (None, None, ""),
        ("good of the other", "good", "good of the other"),
    ],
)
def test_a_status_that_is_bad_beats_a_good_one(field: str, older: str | None, newer: str | None, together: str) -> None:
    (good_of_the_other,) = (good for name, good in GOOD.items() if name != field)
    meant = {"good": GOOD[field], "good of the other": good_of_the_other}

    def dated(time: str, status: str | None) -> Row:
        given = meant.get(status or "", status)
        says: Any = given if field == "status" else {"status": given}
        return row(updated_at=time, **{field: says})

    made = merged(dated(OLDER, older), dated(NEWER, newer))
    assert (made.status if field == "status" else made.compliance_status) == meant.get(together, together)


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
