"""The truth about one workspace's trunks, which the simulated API reads and tests and churn change."""

from collections.abc import Iterable, Sequence
from typing import Self

from exporter.simulator.behaviour import Listing
from exporter.simulator.maker import TrunkMaker
from exporter.simulator.trunk import CHANNELS, Agent, Trunk, binding, bound_channels, timestamp


class Fleet:
    """The trunks of one workspace, each number once, newest first.

    Every change takes ``now`` (Unix time in seconds), which becomes the trunk's ``updated_at``. A change
    makes a new trunk: what was handed out before stays as it was.
    """

    def __init__(self, trunks: Iterable[Trunk] = (), *, maker: TrunkMaker | None = None) -> None:
        """Hold these trunks, in list order.

        Args:
            trunks: in the documented JSON shape.
            maker: where ``add`` takes new trunks from; by default one with a seed of 0.

        Raises:
            ValueError: a number comes twice.
        """
        self._maker = maker or TrunkMaker(seed=0)
        # Oldest first: that way an addition goes to the end of a dict, and to the front of the list.
        self._trunks: dict[str, Trunk] = {}
        for trunk in reversed(list(trunks)):
            number = trunk["number"]
            if number in self._trunks:
                raise ValueError(f"the number {number} comes twice")
            self._trunks[number] = trunk
            self._maker.take(number)
        self._rows: dict[Listing, Sequence[Trunk]] = {}

    @classmethod
    def generate(cls, trunks: int, seed: int) -> Self:
        """Return a believable fleet of this size; the same seed makes the same fleet.

        From 10 trunks on it has some of every trouble, among them at least two trunks on which calls are
        enabled and nobody answers.

        Raises:
            ValueError: ``trunks`` is negative.
        """
        if trunks < 0:
            raise ValueError(f"a fleet has 0 or more trunks, not {trunks}")
        maker = TrunkMaker(seed)
        return cls(maker.fleet(trunks), maker=maker)

    def __len__(self) -> int:
        return len(self._trunks)

    def __contains__(self, number: object) -> bool:
        return number in self._trunks

    @property
    def agents(self) -> tuple[Agent, ...]:
        """The agents of the workspace, working or not."""
        return self._maker.agents

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers, in list order."""
        return tuple(reversed(self._trunks))

    def trunk(self, number: str) -> Trunk:
        """Return the trunk with this number.

        Raises:
            KeyError: there is none.
        """
        return self._trunks[number]

    def rows(self, listing: Listing) -> Sequence[Trunk]:
        """Return all rows of the list, in list order, with every trunk in the documented JSON shape."""
        if listing not in self._rows:
            numbers = list(reversed(self._trunks.values()))
            match listing:
                case Listing.NUMBER:
                    self._rows[listing] = numbers
                case Listing.CHANNEL:
                    self._rows[listing] = [row for trunk in numbers for row in _row_per_channel(trunk)]
        return self._rows[listing]

    def bind(self, number: str, channel: str, agent: Agent, *, now: float) -> None:
        """Let this agent answer on the channel, instead of another one if there is one.

        Raises:
            KeyError: there is no such number or channel.
        """
        self._bind(number, channel, agent, now)

    def unbind(self, number: str, channel: str, *, now: float) -> None:
        """Let nobody answer on the channel; the trunk stays, even when it is bound nowhere.

        Raises:
            KeyError: there is no such number or channel.
        """
        self._bind(number, channel, None, now)

    def set_status(self, number: str, status: str, *, now: float) -> None:
        """Set the trunk's status, in the vendor's words: ``active``, ``pending``, ``suspended``.

        Raises:
            KeyError: there is no such number.
        """
        self.change(number, now=now, status=status)

    def change(self, number: str, *, now: float, **fields: object) -> None:
        """Replace whole fields of the trunk, whatever they are called and hold.

        Raises:
            KeyError: there is no such number.
        """
        self._trunks[number] = {**self._trunks[number], **fields, "updated_at": timestamp(now)}
        self._rows.clear()

    def add(self, *, now: float) -> str:
        """Put a new trunk, bound on call, at the head of the list, and return its number.

        At the head, because that moves every row of every page.
        """
        trunk = self._maker.make()
        number: str = trunk["number"]
        self._trunks[number] = {**trunk, "purchased_at": timestamp(now), "updated_at": timestamp(now)}
        self._rows.clear()
        return number

    def remove(self, number: str) -> None:
        """Take the trunk out of the list.

        Raises:
            KeyError: there is no such number.
        """
        del self._trunks[number]
        self._rows.clear()

    def _bind(self, number: str, channel: str, agent: Agent | None, now: float) -> None:
        bindings = self._trunks[number]["bindings"]
        if channel not in bindings:
            raise KeyError(channel)
        self.change(number, now=now, bindings={**bindings, channel: binding(agent)})


def _row_per_channel(trunk: Trunk) -> list[Trunk]:
    shown = [
        {
            **trunk,
            "bindings": {
                channel: trunk["bindings"][channel] if channel == bound else binding(None) for channel in CHANNELS
            },
        }
        for bound in bound_channels(trunk)
    ]
    return shown or [trunk]
