"""Fleets for hypothesis: healthy rows in which some fields are something else, or missing."""

import copy
from typing import Any

from hypothesis import strategies as st

from support.trunks import row

Path = tuple[str, ...]
ABSENT = object()

_FEATURED = [*'"\\\n\0# \x85\u2028\u202e\u2066\N{FOX FACE}é', '\\"', "\\n", "{}", ",=", "\r\t"]
ODD_TEXT = st.one_of(
    st.lists(st.sampled_from([*_FEATURED, "a"]), max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.characters(categories=["Cc", "Cf"]),
    st.sampled_from(["x" * 128, "y" * 129, "é" * 200]),
)
_WRONG = st.sampled_from([None, ABSENT, "", "text", 1, 0, 1.5, True, [], ["item"], {}, {"key": "value"}])
_STATUSES = st.one_of(
    st.sampled_from(["active", "suspended", "pending", "completed", "rejected", "unknown", "other", ""]),
    st.sampled_from(["Active", "in-use", "IN_USE", "enabled", "enabled.", "inactive", "Porting in", "under review"]),
    ODD_TEXT,
)
# Those of the rows, with and without their signs, so that several trunks have the same.
_PHONE_NUMBERS = st.one_of(
    st.sampled_from(["+12084439178", "12084439178", "+1 208 443-9178", "+12084439179", "12084439179"]), ODD_TEXT
)
_FLAGS = st.sampled_from([True, False, None])
_NUMBERS = st.one_of(
    st.integers(min_value=-1000, max_value=2**53 + 2),
    st.decimals(min_value=0, max_value=10_000, places=2).map(float),
    st.sampled_from([0, 0.0, -0.0]),
    st.sampled_from([0.1, 0.2, 0.3, 1e-9, 12345.678, 2.0**63, 1e21, 1e300]),
)
_LISTS = st.lists(st.sampled_from(["US", "IT", "", None, 7]), max_size=4)
_TIMES = st.one_of(
    st.datetimes().map(lambda time: time.isoformat()),
    st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
    st.sampled_from(["2023-11-07T05:31:56+05:30", "2023-11-07T05:31:56.5-11:00", "yesterday", "0000-00-00T00:00:00Z"]),
)


# What may stand in each place of a row.
_LEAVES: dict[Path, st.SearchStrategy[Any]] = {
    **dict.fromkeys([("phone_number_uuid",), ("location",), ("source",)], ODD_TEXT),
    **dict.fromkeys([("compliance",), ("capabilities",), ("channel_settings",), ("billing",), ("bindings",)], _WRONG),
    **dict.fromkeys([("status",), ("compliance", "status")], _STATUSES),
    **dict.fromkeys([("purchased_at",), ("updated_at",)], _TIMES),
    ("number",): _PHONE_NUMBERS,
    ("country_code",): st.one_of(st.sampled_from(["US", "IT"]), ODD_TEXT),
    ("type",): st.one_of(st.sampled_from(["local", "mobile", "toll_free"]), ODD_TEXT),
    ("is_external",): _FLAGS,
    ("compliance", "requirements"): _LISTS,
    ("billing", "monthly_fee"): _NUMBERS,
    ("billing", "currency"): st.one_of(st.sampled_from(["EUR", "USD"]), ODD_TEXT),
    **{("capabilities", name): _FLAGS for name in ("voice", "sms", "mms", "fax", "emergency", "local_calling")},
}
for _service in ("voice", "inbound", "sms"):
    _LEAVES["channel_settings", _service] = _WRONG
    _LEAVES["channel_settings", _service, "enabled"] = _FLAGS
    _LEAVES["channel_settings", _service, "channel_limit"] = _NUMBERS
    _LEAVES["channel_settings", _service, "whitelisted_destinations"] = _LISTS
for _channel in ("call", "sms", "whatsapp"):
    _LEAVES["bindings", _channel] = _WRONG
    _LEAVES["bindings", _channel, "bound"] = _FLAGS
    _LEAVES["bindings", _channel, "agent_uuid"] = ODD_TEXT
    _LEAVES["bindings", _channel, "agent_name"] = ODD_TEXT

_CHANGES = st.one_of([st.tuples(st.just(path), st.one_of(leaf, leaf, leaf, _WRONG)) for path, leaf in _LEAVES.items()])


def _changed(index: int, changes: list[tuple[Path, Any]]) -> object:
    changed: Any = copy.deepcopy(row(index))
    for path, value in changes:
        _replace(changed, path, value)
    return changed


def _replace(changed: Any, path: Path, value: object) -> Any:  # noqa: ANN401 - a row, or a part of one
    """Put a value in a place of a row, where there is such a place."""
    parent = changed
    for key in path[:-1]:
        parent = parent.get(key) if isinstance(parent, dict) else None
    if isinstance(parent, dict):
        if value is ABSENT:
            parent.pop(path[-1], None)
        else:
            parent[path[-1]] = copy.deepcopy(value)
    return changed


# Few indices, so that the same uuid comes on several rows.
_ROWS = st.builds(_changed, st.integers(0, 4), st.lists(_CHANGES, max_size=12))
_NOT_ROWS: st.SearchStrategy[object] = st.sampled_from([None, 7, "row", [], {}, {"status": "active"}])
_LISTED = st.lists(st.one_of(_ROWS, _ROWS, _ROWS, _ROWS, _ROWS, _NOT_ROWS), max_size=8)

_NO_BINDING: st.SearchStrategy[object] = st.sampled_from([None, [], {}, {"agent_uuid": "agent-ada"}])
_NO_BINDINGS = st.one_of(
    st.sampled_from([ABSENT, None, [], {}]),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("call", "sms", "whatsapp"), _NO_BINDING)),
)


_UNBOUND = st.builds(
    lambda listed, bindings: [_replace(row, ("bindings",), part) for row, part in zip(listed, bindings, strict=False)],
    _LISTED,
    st.lists(_NO_BINDINGS, min_size=8, max_size=8),
)
FLEETS: st.SearchStrategy[list[object]] = st.one_of(_LISTED, _LISTED, _LISTED, _UNBOUND)
