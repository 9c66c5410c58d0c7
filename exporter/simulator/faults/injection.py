"""Decides which exchanges are struck, and by what."""

from collections import Counter
from random import Random

from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.clock import Clock
from exporter.simulator.behaviour import Behaviour
from exporter.simulator.faults.fault import Fault, Strike
from exporter.simulator.faults.registry import FAULTS


class Injection:
    """Middleware that lets the faults of the behaviour in force strike.

    Each is drawn for by itself; of several that are drawn for one exchange a random one strikes. Whenever the
    behaviour is replaced the drawing begins anew, so that it goes the same way every time.
    """

    def __init__(self, app: ASGIApp, *, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._behaviour: Behaviour | None = None
        self._random = Random()  # noqa: S311 - keeps no secret
        self._struck: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, well or not."""
        fault = self._draw(scope["app"].state.behaviour) if scope["type"] == "http" else None
        if fault is None:
            await self._app(scope, receive, send)
            return
        count = self._struck[fault.name]
        self._struck[fault.name] += 1
        await fault.effect(
            Strike(app=self._app, scope=scope, receive=receive, send=send, clock=self._clock, count=count)
        )

    def _draw(self, behaviour: Behaviour) -> Fault | None:
        if behaviour is not self._behaviour:
            self._behaviour = behaviour
            self._random.seed(behaviour.fault_seed)
            self._struck.clear()
        drawn = [name for name, rate in behaviour.faults.items() if self._random.random() < rate]
        return FAULTS[self._random.choice(drawn)] if drawn else None
