"""Faults inside a page: of its text, its rows and its paging."""

import gzip
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from starlette.responses import Response

from exporter.simulator.behaviour import Effect, Fault, Strike
from exporter.simulator.generator import Trunk

# The key of the request's scope for a function that edits the whole list before it is cut into pages.
EDIT_LIST = "simulator.edit_list"

_Data = dict[str, Any]  # of a page's JSON, what is under "data"

_JSON = "application/json"
_DEPTH = 500_000  # from Python 3.14 on, only the stack bounds it
_IDENTITY = ("phone_number_uuid", "number")
_OBJECTS = ("compliance", "capabilities", "channel_settings", "billing", "bindings")
_CONTRADICTION = {"status": "suspended", "location": "Elsewhere"}
_LONG = "x" * 1_000_000
_HOSTILE = 'a"b\\c\nd\re\tf\0g\x1b[31mh\x7f\u202ei\u2028j{k="l"} 1 # m \N{FOX FACE}'


def _edit_text(edit: Callable[[bytes], bytes]) -> Effect:
    async def effect(strike: Strike) -> None:
        if (page := await strike.page()) is not None:
            await strike.respond(Response(edit(page), media_type=_JSON))

    return effect


def _replace(pattern: bytes, replacement: bytes) -> Effect:
    return _edit_text(lambda page: re.sub(pattern, replacement, page))


def _edit_data(edit: Callable[[_Data], None]) -> Effect:
    async def effect(strike: Strike) -> None:
        if (document := await strike.document()) is not None:
            edit(document["data"])
            await strike.respond(Response(msgspec.json.encode(document), media_type=_JSON))

    return effect


def _edit_rows(edit: Callable[[Trunk], Trunk]) -> Effect:
    return _edit_data(lambda data: data.update(items=[edit(row) for row in data["items"]]))


def _edit_list(edit: Callable[[Sequence[Trunk], int], Sequence[Trunk]]) -> Effect:
    """Edit the whole list, given how often the fault has struck before."""

    async def effect(strike: Strike) -> None:
        strike.scope[EDIT_LIST] = lambda rows: edit(rows, strike.count)
        await strike.app(strike.scope, strike.receive, strike.send)

    return effect


