"""Finds what changed from one poll to the next."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from exporter.trunks.state import ChannelState, State
from exporter.trunks.trunk import CHANNELS, SERVICES


class Kind(StrEnum):
    """The kinds of changes; the values of the label ``change``."""

    ADDED = "added"
    REMOVED = "removed"
    LOST = "lost"
    BOUND = "bound"
    AGENT = "agent"
    STATUS = "status"
    COMPLIANCE = "compliance"
    SERVICE = "service"
    LIMIT = "limit"
    FEE = "fee"


Value = str | float | None


class Change(msgspec.Struct, frozen=True, gc=False):
    """Something that changed about a trunk.

    Attributes:
        time: when it was first seen, in Unix time.
        uuid: of the trunk; number: as the configuration lets it be seen.
        channel: the one that it is about; carrier_service: the one that it is about; None where it is about neither.
        before: what was there; after: what is there now; None where there was or is nothing.
    """

    time: float
    change: Kind
    uuid: str
    number: str
    channel: str | None = None
    carrier_service: str | None = None
    before: Value = None
    after: Value = None

    @property
    def key(self) -> str:
        """Which trunk it is about, as a row's key has it."""
        return self.uuid or self.number


def compare(before: Mapping[str, State], after: Mapping[str, State], *, now: float) -> list[Change]:
    """Return what changed, given the states of trunks by key; ``now`` is Unix time.

    What was never known has not changed.
    """
    changes = [
        _change(Kind.REMOVED, state, now, before=state.status or None)
        for key, state in before.items()
        if key not in after
    ]
    for key, state in after.items():
        if (known := before.get(key)) is None:
            changes.append(_change(Kind.ADDED, state, now, after=state.status or None))
        elif known != state:
            changes.extend(_differences(known, state, now))
    return changes


def _differences(before: State, after: State, now: float) -> Iterator[Change]:
    for channel, old, new in zip(CHANNELS, before.channels, after.channels, strict=True):
        yield from _of_channel(after, channel, old, new, now)
    if _differ(before.status or None, after.status or None):
        yield _change(Kind.STATUS, after, now, before=before.status, after=after.status)
    if _differ(before.compliance_status or None, after.compliance_status or None):
        yield _change(Kind.COMPLIANCE, after, now, before=before.compliance_status, after=after.compliance_status)
    for service, was, is_ in zip(SERVICES, before.services, after.services, strict=True):
        if _differ(was.enabled, is_.enabled):
            words = ("enabled", "disabled") if was.enabled else ("disabled", "enabled")
            yield _change(Kind.SERVICE, after, now, service=service, before=words[0], after=words[1])
        if _differ(was.channel_limit, is_.channel_limit):
            yield _change(Kind.LIMIT, after, now, service=service, before=was.channel_limit, after=is_.channel_limit)
    if _differ(before.monthly_fee, after.monthly_fee) or (
        before.monthly_fee is not None and _differ(before.currency or None, after.currency or None)
    ):
        yield _change(Kind.FEE, after, now, before=_fee(before), after=_fee(after))


def _of_channel(after: State, channel: str, old: ChannelState, new: ChannelState, now: float) -> Iterator[Change]:
    if old.bound is None or new.bound is None:
        return
    if old.bound and not new.bound:
        yield _change(Kind.LOST, after, now, channel=channel, before=old.agent)
    elif new.bound and not old.bound:
        yield _change(Kind.BOUND, after, now, channel=channel, after=new.agent)
    elif new.bound and _is_another_agent(old, new):
        yield _change(Kind.AGENT, after, now, channel=channel, before=old.agent, after=new.agent)


def _is_another_agent(old: ChannelState, new: ChannelState) -> bool:
    """Tell agents apart by their uuid; one that was given another name is the same."""
    return _differ(old.agent_uuid or None, new.agent_uuid or None) or (
        not (old.agent_uuid and new.agent_uuid) and _differ(old.agent_name or None, new.agent_name or None)
    )


def _differ(was: Value, is_: Value) -> bool:
    """Tell whether two values differ; None, which was never known, differs from nothing."""
    return was is not None and is_ is not None and was != is_


def _fee(state: State) -> str | None:
    """Return a fee with its currency, None where it is not known."""
    return None if state.monthly_fee is None else f"{state.monthly_fee:.15g} {state.currency}".rstrip()


def _change(  # noqa: PLR0913 - one for each attribute of a change
    kind: Kind,
    state: State,
    now: float,
    *,
    channel: str | None = None,
    service: str | None = None,
    before: Value = None,
    after: Value = None,
) -> Change:
    return Change(
        time=now,
        change=kind,
        uuid=state.uuid,
        number=state.number,
        channel=channel,
        carrier_service=service,
        before=before,
        after=after,
    )
