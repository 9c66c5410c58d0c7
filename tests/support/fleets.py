"""Fleets for hypothesis: healthy rows in which some fields are something else, or missing."""

import copy
from typing import Any

from hypothesis import strategies as st

from support.trunks import row

Path = tuple[str, ...]
ABSENT = object()

_FEATURED = [
    '"',
    "\\",
    "\n",
    '\\"',
    "\\n",
    "{}",
    ",=",
    "#",
    " ",
    "\0",
    "\r\t",
    "\x85",
    "\u2028",
    "\u202e",
    "\u2066",
    "🦊",
    "é",
]
ODD_TEXT = st.one_of(
    st.lists(st.sampled_from([*_FEATURED, "a"]), max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.characters(categories=["Cc", "Cf"]),
    st.sampled_from(["x" * 128, "y" * 129, "é" * 200]),
)
_WRONG = st.sampled_from([None, ABSENT, "", "text", 1, 0, 1.5, True, [], ["item"], {}, {"key": "value"}])
_STATUSES = st.one_of(
    st.sampled_from(["active", "suspended", "pending", "completed", "rejected", "unknown", "other", ""]), ODD_TEXT
)
_FLAGS = st.sampled_from([True, False, None])
_NUMBERS = st.one_of(
    st.integers(min_value=-1000, max_value=2**53 + 2),
    st.decimals(min_value=0, max_value=10_000, places=2).map(float),
    st.sampled_from([0.1, 0.2, 0.3, 1e-9, 12345.678, 2.0**63, 1e21, 1e300]),
)
_LISTS = st.lists(st.sampled_from(["US", "IT", "", None, 7]), max_size=4)
_TIMES = st.one_of(
    st.datetimes().map(lambda time: time.isoformat()),
    st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
    st.sampled_from(["2023-11-07T05:31:56+05:30", "2023-11-07T05:31:56.5-11:00", "yesterday", "0000-00-00T00:00:00Z"]),
)


def _leaves() -> dict[Path, st.SearchStrategy[Any]]:
    """Return what may stand in each place of a row."""
    leaves: dict[Path, st.SearchStrategy[Any]] = {
        ("phone_number_uuid",): ODD_TEXT,
        ("number",): ODD_TEXT,
        ("country_code",): st.one_of(st.sampled_from(["US", "IT"]), ODD_TEXT),
        ("location",): ODD_TEXT,
        ("type",): st.one_of(st.sampled_from(["local", "mobile", "toll_free"]), ODD_TEXT),
        ("source",): ODD_TEXT,
        ("is_external",): _FLAGS,
        ("status",): _STATUSES,
        ("compliance",): _WRONG,
        ("compliance", "status"): _STATUSES,
        ("compliance", "requirements"): _LISTS,
        ("capabilities",): _WRONG,
        ("channel_settings",): _WRONG,
        ("billing",): _WRONG,
        ("billing", "monthly_fee"): _NUMBERS,
        ("billing", "currency"): st.one_of(st.sampled_from(["EUR", "USD"]), ODD_TEXT),
        ("bindings",): _WRONG,
        ("purchased_at",): _TIMES,
        ("updated_at",): _TIMES,
    }
    for capability in ("voice", "sms", "mms", "fax", "emergency", "local_calling"):
        leaves["capabilities", capability] = _FLAGS
    for service in ("voice", "inbound", "sms"):
        leaves["channel_settings", service] = _WRONG
        leaves["channel_settings", service, "enabled"] = _FLAGS
        leaves["channel_settings", service, "channel_limit"] = _NUMBERS
        leaves["channel_settings", service, "whitelisted_destinations"] = _LISTS
    for channel in ("call", "sms", "whatsapp"):
        leaves["bindings", channel] = _WRONG
        leaves["bindings", channel, "bound"] = _FLAGS
        leaves["bindings", channel, "agent_uuid"] = ODD_TEXT
        leaves["bindings", channel, "agent_name"] = ODD_TEXT
    return leaves


_CHANGES = st.one_of(
    [st.tuples(st.just(path), st.one_of(leaf, leaf, leaf, _WRONG)) for path, leaf in _leaves().items()]
)


def _changed(index: int, changes: list[tuple[Path, Any]]) -> object:
    changed: Any = copy.deepcopy(row(index))
    for (*path, last), value in changes:
        parent = changed
        for key in path:
            parent = parent.get(key) if isinstance(parent, dict) else None
        if not isinstance(parent, dict):
            continue
        if value is ABSENT:
            parent.pop(last, None)
        else:
            parent[last] = copy.deepcopy(value)
    return changed


# Few indices, so that the same uuid comes on several rows.
_ROWS = st.builds(_changed, st.integers(0, 4), st.lists(_CHANGES, max_size=12))
_NOT_ROWS: st.SearchStrategy[object] = st.sampled_from([None, 7, "row", [], {}, {"status": "active"}])

FLEETS: st.SearchStrategy[list[object]] = st.lists(st.one_of(_ROWS, _ROWS, _ROWS, _ROWS, _ROWS, _NOT_ROWS), max_size=8)
