"""Consequences of changes: channels lost, trunks gone, services disabled. All times are Unix seconds."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

import msgspec

from exporter.config.settings import Remember
from exporter.trunks.changes import Change, Kind, State, States, compare
from exporter.trunks.rows import Surroundings, Trunks
from exporter.trunks.trunk import CHANNELS, SERVICES

HISTORY = 1000  # changes that are kept

_CONSEQUENTIAL = {Kind.LOST, Kind.REMOVED, Kind.SERVICE}
_FOLLOWED = _CONSEQUENTIAL | {Kind.BOUND, Kind.ADDED}
_CALL = CHANNELS.index("call")
_OTHER_CARRIER = {"voice": "inbound", "inbound": "voice"}  # of the channel call


class Since(msgspec.Struct, frozen=True, gc=False):
    """Since when something holds of a trunk; ``number`` is as the configuration lets it be seen."""

    since: float
    uuid: str
    number: str

    @property
    def key(self) -> str:
        return self.uuid or self.number


class Lost(Since, frozen=True, gc=False):
    """A channel that was bound; the agent is its last one."""

    channel: str
    agent_uuid: str
    agent_name: str


class Disabled(Since, frozen=True, gc=False):
    carrier_service: str


class Gone(Since, frozen=True, gc=False):
    """``state`` is the last one; ``digits`` of the number are empty where they may not be kept."""

    state: State
    digits: str


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is remembered of a workspace beside its trunks."""

    lost: tuple[Lost, ...] = ()
    hidden: tuple[Lost, ...] = ()  # while the configuration leaves the channel out, or nothing is known about bindings
    gone: tuple[Gone, ...] = ()
    disabled: tuple[Disabled, ...] = ()
    missing: dict[str, State] = {}  # trunks that the only walk of the last poll did not see, as they were; by key
    history: tuple[Change, ...] = ()  # the last changes, the newest last

    @property
    def absent(self) -> States:
        """The states of trunks that may come back, by key."""
        return {**{gone.key: gone.state for gone in self.gone}, **self.missing}

    def without_agent_names(self) -> "Memory":
        return msgspec.structs.replace(
            self,
            lost=tuple(msgspec.structs.replace(lost, agent_name="") for lost in self.lost),
            hidden=tuple(msgspec.structs.replace(lost, agent_name="") for lost in self.hidden),
            gone=tuple(msgspec.structs.replace(gone, state=gone.state.without_agent_names()) for gone in self.gone),
            missing={key: state.without_agent_names() for key, state in self.missing.items()},
            history=tuple(change.without_agent_names() for change in self.history),
        )


