"""The families about a workspace's fleet: how trunks add up to each."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from exporter.metrics.family import Family
from exporter.metrics.trunk_families import UNKNOWN
from exporter.trunks.attention import unbound_channels
from exporter.trunks.expectation import Expectation, Judged
from exporter.trunks.merging import HEALTHY_COMPLIANCE, HEALTHY_STATUS
from exporter.trunks.trunk import CHANNELS, SERVICES, Bounds, Services

MAX_VALUES = 32  # distinct values that an open label keeps; the rest is OTHER
OTHER = "other"

Tally = Mapping[str, int | Decimal]  # a value by the family's own label; by "" where it has none


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFamily(Family):
    """A family whose values are sums over a workspace's trunks.

    Attributes:
        of: what a trunk adds depends on.
        adds: what it adds, by the value of the label beside ``workspace``.
        always: the label's values that exist at 0 without any trunk.
        open: whether values come from the API, so that those seen stay at 0, and MAX_VALUES bounds them.
    """

    of: Callable[[Judged], Any]
    adds: Callable[[Any], Tally]
    always: Callable[[Expectation], Sequence[str]]
    open: bool = False

    def tally(self, trunks: Sequence[Judged]) -> Tally:
        """Return what trunks add together; those that add the same are looked at once."""
        together: dict[str, int | Decimal] = {}
        for part, count in Counter(map(self.of, trunks)).items():
            for value, amount in self.adds(part).items():
                together[value] = together.get(value, 0) + amount * count
        return together


def _one(value: str) -> Tally:
    return {value or UNKNOWN: 1}


def _without_binding(bound: Bounds) -> Tally:
    """Count a trunk that is bound nowhere, unless a channel could not be read."""
    return {"": int(not any(state is True or state is UNSET for state in bound))}


def _bound_channels(bound: Bounds) -> Tally:
    return {channel: 1 for channel, state in zip(CHANNELS, bound, strict=True) if state is True}


def _expected_channels(expected: tuple[str, ...]) -> Tally:
    return dict.fromkeys(expected, 1)


def _unbound_channels(judged: tuple[Bounds, tuple[str, ...]]) -> Tally:
    return dict.fromkeys(unbound_channels(*judged), 1)


def _channel_limits(services: Services) -> Tally:
    return {
        name: _exact(service.channel_limit)
        for name, service in zip(SERVICES, services, strict=True)
        if service.enabled and service.channel_limit is not None
    }


def _monthly_fees(billing: tuple[float | None, str]) -> Tally:
    fee, currency = billing
    return {} if fee is None else {currency or UNKNOWN: _exact(fee)}


@lru_cache(maxsize=256)
def _exact(amount: float) -> Decimal:
    """Return an amount as it was written, so that cents add up to what a person gets by hand."""
    return Decimal(repr(amount))


WORKSPACE_FAMILIES = (
    WorkspaceFamily(
        name="mihu_trunks",
        help="Trunks in the workspace by status.",
        labels=("workspace", "status"),
        of=attrgetter("trunk.status"),
        adds=_one,
        always=lambda _: (HEALTHY_STATUS,),
        open=True,
    ),
    WorkspaceFamily(
        name="mihu_trunks_by_compliance",
        help="Trunks in the workspace by compliance status.",
        labels=("workspace", "status"),
        of=attrgetter("trunk.compliance_status"),
        adds=_one,
        always=lambda _: (HEALTHY_COMPLIANCE,),
        open=True,
    ),
    WorkspaceFamily(
        name="mihu_trunks_without_binding",
        help="Trunks that are bound on no channel at all.",
        labels=("workspace",),
        of=attrgetter("trunk.bound"),
        adds=_without_binding,
        always=lambda _: ("",),
    ),
    WorkspaceFamily(
        name="mihu_bound_channels",
        help="Trunks that are bound on the channel.",
        labels=("workspace", "channel"),
        of=attrgetter("trunk.bound"),
        adds=_bound_channels,
        always=lambda _: CHANNELS,
    ),
    WorkspaceFamily(
        name="mihu_expected_channels",
        help="Trunks on which the channel is expected to be bound.",
        labels=("workspace", "channel"),
        of=attrgetter("expected"),
        adds=_expected_channels,
        always=lambda expectation: expectation.channels,
    ),
    WorkspaceFamily(
        name="mihu_unbound_channels",
        help="Trunks on which the channel is expected and not bound: calls or messages are lost.",
        labels=("workspace", "channel"),
        of=attrgetter("trunk.bound", "expected"),
        adds=_unbound_channels,
        always=lambda expectation: expectation.channels,
    ),
    WorkspaceFamily(
        name="mihu_channel_limits",
        help="Sum of the channel limits of the trunks on which the service is enabled.",
        labels=("workspace", "carrier_service"),
        of=attrgetter("trunk.services"),
        adds=_channel_limits,
        always=lambda _: SERVICES,
    ),
    WorkspaceFamily(
        name="mihu_monthly_fees",
        help="Sum of the list-price monthly fees by currency, not the amount charged.",
        labels=("workspace", "currency"),
        of=attrgetter("trunk.monthly_fee", "trunk.currency"),
        adds=_monthly_fees,
        always=lambda _: (),
        open=True,
    ),
)


def add_up(family: WorkspaceFamily, tallies: Sequence[Tally], previous: Tally, expectation: Expectation) -> Tally:
    """Add up a fleet's tallies.

    An open label has room for MAX_VALUES: first for values that the previous sum had too, then for new ones, the most
    frequent first; the rest is counted as OTHER. What room is left goes to values that no trunk has any more. They
    stay, at 0, so that alerts on them can resolve.
    """
    total: dict[str, Decimal] = {}
    for tally in tallies:
        for value, amount in tally.items():
            total[value] = total.get(value, Decimal(0)) + Decimal(amount)
    always = family.always(expectation)
    if not family.open:
        return {value: total.get(value, Decimal(0)) for value in always}
    has, had = total.keys() - {OTHER}, previous.keys() - {OTHER}
    by_size = sorted(has, key=lambda value: (-total[value], value))
    ranked = (*always, *sorted(has & had), *by_size, *sorted(had - has))
    kept = list(dict.fromkeys(ranked))[:MAX_VALUES]
    sums = {value: total.pop(value, Decimal(0)) for value in kept}
    if total or OTHER in previous:
        sums[OTHER] = sum(total.values(), Decimal(0))
    return dict(sorted(sums.items()))
