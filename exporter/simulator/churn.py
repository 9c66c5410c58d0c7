"""Random changes of a fleet that stay close to the original."""

from collections.abc import Mapping
from random import Random
from typing import Any

from exporter.clock import Clock
from exporter.simulator.fleet import Fleet
from exporter.simulator.generator import Trunk, bound_channels

Health = Mapping[str, Any]  # of a trunk: the fields that troubles change and healing puts back

_HEALTH = ("status", "bindings", "channel_settings")


class Churn:
    """Changes a fleet at random, an event at a time; the same seed makes the same changes.

    About one trunk in twenty has a temporary trouble: a lost binding, another status, a lower limit. The size stays
    within a tenth of the original, at least one trunk either way. The health of a removed trunk passes to the next
    added one, so that the original troubles remain. An empty fleet stays empty. Tests may change the fleet too.
    """

    def __init__(self, fleet: Fleet, seed: int) -> None:
        self._fleet = fleet
        self._random = Random(seed)  # noqa: S311 - made-up events, not a secret
        size = len(fleet)
        spread = max(1, size // 10)
        self._min_size, self._max_size = (size - spread, size + spread) if size else (0, 0)
        self._usual_troubles = max(1, size // 20)
        self._troubled: dict[str, Health] = {}  # before the trouble; in order of arrival, so that draws repeat
        self._vacant: list[Health] = []  # of removed trunks

    async def run(self, clock: Clock, per_minute: float) -> None:
        """Make this many events a minute on average, at random intervals, until cancelled."""
        while True:
            await clock.sleep(self._random.expovariate(per_minute / 60))
            self.step(now=clock.time())

    def step(self, *, now: float) -> str | None:
        """Make one event at this Unix time in seconds and return its kind; None if the fleet was made empty."""
        if not self._max_size:
            return None
        attempts = (self._trouble_or_heal, self._reassign, self._reprice, self._resize)
        attempt = self._random.choices(attempts, (50, 20, 10, 20))[0]
        # Adding or removing is always possible.
        return attempt(now) or self._resize(now)

    def _trouble_or_heal(self, now: float) -> str | None:
        listed = set(self._fleet.numbers)
        self._troubled = {number: health for number, health in self._troubled.items() if number in listed}
        # Healing gets likelier with every trouble; at the usual number of them both are as likely.
        share = len(self._troubled) / (2 * self._usual_troubles)
        if self._random.random() >= share:
            return self._trouble(now)
        number = self._random.choice(list(self._troubled))
        self._fleet.change(number, now=now, **self._troubled.pop(number))
        return "healed"

    def _trouble(self, now: float) -> str | None:
        well = [number for number in self._fleet.numbers if number not in self._troubled]
        if not well:
            return None
        number = self._random.choice(well)
        trunk = self._fleet.trunk(number)
        self._troubled[number] = _health(trunk)
        channels = bound_channels(trunk)
        settings = trunk.get("channel_settings") or {}
        limit = (settings.get("voice") or {}).get("channel_limit") or 0
        weights = {"unbound": 4 * bool(channels), "status_changed": 2, "limited": 2 * bool(limit)}
        kind = self._random.choices(list(weights), list(weights.values()))[0]
        if kind == "unbound":
            self._fleet.bind(number, self._random.choice(channels), None, now=now)
        elif kind == "limited":
            voice = {**settings["voice"], "channel_limit": limit // 2}
            self._fleet.change(number, now=now, channel_settings={**settings, "voice": voice})
        else:
            others = [status for status in ("active", "pending", "suspended") if status != trunk["status"]]
            self._fleet.change(number, now=now, status=self._random.choice(others))
        return kind

    def _reassign(self, now: float) -> str | None:
        bound = [number for number in self._fleet.numbers if bound_channels(self._fleet.trunk(number))]
        if not bound:
            return None
        number = self._random.choice(bound)
        trunk = self._fleet.trunk(number)
        channel = self._random.choice(bound_channels(trunk))
        present = trunk["bindings"][channel]["agent_uuid"]
        agent = self._random.choice([agent for agent in self._fleet.agents if agent.uuid != present])
        self._fleet.bind(number, channel, agent, now=now)
        return "reassigned"

    def _reprice(self, now: float) -> str | None:
        trunks = [self._fleet.trunk(number) for number in self._fleet.numbers]
        priced = [trunk for trunk in trunks if (trunk["billing"] or {}).get("monthly_fee")]
        if not priced:
            return None
        trunk = self._random.choice(priced)
        billing = {**trunk["billing"], "monthly_fee": round(self._random.uniform(1, 12.5), 2)}
        self._fleet.change(trunk["number"], now=now, billing=billing)
        return "repriced"

    def _resize(self, now: float) -> str:
        room = (self._max_size - len(self._fleet)) / (self._max_size - self._min_size)
        if self._random.random() >= room:
            number = self._random.choice(self._fleet.numbers)
            self._vacant.append(self._troubled.pop(number, _health(self._fleet.trunk(number))))
            self._fleet.remove(number)
            return "removed"
        number = self._fleet.add(now=now)
        if self._vacant:
            self._fleet.change(number, now=now, **self._vacant.pop(0))
        return "added"


def _health(trunk: Trunk) -> Health:
    # A trunk without the key and a trunk with null under it mean the same.
    return {field: trunk.get(field) for field in _HEALTH}
