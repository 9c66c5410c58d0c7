"""Faults in how the list is cut into pages, and in what the pagination says of that."""

from collections.abc import Sequence

import msgspec
from starlette.responses import Response

from exporter.simulator.faults.effects import altering, relisting, respond
from exporter.simulator.faults.fault import Document, Fault, Strike
from exporter.simulator.trunk import Trunk


def _wrong_echo(document: Document, _: Strike) -> None:
    document["data"]["pagination"]["current_page"] += 1


def _moving_total(document: Document, _: Strike) -> None:
    pagination = document["data"]["pagination"]
    pagination["total"] += pagination["current_page"] % 2


def _moving_last_page(document: Document, _: Strike) -> None:
    pagination = document["data"]["pagination"]
    pagination["last_page"] = pagination["current_page"] + 1


async def _endless(strike: Strike) -> None:
    document = await strike.document()
    if document is None:
        return
    pagination = document["data"]["pagination"]
    if not document["data"]["items"] and (first := await strike.document(1)) is not None:
        document = first
    document["data"]["pagination"] = {
        "current_page": pagination["current_page"],
        "per_page": pagination["per_page"],
        "has_more": True,
    }
    await respond(strike, Response(msgspec.json.encode(document), media_type="application/json"))


def _repeated(rows: Sequence[Trunk], _: int) -> Sequence[Trunk]:
    """List the first row again, at the end."""
    return [*rows, *rows[:1]]


def _contradicted(rows: Sequence[Trunk], _: int) -> Sequence[Trunk]:
    """List the first row again, at the end, with another status."""
    return [*rows, *(row | {"status": "suspended", "location": "Elsewhere"} for row in rows[:1])]


def _moving(rows: Sequence[Trunk], count: int) -> Sequence[Trunk]:
    """Have the first row in its place, and at the end, by turns."""
    return [*rows[1:], *rows[:1]] if count % 2 else rows


FAULTS = (
    Fault("wrong-echo", "a page that says it is the next one", altering(_wrong_echo)),
    Fault("moving-total", "a total that is one higher on odd pages", altering(_moving_total)),
    Fault("moving-last-page", "a last page that is always the next one", altering(_moving_last_page)),
    Fault("endless", "has_more for ever, without a total", _endless),
    Fault("repeated-row", "a row that comes again on the last page", relisting(_repeated)),
    Fault("contradicting-row", "the same, with another content", relisting(_contradicted)),
    Fault("moving-row", "a row that changes place between requests", relisting(_moving)),
)