class Comparison:
    """Compares the trunks of a poll with those of the poll before, part by part, for what follows from the changes.

    Args:
        memory: after the poll before.
        now: Unix time.
        stored: the states that trunks had, by key, where they are not in a fleet.
        unconfirmed: the keys of trunks that the only walk of the poll did not see.
        has_past: whether there is anything to compare with.
    """

    def __init__(
        self,
        memory: Memory,
        now: float,
        *,
        stored: States | None = None,
        unconfirmed: AbstractSet[str] = frozenset(),
        has_past: bool = False,
    ) -> None:
        self.now = now
        self.stored = stored
        self.absent = memory.absent
        self._memory = memory
        self._unconfirmed = unconfirmed
        self._has_past = has_past
        self._watched = {entry.key for entry in (*memory.lost, *memory.hidden, *memory.gone, *memory.disabled)}
        self._missing: dict[str, State] = {}
        self._before: dict[str, State] = {}  # of trunks with consequential changes
        self._after: dict[str, State] = {}
        self._changes: list[Change] = []  # of kinds that anything follows from
        self._counts = Counter[Kind]()
        self._history = deque(memory.history, HISTORY)

    def add(self, before: States, after: States) -> None:
        """Compare some trunks; those that have not changed may be left out."""
        if self._has_past:
            self._add(before, after)

    def _add(self, before: States, after: States) -> None:
        missing = self._memory.missing
        old = {key: missing[key] for key in missing.keys() & after.keys()} | dict(before)
        self._missing |= {key: old.pop(key) for key in self._unconfirmed & old.keys()}
        differences = self._note(old, after)
        keys = {change.key for change in differences if change.change in _CONSEQUENTIAL}
        keys |= self._watched & after.keys()
        self._before |= {key: old[key] for key in keys if key in old}
        self._after |= {key: after[key] for key in keys if key in after}

    def _note(self, before: States, after: States) -> Sequence[Change]:
        differences = compare(before, after, now=self.now)
        self._changes.extend(change for change in differences if change.change in _FOLLOWED)
        self._counts.update(change.change for change in differences)
        self._history.extend(differences)
        return differences

    def finish(
        self, trunks: Trunks, around: Surroundings, digits_of: Callable[[State], str], remember_for: Remember
    ) -> tuple[Memory, Counter[Kind]]:
        """Return the memory after the poll, and how many changes the poll found, by kind.

        Args:
            trunks: all that the poll found.
            around: what they have around them.
            digits_of: returns the digits of the number of a trunk that was there before.
            remember_for: how long.
        """
        memory, missing, after = self._memory, self._missing, self._after
        self._add({key: state for key, state in memory.missing.items() if key not in trunks}, {})
        no_longer_gone = {
            gone.key: gone.state for gone in memory.gone if gone.key in after and gone.key not in self._before
        }
        self._note(no_longer_gone, {key: after[key] for key in no_longer_gone})
        before = {**self._before, **no_longer_gone}
        changes = self._changes
        bound_again = {(change.key, change.channel) for change in changes if change.change is Kind.BOUND}
        lost = [entry for entry in (*memory.lost, *memory.hidden) if (entry.key, entry.channel) not in bound_again]
        lost += [_lost(change, before[change.key]) for change in changes if change.change is Kind.LOST]
        newly_gone = _newly_gone(changes, before, (*memory.lost, *memory.hidden), digits_of)
        numbers = {entry.digits for entry in (*memory.gone, *newly_gone)}
        bound, back = _bound_and_back(numbers, changes, trunks, around)
        gone = [entry for entry in memory.gone if entry.digits not in back]
        gone += [entry for entry in newly_gone if entry.digits not in bound]
        enabled_again = {
            (change.key, change.carrier_service)
            for change in changes
            if change.change is Kind.SERVICE and change.after == "enabled"
        }
        disabled = [entry for entry in memory.disabled if (entry.key, entry.carrier_service) not in enabled_again]
        disabled += [
            Disabled(self.now, change.uuid, change.number, change.carrier_service)
            for change in changes
            if change.carrier_service and _is_disabled(change, after)
        ]

        def renumbered(entry: S) -> S:
            number = after[entry.key].number if entry.key in after else entry.number
            return entry if entry.number == number else msgspec.structs.replace(entry, number=number)

        def is_listed(entry: Since) -> bool:
            return entry.key in trunks or entry.key in missing

        def is_lost(entry: Lost) -> bool:
            return is_listed(entry) and not around.bound_elsewhere.get(entry.key, 0) & _bit(entry)

        hidden = {(entry.key, entry.channel) for entry in memory.hidden}

        def is_hidden(entry: Lost) -> bool:
            if (state := after.get(entry.key)) is None:
                return (entry.key, entry.channel) in hidden
            return not around.bindings_known or bool(state.left_out & _bit(entry))

        def is_disabled(entry: Disabled) -> bool:
            return is_listed(entry) and (entry.key not in after or after[entry.key].bindings[_CALL].bound is not False)

        all_lost = _kept(map(renumbered, lost), remember_for.lost, self.now, is_lost)
        return (
            Memory(
                lost=tuple(entry for entry in all_lost if not is_hidden(entry)),
                hidden=tuple(filter(is_hidden, all_lost)),
                gone=_kept(gone, remember_for.gone, self.now, lambda entry: entry.key not in trunks),
                disabled=_kept(map(renumbered, disabled), remember_for.lost, self.now, is_disabled),
                missing=missing,
                history=tuple(self._history),
            ),
            self._counts,
        )


S = TypeVar("S", bound=Since)


def _kept(entries: Iterable[S], seconds: float, now: float, lasts: Callable[[S], bool]) -> tuple[S, ...]:
    # The clock may have been set back.
    return tuple(
        entry if entry.since <= now else msgspec.structs.replace(entry, since=now)
        for entry in entries
        if now - entry.since < seconds and lasts(entry)
    )


def _lost(change: Change, before: State) -> Lost:
    assert change.channel is not None  # noqa: S101 - a lost channel has a name, which types do not say
    binding = before.bindings[CHANNELS.index(change.channel)]
    return Lost(
        since=change.time,
        uuid=change.uuid,
        number=change.number,
        channel=change.channel,
        agent_uuid=binding.agent_uuid,
        agent_name=binding.agent_name,
    )


def _bit(lost: Lost) -> int:
    return 1 << CHANNELS.index(lost.channel)


def _newly_gone(
    changes: Iterable[Change], before: States, lost: Iterable[Lost], digits_of: Callable[[State], str]
) -> list[Gone]:
    """Return the removed trunks that were bound, or whose binding was lost before."""
    were_lost = {entry.key for entry in lost}
    return [
        Gone(change.time, change.uuid, change.number, before[change.key], digits_of(before[change.key]))
        for change in changes
        if change.change is Kind.REMOVED and (before[change.key].is_bound or change.key in were_lost)
    ]


def _bound_and_back(
    numbers: set[str], changes: Iterable[Change], trunks: Trunks, around: Surroundings
) -> tuple[set[str], set[str]]:
    """Return those of the numbers that are bound, or may be; and those that are bound, or of a new trunk."""
    numbers.discard("")
    if not numbers:
        return set(), set()
    added = {change.key for change in changes if change.change is Kind.ADDED}
    rows = [row for group in trunks.values() for row in group if row.number in numbers]
    bound = {row.number for row in rows if row.channels or not around.bindings_known}
    return bound, {row.number for row in rows if row.channels or row.key in added}


def _is_disabled(change: Change, after: States) -> bool:
    """Return whether a change disables one of the two services that carry a bound channel, and the other is enabled."""
    other = _OTHER_CARRIER.get(change.carrier_service or "")
    if change.change is not Kind.SERVICE or change.after != "disabled" or other is None:
        return False
    state = after[change.key]
    return state.bindings[_CALL].bound is True and state.services[SERVICES.index(other)].enabled is True
