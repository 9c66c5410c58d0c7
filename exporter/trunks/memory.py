"""Consequences of changes: channels lost, trunks gone, services disabled. All times are Unix seconds."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

import msgspec

from exporter.config.settings import Remember
from exporter.trunks.changes import Change, ChangeKind, State, States, compare
from exporter.trunks.rows import RowsByTrunk, Surroundings
from exporter.trunks.trunk import CHANNELS, SERVICES, bits_of

HISTORY = 1000  # changes that are kept

_CONSEQUENTIAL = {ChangeKind.LOST, ChangeKind.BOUND, ChangeKind.SERVICE, ChangeKind.REMOVED, ChangeKind.ADDED}
_CALL = CHANNELS.index("call")
_OTHER_CARRIER = {"voice": SERVICES.index("inbound"), "inbound": SERVICES.index("voice")}  # of the channel call


class Consequence(msgspec.Struct, frozen=True, gc=False):
    """A consequence of a change, and since when; ``number`` is as the configuration lets it be seen."""

    since: float
    uuid: str
    number: str

    @property
    def key(self) -> str:
        return self.uuid or self.number


class Lost(Consequence, frozen=True, gc=False):
    """A channel that was bound; the agent is its last one."""

    channel: str
    agent_uuid: str
    agent_name: str


class Disabled(Consequence, frozen=True, gc=False):
    carrier_service: str


class Gone(Consequence, frozen=True, gc=False):
    """``state`` is the last one, with agents that it had lost; ``digits`` are empty where they may not be kept."""

    state: State
    digits: str


S = TypeVar("S", bound=Consequence)


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is remembered of a workspace beside its trunks."""

    lost: tuple[Lost, ...] = ()
    hidden: tuple[Lost, ...] = ()  # while the configuration leaves the channel out, or nothing is known about bindings
    gone: tuple[Gone, ...] = ()
    disabled: tuple[Disabled, ...] = ()
    dormant: tuple[Disabled, ...] = ()  # until another service carries the channel, or while the trunk is gone
    missing: dict[str, State] = {}  # trunks that the last poll did not see, nor confirm to be gone, as they were
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
    """Compares the trunks of a poll with those of the poll before, part by part, and draws the consequences.

    ``memory`` is that after the poll before, which ``has_past`` says there was; ``stored`` are the states, by key, that
    trunks had if no fleet has them, and ``unseen`` the keys of trunks that the poll did not see, nor confirmed gone.
    """

    def __init__(
        self,
        memory: Memory,
        now: float,
        *,
        stored: States | None = None,
        unseen: AbstractSet[str] = frozenset(),
        has_past: bool = False,
    ) -> None:
        self.now = now
        self.stored = stored
        self.absent = memory.absent
        self._memory = memory
        self._unseen = unseen
        self._has_past = has_past
        remembered = *memory.lost, *memory.hidden, *memory.gone, *memory.disabled, *memory.dormant
        self._watched = {entry.key for entry in remembered}
        self._missing: dict[str, State] = {}
        self._before: dict[str, State] = {}  # of trunks with changes that have consequences
        self._after: dict[str, State] = {}  # of these, and of trunks of which more is remembered
        self._consequential: list[Change] = []
        self._counts = Counter[ChangeKind]()
        history = memory.history
        if history and history[-1].time > now:  # the clock may have been set back
            history = tuple(msgspec.structs.replace(change, time=min(change.time, now)) for change in history)
        self._history = deque(history, HISTORY)

    def add(self, before: States, after: States) -> None:
        """Compare some trunks; those that have not changed may be left out."""
        if not self._has_past:
            return
        missing = self._memory.missing
        old = {key: missing[key] for key in missing.keys() & after.keys()} | dict(before)
        self._missing |= {key: old.pop(key) for key in self._unseen & old.keys()}
        self._compare(old, after)
        self._after |= {key: after[key] for key in self._watched & after.keys()}

    def _compare(self, before: States, after: States) -> None:
        changes = compare(before, after, now=self.now)
        self._history.extend(changes)
        for change in changes:
            self._counts[change.change] += 1
            if change.change in _CONSEQUENTIAL:
                self._consequential.append(change)
                if change.key in before:
                    self._before[change.key] = before[change.key]
                if change.key in after:
                    self._after[change.key] = after[change.key]

    def finish(
        self, trunks: RowsByTrunk, around: Surroundings, digits_of: Callable[[State], str], remember_for: Remember
    ) -> tuple[Memory, Counter[ChangeKind]]:
        """Return the memory after the poll that found these trunks, and how many changes it found, by kind.

        ``digits_of`` returns the digits of the number of a trunk that was listed before.
        """
        memory, missing = self._memory, self._missing
        self.add({key: state for key, state in memory.missing.items() if key not in trunks}, {})
        # A trunk that is back may have changed meanwhile.
        back = {one.key: one.state for one in memory.gone if one.key in self._after and one.key not in self._before}
        self._compare(back, {key: self._after[key] for key in back})
        after = self._after
        all_lost, all_disabled, newly_gone = self._follow(digits_of)
        gone = self._still_gone(newly_gone, trunks, around)
        gone_keys = {entry.key for entry in gone}
        hidden = {(entry.key, entry.channel) for entry in memory.hidden}
        shown = {(entry.key, entry.carrier_service) for entry in memory.disabled}

        def is_listed(entry: Consequence) -> bool:
            return entry.key in trunks or entry.key in missing

        def is_lost(entry: Lost) -> bool:
            return is_listed(entry) and not around.bound_elsewhere.get(entry.key, 0) & bits_of([entry.channel])

        def is_hidden(entry: Lost) -> bool:
            if (state := after.get(entry.key)) is None:
                return (entry.key, entry.channel) in hidden
            return not around.bindings_known or bool(state.left_out & bits_of([entry.channel]))

        def is_disabled(entry: Disabled) -> bool:
            is_bound = entry.key not in after or after[entry.key].bindings[_CALL].bound is not False
            return is_bound and (is_listed(entry) or entry.key in gone_keys)

        def is_dormant(entry: Disabled) -> bool:
            state, was_shown = after.get(entry.key), (entry.key, entry.carrier_service) in shown
            other_carries = state is not None and state.services[_OTHER_CARRIER[entry.carrier_service]].enabled is True
            return not (is_listed(entry) and (was_shown or other_carries))

        def kept(entries: Iterable[S], seconds: float, lasts: Callable[[S], bool]) -> Iterator[S]:
            for entry in entries:
                if self.now - entry.since < seconds and lasts(entry):
                    number = after[entry.key].number if entry.key in after else entry.number
                    # The clock may have been set back.
                    since = min(entry.since, self.now)
                    yield msgspec.structs.replace(entry, number=number, since=since)

        lost = [*kept(all_lost, remember_for.lost, is_lost)]
        disabled = [*kept(all_disabled, remember_for.lost, is_disabled)]
        return (
            Memory(
                lost=tuple(entry for entry in lost if not is_hidden(entry)),
                hidden=tuple(filter(is_hidden, lost)),
                gone=tuple(kept(gone, remember_for.gone, lambda entry: entry.key not in trunks)),
                disabled=tuple(entry for entry in disabled if not is_dormant(entry)),
                dormant=tuple(filter(is_dormant, disabled)),
                missing=missing,
                history=tuple(self._history),
            ),
            self._counts,
        )

    def _follow(
        self, digits_of: Callable[[State], str]
    ) -> tuple[Collection[Lost], Collection[Disabled], Sequence[Gone]]:
        """Return what is lost and disabled after the changes, and what has gone now."""
        memory, before = self._memory, self._before
        lost = {(entry.key, entry.channel): entry for entry in (*memory.lost, *memory.hidden)}
        disabled = {(entry.key, entry.carrier_service): entry for entry in (*memory.disabled, *memory.dormant)}
        had_lost = {key for key, _ in lost}
        gone: list[Gone] = []
        for change in self._consequential:
            key, channel, service = change.key, change.channel or "", change.carrier_service or ""
            about = self.now, change.uuid, change.number
            match change.change:
                case ChangeKind.LOST:
                    agent = before[key].bindings[CHANNELS.index(channel)]
                    lost[key, channel] = Lost(*about, channel, agent.agent_uuid, agent.agent_name)
                case ChangeKind.BOUND:
                    lost.pop((key, channel), None)
                case ChangeKind.SERVICE if change.after == "enabled":
                    disabled.pop((key, service), None)
                case ChangeKind.SERVICE if service in _OTHER_CARRIER and self._after[key].bindings[_CALL].bound is True:
                    disabled[key, service] = Disabled(*about, service)
                case ChangeKind.REMOVED if before[key].is_bound or key in had_lost:
                    gone.append(Gone(*about, _with_last_agents(before[key], lost), digits_of(before[key])))
        return lost.values(), disabled.values(), gone

    def _still_gone(self, newly_gone: Sequence[Gone], trunks: RowsByTrunk, around: Surroundings) -> list[Gone]:
        """Return the trunks, gone before or now, whose numbers nothing else answers."""
        numbers = {entry.digits for entry in (*self._memory.gone, *newly_gone)} - {""}
        rows = [row for group in trunks.values() for row in group if row.number in numbers] if numbers else []
        added = {change.key for change in self._consequential if change.change is ChangeKind.ADDED}
        bound = {row.number for row in rows if row.channels or not around.bindings_known}  # or may be
        back = {row.number for row in rows if row.channels or row.key in added}
        gone = [entry for entry in self._memory.gone if entry.digits not in back]
        return [*gone, *(entry for entry in newly_gone if entry.digits not in bound)]


def _with_last_agents(state: State, lost: Mapping[tuple[str, str], Lost]) -> State:
    losses = [lost.get((state.key, channel)) for channel in CHANNELS]
    call, sms, whatsapp = (
        msgspec.structs.replace(binding, agent_uuid=one.agent_uuid, agent_name=one.agent_name) if one else binding
        for binding, one in zip(state.bindings, losses, strict=True)
    )
    return msgspec.structs.replace(state, bindings=(call, sms, whatsapp))
