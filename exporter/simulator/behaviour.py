"""The options of the simulated API, and the middleware that injects its faults."""

import enum
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.clock import Clock
from exporter.simulator.faults import FAULTS
from exporter.simulator.faults.fault import Fault, Strike


class RowPer(enum.Enum):
    """The meaning of a row; the documentation allows both."""

    NUMBER = "number"  # each number once, with all of its bindings
    CHANNEL = "channel"  # a row per bound channel, with only that binding; an unbound number has one row


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The defaults are the plainest reading of the documentation."""

    latency: float = 0.0  # seconds before any answer
    rate_limit: int | None = None  # requests per minute and workspace with a valid token
    listing: RowPer = RowPer.NUMBER
    faults: Mapping[str, float] = field(default_factory=dict)  # shares of the requests, by name: 1 strikes all
    fault_seed: int = 0  # equal seeds strike the same requests


class FaultInjection:
    """Middleware that injects the faults of the current behaviour.

    Each fault is drawn independently; if several are drawn for a request, one of them strikes. Replacing the behaviour
    seeds the draws again, so that they repeat.
    """

    def __init__(self, app: ASGIApp, *, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._behaviour: Behaviour | None = None
        self._random = Random()  # noqa: S311 - keeps no secret
        self._struck: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._draw(scope["app"].state.behaviour)
        if fault is None:
            await self._app(scope, receive, send)
            return
        strike = Strike(self._app, scope, receive, send, clock=self._clock, count=self._struck[fault.name])
        self._struck[fault.name] += 1
        await fault.effect(strike)

    def _draw(self, behaviour: Behaviour) -> Fault | None:
        if behaviour is not self._behaviour:
            self._behaviour = behaviour
            self._random.seed(behaviour.fault_seed)
            self._struck.clear()
        drawn = [name for name, rate in behaviour.faults.items() if self._random.random() < rate]
        return FAULTS[self._random.choice(drawn)] if drawn else None
