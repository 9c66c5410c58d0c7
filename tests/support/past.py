"""What is remembered of a fleet from poll to poll, by the pure functions alone."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from exporter.config.settings import Remember
from exporter.trunks.changes import Change, State, States, since_of, state_of
from exporter.trunks.memory import Memory, Present, remember
from exporter.trunks.out_of_service import Judge
from exporter.trunks.rows import Group, by_trunk, digits, rows_of
from exporter.trunks.trunk import UNREADABLE, Binding, merge
from support.exposed import workspace
from support.trunks import Row, trunk

START = 1_700_000_000.0
DAY = 86_400.0
HOUR = 3_600.0

WORKSPACE = workspace()


class Past:
    """Takes the memory from poll to poll, each of which finds rows."""

    def __init__(self, *, agent_names: bool = True, **settings: Any) -> None:  # noqa: ANN401 - any of a workspace
        self.memory = Memory()
        self.changes: Sequence[Change] = ()
        self.now = START
        self._workspace = replace(WORKSPACE, **settings)
        self._judge = Judge(self._workspace)
        self._agent_names = agent_names
        self._states: Mapping[str, State] | None = None
        self.listed: Sequence[Row] = ()

    def poll(self, *rows: Row, after: float = HOUR, unconfirmed: Iterable[Row] = ()) -> Sequence[Change]:
        """Find these rows some seconds after the last poll, and return the changes."""
        self.now += after
        trunks = by_trunk(rows_of([json.dumps(row).encode() for row in rows], {}))
        known = any(row.states_bindings for group in trunks.values() for row in group)
        elsewhere = _bound_elsewhere(trunks)
        states: dict[str, State] = {}
        for key in trunks:
            found = [(trunk(**row), b"") for row in rows if key_of(row) == key]
            if not known:
                found = [
                    (msgspec.structs.replace(one, bindings=(Binding(UNREADABLE),) * 3), json_) for one, json_ in found
                ]
            before = {**self.memory.absent, **(self._states or {})}.get(key)
            judged = self._judge.judge(merge(found), elsewhere.get(key, 0), since_of(before, self.now))
            states[key] = state_of(judged, before, number=judged.trunk.number, agent_names=self._agent_names)
        was = states if self._states is None else self._states
        self.memory, self.changes = remember(
            self.memory,
            self.parts(was, states),
            Present(
                trunks=trunks,
                unconfirmed=frozenset(map(key_of, unconfirmed)),
                bindings_known=known,
                bound_elsewhere=elsewhere,
            ),
            digits_of=lambda state: digits(state.number),
            remember_for=self._workspace.remember,
            now=self.now,
        )
        self._states, self.listed = states, rows
        return self.changes

    def parts(self, was: States, states: States) -> Iterable[tuple[States, States]]:
        """Return the states of trunks as they were and as they are, in one part or several."""
        return [(was, states)]

    def lost(self) -> list[tuple[str, str, str, float]]:
        """Return the number, the channel and the agent's name of each channel that is lost, and since when."""
        return [(lost.number, lost.channel, lost.agent_name, lost.since - START) for lost in self.memory.lost]

    def gone(self) -> list[tuple[str, float]]:
        """Return the number of each trunk that is gone, and since when."""
        return [(gone.number, gone.since - START) for gone in self.memory.gone]

    def disabled(self) -> list[tuple[str, str, float]]:
        """Return the number and the service of each that is disabled, and since when."""
        return [(entry.number, entry.carrier_service, entry.since - START) for entry in self.memory.disabled]

    def out_of_service(self) -> list[tuple[str, float]]:
        """Return the number of each trunk that is out of service, and since when."""
        return [
            (state.number, state.out_of_service_since - START)
            for state in (self._states or {}).values()
            if state.out_of_service_since is not None
        ]


class PastInParts(Past):
    """Is given each trunk by itself, those that have not changed not at all."""

    def parts(self, was: States, states: States) -> Iterable[tuple[States, States]]:
        for key in sorted(was.keys() | states.keys()):
            if was.get(key) != states.get(key):
                yield (
                    {key: was[key]} if key in was else {},
                    {key: states[key]} if key in states else {},
                )


def key_of(row: Row) -> str:
    """Return what tells the trunk of a row from others."""
    key: str = row["phone_number_uuid"] or row["number"]
    return key


def days(*, lost: float = 7, gone: float = 1) -> Remember:
    return Remember(lost=lost * DAY, gone=gone * DAY)


def _bound_elsewhere(trunks: Mapping[str, Group]) -> dict[str, int]:
    found = {}
    for key, group in trunks.items():
        bits = 0
        for other, rows in trunks.items():
            if other != key and rows[0].number == group[0].number:
                for row in rows:
                    bits |= row.channels
        if bits:
            found[key] = bits
    return found
