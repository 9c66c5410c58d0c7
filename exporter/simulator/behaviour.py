"""The options of the simulated API, and the middleware that injects its faults."""

import enum
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.clock import Clock
from exporter.simulator.faults import FAULTS
from exporter.simulator.faults.fault import Fault, Strike


class Listing(enum.Enum):
    """What one row of the list stands for: the documentation can be read both ways."""

    NUMBER = "number"
    """Each number once, with all of its bindings."""
    CHANNEL = "channel"
    """A row per bound channel, showing that binding alone; a number bound nowhere is one row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The defaults are the plainest reading of the documentation.

    Attributes:
        latency: seconds before any answer.
        rate_limit: requests per minute and workspace with a valid token; None for no limit.
        excess_per_page: the answer to a ``per_page`` above the documented maximum: the maximum, or 422.
        beyond_last: the answer to a page after the last one: 200 without items, 404, or 422.
        faults: by name, each with its share of the requests: 1 strikes all.
        fault_seed: equal seeds strike the same requests.

    Raises:
        ValueError: a negative latency, a rate limit below one request per minute, a fault that does not
            exist, or a rate that is not between 0 and 1.
    """

    latency: float = 0.0
    rate_limit: int | None = None
    listing: Listing = Listing.NUMBER
    excess_per_page: Literal["clamp", "refuse"] = "clamp"
    beyond_last: Literal["empty", "not found", "refuse"] = "empty"
    faults: Mapping[str, float] = field(default_factory=dict)
    fault_seed: int = 0

    def __post_init__(self) -> None:
        if not self.latency >= 0:
            raise ValueError(f"latency must be 0 or more seconds, not {self.latency}")
        if self.rate_limit is not None and self.rate_limit < 1:
            raise ValueError(f"rate_limit must be at least 1 request per minute, not {self.rate_limit}")
        for name, rate in self.faults.items():
            if name not in FAULTS:
                raise ValueError(f"there is no fault called {name}")
            if not 0 <= rate <= 1:
                raise ValueError(f"the rate of {name} must be between 0 and 1, not {rate}")


class FaultInjection:
    """Middleware that lets the faults of the present behaviour strike.

    Each is drawn for by itself; of several that are drawn for one request a random one strikes. Drawing
    begins anew whenever the behaviour is replaced, so that it repeats.
    """

    def __init__(self, app: ASGIApp, *, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._behaviour: Behaviour | None = None
        self._random = Random()  # noqa: S311 - keeps no secret
        self._struck: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._draw(scope["app"].state.behaviour) if scope["type"] == "http" else None
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
