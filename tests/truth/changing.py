"""An API whose list changes while it is read, in any order that a list may have."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from random import Random

import httpx
from support.trunks import page

from exporter.simulator.behaviour import RowPer
from exporter.simulator.churn import Churn
from exporter.simulator.fleet import Fleet
from exporter.simulator.generator import CHANNELS, Trunk, binding, bound_channels

Order = Callable[[Sequence[Trunk], Random], Sequence[Trunk]]

_FIRST_CHANGE = 1_800_000_000.0  # Unix time; each is a second after the one before
_SIZE = 14
_PER_PAGE = 5


@cache
def _seconds(time: str) -> float:
    found = datetime.fromisoformat(time)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _updated(row: Trunk) -> float:
    return _seconds(row["updated_at"])


def no_order(rows: Sequence[Trunk], random: Random) -> Sequence[Trunk]:
    """Each request sees another order."""
    return random.sample(rows, len(rows))


ORDERS: Mapping[str, Order] = {
    # Added trunks come in front, or at the end; nothing else moves.
    "newest purchase first": lambda rows, _: rows,
    "newest purchase last": lambda rows, _: rows[::-1],
    # A trunk that changes moves to the end, or to the front.
    "last update last": lambda rows, _: sorted(rows, key=_updated),
    "last update first": lambda rows, _: sorted(rows, key=_updated, reverse=True),
}


class ChangingList:
    """A fleet that changes, one event at a time."""

    def __init__(self, size: int) -> None:
        self.fleet = Fleet.generate(size, seed=1)
        self._churn = Churn(self.fleet, seed=2)
        self.random = Random(3)  # noqa: S311 - a repeatable one
        self.now = _FIRST_CHANGE

    def churn(self) -> None:
        """Let a trunk come, go or change."""
        self._churn.step(now=self.now)

    def swap(self) -> None:
        """Let a trunk go as another comes: the total stays."""
        self.fleet.remove(self.random.choice(self.fleet.numbers))
        self.fleet.add(now=self.now)

    def move_agent(self) -> None:
        """Let an agent change the channel, if need be one that was busy elsewhere."""
        number = self.random.choice(self.fleet.numbers)
        bound = bound_channels(self.fleet.trunk(number))
        free = [channel for channel in CHANNELS if channel not in bound]
        if not bound or not free:
            self.churn()
            return
        left, entered = self.random.choice(bound), self.random.choice(free)
        bindings = self.fleet.trunk(number)["bindings"]
        moved = {**bindings, left: binding(None), entered: bindings[left]}
        self.fleet.change(number, now=self.now, bindings=moved)


Event = Callable[[ChangingList], None]
EVENTS: Sequence[Event] = (ChangingList.churn, ChangingList.swap, ChangingList.move_agent)


class ChangingApi:
    """Lists a fleet that changes just before certain requests."""

    def __init__(
        self,
        order: Order,
        listing: RowPer,
        events: Sequence[Event] = (ChangingList.churn,),
        *,
        size: int = _SIZE,
        per_page: int = _PER_PAGE,
    ) -> None:
        self._order = order
        self.listing = listing
        self._events = events
        self._per_page = per_page
        self._list = ChangingList(size)
        self._random = self._list.random
        self._requests = 0
        self._due: list[int] = []
        self.moments: list[Sequence[Trunk]] = []  # what the list was in the poll so far
        self.totals: list[int] = []  # what was reported to each request of the poll

    def begin_poll(self, changes: Iterable[int]) -> None:
        """Forget the last poll; the list will change before these requests, counted from 1, of the one that begins."""
        for _ in self._due:  # what the last poll ended too early for
            self._change()
        self._requests = 0
        self._due = sorted(changes)
        self.moments = [self._rows]
        self.totals = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        for _ in range(self._random.randrange(4)):  # pages that are asked for together come in any order
            await asyncio.sleep(0)
        self._requests += 1
        while self._due and self._due[0] <= self._requests:
            self._due.pop(0)
            self._change()
        rows = self._order(self._rows, self._random)
        number = int(request.url.params["page"])
        start = (number - 1) * self._per_page
        shown = rows[start : start + self._per_page]
        if not shown and number > 1 and self._random.random() < 0.5:
            return httpx.Response(404)
        self.totals.append(len(rows))
        return httpx.Response(200, content=page(shown, number, total=len(rows), per_page=self._per_page))

    @property
    def _rows(self) -> Sequence[Trunk]:
        return self._list.fleet.rows(self.listing)

    def _change(self) -> None:
        self._list.now += 1
        self._random.choice(self._events)(self._list)
        self.moments.append(self._rows)
