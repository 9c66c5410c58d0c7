"""The ways in which faults have an effect, from the outside of an answer to its inside."""

from collections.abc import Callable, Sequence

import msgspec
from starlette.responses import Response
from starlette.types import Scope

from exporter.simulator.faults.fault import Document, Effect, Strike
from exporter.simulator.trunk import Trunk

_RELISTING = "simulator.relisting"


def instead(make: Callable[[Strike], Response]) -> Effect:
    """Answer this, whatever is asked."""

    async def effect(strike: Strike) -> None:
        await respond(strike, make(strike))

    return effect


def rewriting(change: Callable[[bytes], bytes]) -> Effect:
    """Change the text of a page."""

    async def effect(strike: Strike) -> None:
        page = await strike.page()
        if page is not None:
            await respond(strike, Response(change(page), media_type="application/json"))

    return effect


def altering(change: Callable[[Document, Strike], None]) -> Effect:
    """Change the content of a page, in place."""

    async def effect(strike: Strike) -> None:
        document = await strike.document()
        if document is not None:
            change(document, strike)
            await respond(strike, Response(msgspec.json.encode(document), media_type="application/json"))

    return effect


def altering_rows(change: Callable[[Trunk, int, int], Trunk]) -> Effect:
    """Change every row of a page, given its position and how often the fault has struck before."""

    def alter(document: Document, strike: Strike) -> None:
        items = document["data"]["items"]
        items[:] = [change(row, index, strike.count) for index, row in enumerate(items)]

    return altering(alter)


def relisting(change: Callable[[Sequence[Trunk], int], Sequence[Trunk]]) -> Effect:
    """Change the whole list before it is cut into pages, given how often the fault has struck before."""

    async def effect(strike: Strike) -> None:
        strike.scope[_RELISTING] = lambda rows: change(rows, strike.count)
        await strike.pass_on()

    return effect


def relisted(scope: Scope, rows: Sequence[Trunk]) -> Sequence[Trunk]:
    """Return the list as a request is to see it: with the effect of ``relisting``, if there is any."""
    change: Callable[[Sequence[Trunk]], Sequence[Trunk]] | None = scope.get(_RELISTING)
    return rows if change is None else change(rows)


async def respond(strike: Strike, response: Response) -> None:
    """Send an answer to whoever was struck."""
    await response(strike.scope, strike.receive, strike.send)