def _half(page: bytes) -> bytes:
    return page[: len(page) // 2]


async def _half_of_gzip(strike: Strike) -> None:
    if (page := await strike.page()) is not None:
        headers = {"Content-Encoding": "gzip"}
        await strike.respond(Response(_half(gzip.compress(page)), headers=headers, media_type=_JSON))


def _deep(page: bytes) -> bytes:
    return page.replace(b'"items":[', b'"items":[' + b"[" * _DEPTH + b"]" * _DEPTH + b",", 1)


def _items_object(data: _Data) -> None:
    # PHP makes this of a list with a hole in it.
    data["items"] = {str(index): row for index, row in enumerate(data["items"], 1)}


def _wrong_types(data: _Data) -> None:
    """Make every value wrong, in even rows those inside objects, in odd ones the objects themselves."""
    for index, row in enumerate(data["items"]):
        make = _wrong_inside if index % 2 == 0 else _wrong
        row.update({name: make(value) for name, value in row.items() if name not in _IDENTITY})


def _wrong(value: object) -> Any:  # noqa: ANN401 - any JSON
    return 7 if isinstance(value, str | dict | list) else {"surprise": True}


def _wrong_inside(value: object) -> Any:  # noqa: ANN401 - any JSON
    return {name: _wrong_inside(inner) for name, inner in value.items()} if isinstance(value, dict) else _wrong(value)


def _quoted(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {name: _quoted(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_quoted(inner) for inner in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


async def _unknown_words(strike: Strike) -> None:
    """Make every word of a closed set one that was never seen."""

    def edit(data: _Data) -> None:
        for index, row in enumerate(data["items"]):
            word = f"novelty-{strike.count}-{index}"
            row.update(dict.fromkeys(("type", "source", "status", "country_code"), word))
            row["compliance"] = {"status": word, "requirements": [{"name": word, "type": word, "description": word}]}
            row["billing"] = {"monthly_fee": 1, "currency": word}

    await _edit_data(edit)(strike)


def _hostile_texts(row: Trunk) -> Trunk:
    """Put the text where people type one: locations and names of agents."""
    bindings = {
        channel: binding | ({"agent_name": _HOSTILE} if binding["bound"] else {})
        for channel, binding in row["bindings"].items()
    }
    return row | {"location": _HOSTILE, "bindings": bindings}


def _wrong_echo(data: _Data) -> None:
    data["pagination"]["current_page"] += 1


def _moving_total(data: _Data) -> None:
    data["pagination"]["total"] += data["pagination"]["current_page"] % 2


def _moving_last_page(data: _Data) -> None:
    data["pagination"]["last_page"] = data["pagination"]["current_page"] + 1


async def _endless(strike: Strike) -> None:
    if (document := await strike.document()) is None:
        return
    pagination = document["data"]["pagination"]
    if not document["data"]["items"]:
        query = re.sub(rb"(?<![^&])page=[0-9]*", b"page=1", strike.scope["query_string"])
        first_page = replace(strike, scope={**strike.scope, "query_string": query})
        document = await first_page.document() or document
    echo = {name: pagination[name] for name in ("current_page", "per_page")}
    document["data"]["pagination"] = {**echo, "has_more": True}
    await strike.respond(Response(msgspec.json.encode(document), media_type=_JSON))


FAULTS = (
    Fault("truncated-json", "the first half of a page", _edit_text(_half)),
    Fault("truncated-gzip", "the first half of a compressed page", _half_of_gzip),
    Fault("deep-json", f"JSON nested {_DEPTH:,} levels deep", _edit_text(_deep)),
    Fault("bom", "a byte order mark before the page", _edit_text(lambda page: b"\xef\xbb\xbf" + page)),
    Fault(
        "duplicate-keys",
        "keys that come twice, the last one right",
        _replace(rb'"(status|number|success)":', rb'"\1":"first",\g<0>'),
    ),
    Fault("nan", "NaN for every channel limit", _replace(rb'("channel_limit"):[0-9.]+', rb"\1:NaN")),
    Fault("infinity", "1e999 for every fee", _replace(rb'("monthly_fee"):[0-9.]+', rb"\1:1e999")),
    Fault("surrogates", "lone surrogates in locations", _replace(rb'"location":"', rb'"location":"\\ud83e')),
    Fault("invalid-utf8", "invalid UTF-8 in locations", _replace(rb'"location":"', b'"location":"\xff')),
    Fault("items-null", "null instead of the rows", _edit_data(lambda data: data.update(items=None))),
    Fault("items-missing", "no rows at all, not even an empty list", _edit_data(lambda data: data.pop("items"))),
    Fault("items-object", "an object instead of the list of rows", _edit_data(_items_object)),
    Fault("empty-lists", "[] for every object in a row", _edit_rows(lambda row: row | {name: [] for name in _OBJECTS})),
    Fault(
        "fields-null",
        "rows with a uuid and a number, the rest null",
        _edit_rows(lambda row: {name: value if name in _IDENTITY else None for name, value in row.items()}),
    ),
    Fault(
        "fields-missing",
        "rows with only a uuid and a number",
        _edit_rows(lambda row: {name: row[name] for name in _IDENTITY}),
    ),
    Fault("fields-wrong", "rows in which all else is of a wrong type", _edit_data(_wrong_types)),
    Fault("no-identity", "rows without uuid and number", _edit_rows(lambda row: row | dict.fromkeys(_IDENTITY))),
    Fault("number-strings", "every number as a string", _edit_data(lambda data: data.update(_quoted(data)))),
    Fault("unknown-words", "other statuses, types and currencies in every row", _unknown_words),
    Fault("long-texts", "1 MB of text per location", _edit_rows(lambda row: row | {"location": _LONG})),
    Fault("hostile-texts", "quotes, newlines, control characters in names", _edit_rows(_hostile_texts)),
    Fault("wrong-echo", "a page that says it is the next one", _edit_data(_wrong_echo)),
    Fault("moving-total", "a total that is one higher on odd pages", _edit_data(_moving_total)),
    Fault("moving-last-page", "a last page that is always the next one", _edit_data(_moving_last_page)),
    Fault("endless", "has_more for ever, without a total", _endless),
    Fault("repeated-row", "a row that comes again on the last page", _edit_list(lambda rows, _: [*rows, *rows[:1]])),
    Fault(
        "contradicting-row",
        "the same, with another content",
        _edit_list(lambda rows, _: [*rows, *(row | _CONTRADICTION for row in rows[:1])]),
    ),
    Fault(
        "moving-row",
        "a row that changes place between requests",
        _edit_list(lambda rows, count: [*rows[1:], *rows[:1]] if count % 2 else rows),
    ),
)
