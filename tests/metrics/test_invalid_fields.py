"""A field of the wrong type costs only its own series, and is counted by its key path."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exposed import exposed, fleet, workspace
from support.oracle import CAPABILITIES, CHANNELS, SERVICES, oracle
from support.samples import samples
from support.trunks import Row, row

from exporter.config.settings import Metrics
from exporter.trunks.items import read_trunk, read_trunks

FULL = row(
    compliance={"status": "completed", "requirements": [{"name": "Proof"}]},
    bindings={name: {"bound": True, "agent_uuid": "a-1", "agent_name": "Ada"} for name in CHANNELS},
)
AGENTS = [f"bindings.{name}.agent_{part}" for name in CHANNELS for part in ("uuid", "name")]
DESTINATIONS = [f"channel_settings.{name}.whitelisted_destinations" for name in ("voice", "sms")]
LIMITS, SERVICES_ENABLED = (
    [f"channel_settings.{name}.{key}" for name in SERVICES] for key in ("channel_limit", "enabled")
)
BOUND = [f"bindings.{name}.bound" for name in CHANNELS]
INNER_OBJECTS = [*(f"channel_settings.{name}" for name in SERVICES), *(f"bindings.{name}" for name in CHANNELS)]

WRONG: list[tuple[list[str], list[Any]]] = [
    (["phone_number_uuid", "number", "country_code", "location", "type", "source", "status"], [7, True, [], {}]),
    (["compliance.status", "billing.currency", *AGENTS], [7, True, [], {}]),
    (["is_external", *(f"capabilities.{name}" for name in CAPABILITIES)], [0, 1, "true", [], {}]),
    ([*SERVICES_ENABLED, *BOUND], [0, 1, "true", [], {}]),
    (["billing.monthly_fee", *LIMITS], ["7", True, [], {}]),
    (["compliance.requirements", *DESTINATIONS], [7, "US", {}]),
    (["purchased_at", "updated_at"], ["yesterday", "", "2023-02-30T00:00:00Z", "2023-11-07", 1_699_335_116, []]),
    (["compliance", "capabilities", "channel_settings", "billing", "bindings"], [7, "text", True, [1]]),
    (INNER_OBJECTS, [7, "text", True, [1]]),
]
PATHS = [path for some, _ in WRONG for path in some]


def changed(index: int, path: str, value: object) -> Row:
    whole = copy.deepcopy(FULL | {name: row(index)[name] for name in ("phone_number_uuid", "number")})
    *parents, name = path.split(".")
    place = whole
    for parent in parents:
        place = place[parent]
    place[name] = value
    return whole


def paths(document: Row, path: str = "") -> Iterator[str]:
    for name, value in document.items():
        yield path + name
        if isinstance(value, dict):
            yield from paths(value, f"{path}{name}.")


def test_the_fields_above_are_all_there_are() -> None:
    assert set(paths(FULL)) == set(PATHS)


@pytest.mark.parametrize(("path", "values"), [(path, values) for some, values in WRONG for path in some], ids=PATHS)
def test_a_field_of_the_wrong_type_is_counted_and_costs_its_own_series(path: str, values: list[Any]) -> None:
    rows = [changed(index, path, value) for index, value in enumerate(values)]
    assert fleet(rows, workspace()).result.invalid_fields == {path: len(values)}
    assert samples(exposed(rows, workspace())) == oracle(rows, workspace(), Metrics())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("2023-11-07T05:31:56Z"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["bound", "enabled"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.lists(st.tuples(st.sampled_from(PATHS), JSON), max_size=4))
def test_rows_are_read_together_as_they_are_one_by_one(changes: list[tuple[str, object]]) -> None:
    rows = [json.dumps(document).encode() for document in (row(), *(changed(0, *change) for change in changes))]
    assert read_trunks(rows) == [read_trunk(one) for one in rows]
