"""The families about a workspace's fleet: how trunks add up to each."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from exporter.metrics.family import Family
from exporter.metrics.trunk_families import UNKNOWN, Batch
from exporter.trunks.expectation import Expectation
from exporter.trunks.merging import HEALTHY_COMPLIANCE, HEALTHY_STATUS
from exporter.trunks.trunk import CHANNELS, SERVICES

MAX_VALUES = 32  # distinct values that an open label keeps; the rest is OTHER
OTHER = "other"

Tally = Mapping[str, int | float | Decimal]  # a value by the family's own label; by "" where it has none


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFamily(Family):
    """A family whose values are sums over a workspace's trunks.

    Attributes:
        tally: what a batch of trunks adds, by the value of the label beside ``workspace``.
        always: the label's values that exist at 0 without any trunk.
        open: whether values come from the API, so that those seen stay at 0, and MAX_VALUES bounds them.
    """

    tally: Callable[[Batch], Tally]
    always: Callable[[Expectation], Sequence[str]]
    open: bool = False


def _statuses(batch: Batch) -> Tally:
    return Counter(trunk.status or UNKNOWN for trunk in batch.trunks)


def _compliance_statuses(batch: Batch) -> Tally:
    return Counter(trunk.compliance_status or UNKNOWN for trunk in batch.trunks)


def _without_binding(batch: Batch) -> Tally:
    return {"": sum(trunk.bound_nowhere for trunk in batch.trunks)}


def _bound_channels(batch: Batch) -> Tally:
    return Counter(
        channel
        for trunk in batch.trunks
        for channel, binding in zip(CHANNELS, trunk.bindings, strict=True)
        if binding.bound is True
    )


def _expected_channels(batch: Batch) -> Tally:
    return Counter(channel for expected in batch.expected for channel in expected)


def _unbound_channels(batch: Batch) -> Tally:
    return Counter(
        channel
        for trunk, expected in zip(batch.trunks, batch.expected, strict=True)
        for channel in expected
        if trunk.bound_on(channel) is False
    )


def _channel_limits(batch: Batch) -> Tally:
    limits = dict.fromkeys(SERVICES, Decimal(0))
    for trunk in batch.trunks:
        for name, service in zip(SERVICES, trunk.services, strict=True):
            if service.enabled and service.channel_limit is not None:
                limits[name] += _exact(service.channel_limit)
    return limits


def _monthly_fees(batch: Batch) -> Tally:
    fees: dict[str, Decimal] = {}
    for trunk in batch.trunks:
        if trunk.monthly_fee is not None:
            currency = trunk.currency or UNKNOWN
            fees[currency] = fees.get(currency, Decimal(0)) + _exact(trunk.monthly_fee)
    return fees


@lru_cache(maxsize=4096)
def _exact(amount: float) -> Decimal:
    """Return an amount as it was written, so that cents add up to what a person gets by hand."""
    return Decimal(repr(amount))


WORKSPACE_FAMILIES = (
    WorkspaceFamily(
        name="mihu_trunks",
        help="Trunks in the workspace by status.",
        labels=("workspace", "status"),
        tally=_statuses,
        always=lambda _: (HEALTHY_STATUS,),
        open=True,
    ),
    WorkspaceFamily(
        name="mihu_trunks_by_compliance",
        help="Trunks in the workspace by compliance status.",
        labels=("workspace", "status"),
        tally=_compliance_statuses,
        always=lambda _: (HEALTHY_COMPLIANCE,),
        open=True,
    ),
    WorkspaceFamily(
        name="mihu_trunks_without_binding",
        help="Trunks that are bound on no channel at all.",
        labels=("workspace",),
        tally=_without_binding,
        always=lambda _: ("",),
    ),
    WorkspaceFamily(
        name="mihu_bound_channels",
        help="Trunks that are bound on the channel.",
        labels=("workspace", "channel"),
        tally=_bound_channels,
        always=lambda _: CHANNELS,
    ),
    WorkspaceFamily(
        name="mihu_expected_channels",
        help="Trunks on which the channel is expected to be bound.",
        labels=("workspace", "channel"),
        tally=_expected_channels,
        always=lambda expectation: expectation.channels,
    ),
    WorkspaceFamily(
        name="mihu_unbound_channels",
        help="Trunks on which the channel is expected and not bound: calls or messages are lost.",
        labels=("workspace", "channel"),
        tally=_unbound_channels,
        always=lambda expectation: expectation.channels,
    ),
    WorkspaceFamily(
        name="mihu_channel_limits",
        help="Sum of the channel limits of the trunks on which the service is enabled.",
        labels=("workspace", "service"),
        tally=_channel_limits,
        always=lambda _: SERVICES,
    ),
    WorkspaceFamily(
        name="mihu_monthly_fees",
        help="Sum of the list-price monthly fees by currency, not the amount charged.",
        labels=("workspace", "currency"),
        tally=_monthly_fees,
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
