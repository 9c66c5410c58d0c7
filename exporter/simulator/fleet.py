"""The true trunks of one workspace, which the simulated API reads and tests and churn change."""

from collections.abc import Iterable, Sequence
from typing import Self

from exporter.simulator.behaviour import RowPer
from exporter.simulator.generator import CHANNELS, Agent, Trunk, TrunkGenerator, binding, bound_channels, timestamp


class Fleet:
    """The trunks of one workspace in list order: newest first, each number once.

    Every change takes ``now`` (Unix time in seconds), which becomes the trunk's ``updated_at``. A change makes a
    new trunk, so that rows once returned stay as they were.
    """

    def __init__(self, trunks: Iterable[Trunk] = (), *, generator: TrunkGenerator | None = None) -> None:
        self._generator = generator or TrunkGenerator(seed=0)
        # Oldest first: that way an addition goes to the end of a dict, and to the front of the list.
        self._trunks: dict[str, Trunk] = {}
        for trunk in reversed(list(trunks)):
            number = trunk["number"]
            if number in self._trunks:
                raise ValueError(f"the number {number} comes twice")
            self._trunks[number] = trunk
            self._generator.numbers.add(number)
        self._rows: dict[RowPer, Sequence[Trunk]] = {}

    @classmethod
    def generate(cls, trunks: int, seed: int) -> Self:
        """Return a believable fleet, the same for the same seed; from 10 trunks on it has some of every trouble."""
        generator = TrunkGenerator(seed)
        return cls(generator.fleet(trunks), generator=generator)

    def __len__(self) -> int:
        return len(self._trunks)

    @property
    def agents(self) -> tuple[Agent, ...]:
        return self._generator.agents

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(reversed(self._trunks))

    def trunk(self, number: str) -> Trunk:
        return self._trunks[number]

    def rows(self, listing: RowPer) -> Sequence[Trunk]:
        if listing not in self._rows:
            rows = list(reversed(self._trunks.values()))
            if listing is RowPer.CHANNEL:
                rows = [row for trunk in rows for row in _row_per_channel(trunk)]
            self._rows[listing] = rows
        return self._rows[listing]

    def bind(self, number: str, channel: str, agent: Agent | None, *, now: float) -> None:
        """Let this agent answer on the channel, or none; the trunk stays, even when it is bound nowhere."""
        bindings = self._trunks[number]["bindings"]
        if channel not in bindings:
            raise KeyError(channel)
        self.change(number, now=now, bindings={**bindings, channel: binding(agent)})

    def change(self, number: str, /, *, now: float, **fields: object) -> None:
        """Replace whole fields of the trunk, with any names and values."""
        self._trunks[number] = {**self._trunks[number], **fields, "updated_at": timestamp(now)}
        self._rows.clear()

    def add(self, *, now: float) -> str:
        """Put a new trunk, bound on call, at the head of the list, so that every row moves; return its number."""
        trunk = self._generator.trunk()
        number: str = trunk["number"]
        self._trunks[number] = {**trunk, "purchased_at": timestamp(now), "updated_at": timestamp(now)}
        self._rows.clear()
        return number

    def remove(self, number: str) -> None:
        del self._trunks[number]
        self._rows.clear()


def _row_per_channel(trunk: Trunk) -> list[Trunk]:
    unbound = {channel: binding(None) for channel in CHANNELS}
    rows = [
        {**trunk, "bindings": {**unbound, channel: trunk["bindings"][channel]}} for channel in bound_channels(trunk)
    ]
    return rows or [trunk]
