"""The families about a workspace's trunks: each a function that yields what one trunk adds to them.

To add one, write a function decorated with ``@workspace_family`` and the label of its own, if any. Its name is the
metric's, its docstring the help, its parameters are attributes of Judged or Trunk. It yields the amounts that a trunk
adds, by the value of the family's own label.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache

from exporter.metrics.family import Family, JudgedFamily
from exporter.trunks.memory import Memory
from exporter.trunks.out_of_service import REASONS, Expectation, Judged, Reasons, unbound_channels
from exporter.trunks.trunk import (
    CHANNELS,
    HEALTHY_COMPLIANCE,
    HEALTHY_STATUS,
    SERVICES,
    UNKNOWN,
    UNREADABLE,
    Bounds,
    Services,
)

MAX_VALUES = 32  # distinct values that an open label keeps; the rest is OTHER
OTHER = "other"
_ANY_FLOATS = 700  # digits of the sum of any floats

Tally = Mapping[str, int | Decimal]  # a value by the family's own label; by "" where it has none
Amounts = Iterator[tuple[str, int | Decimal]]
Generate = Callable[..., Amounts]

WORKSPACE_FAMILIES: list["WorkspaceFamily"] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFamily(JudgedFamily):
    """A family whose values are sums over a workspace's trunks."""

    always: Sequence[str] | None  # the label's values that exist without any trunk; None for the expected channels
    open: bool  # whether values come from the API, so that those seen stay at 0, and MAX_VALUES bounds them

    def tally(self, trunks: Iterable[Judged]) -> Tally:
        # Trunks that add the same are looked at once.
        tally: dict[str, int | Decimal] = {}
        for part, count in Counter(self.parts(trunks)).items():
            for value, amount in self.samples(part):
                tally[value] = tally.get(value, 0) + amount * count
        return tally


def workspace_family(
    *own_label: str, always: Sequence[str] | None = ("",), open_: bool = False
) -> Callable[[Generate], Generate]:
    def declare(generate: Generate) -> Generate:
        labels = ("workspace", *own_label)
        WORKSPACE_FAMILIES.append(WorkspaceFamily.from_function(generate, labels, always=always, open=open_))
        return generate

    return declare


@workspace_family("status", always=(HEALTHY_STATUS,), open_=True)
def mihu_trunks(status: str) -> Amounts:
    """Trunks in the workspace by status."""
    yield status or UNKNOWN, 1


@workspace_family("status", always=(HEALTHY_COMPLIANCE,), open_=True)
def mihu_trunks_by_compliance(compliance_status: str) -> Amounts:
    """Trunks in the workspace by compliance status."""
    yield compliance_status or UNKNOWN, 1


@workspace_family()
def mihu_trunks_without_binding(bound: Bounds) -> Amounts:
    """Trunks that are bound on no channel at all."""
    if True not in bound and UNREADABLE not in bound:  # a channel that could not be read may be bound
        yield "", 1


@workspace_family("channel", always=CHANNELS)
def mihu_bound_channels(bound: Bounds) -> Amounts:
    """Trunks that are bound on the channel."""
    for channel, state in zip(CHANNELS, bound, strict=True):
        if state is True:
            yield channel, 1


@workspace_family("channel", always=None)
def mihu_expected_channels(expected: tuple[str, ...]) -> Amounts:
    """Trunks on which the channel is expected to be bound."""
    for channel in expected:
        yield channel, 1


@workspace_family("channel", always=None)
def mihu_unbound_channels(bound: Bounds, expected: tuple[str, ...]) -> Amounts:
    """Trunks on which the channel is expected and not bound: calls or messages are lost."""
    for channel in unbound_channels(bound, expected):
        yield channel, 1


@workspace_family("carrier_service", always=SERVICES)
def mihu_channel_limits(services: Services) -> Amounts:
    """Sum of the channel limits of the trunks on which the service is enabled."""
    for name, service in zip(SERVICES, services, strict=True):
        if service.enabled and service.channel_limit is not None:
            yield name, _exact(service.channel_limit)


@workspace_family()
def mihu_trunks_out_of_service(reasons: Reasons) -> Amounts:
    """Trunks that are in use and out of service for at least one reason."""
    yield "", int(any(applies for _, applies in reasons))


@workspace_family("reason", always=REASONS)
def mihu_trunks_out_of_service_by_reason(reasons: Reasons) -> Amounts:
    """Trunks that are in use and out of service for the reason; a trunk may have several."""
    for reason, applies in reasons:
        yield reason, int(applies)


@workspace_family("reason", always=("pending", "incomplete", "rejected"))
def mihu_trunks_waiting(waiting: tuple[tuple[str, str], ...]) -> Amounts:
    """Trunks in use whose status is pending, or whose compliance is incomplete or rejected."""
    for reason, _ in waiting:
        yield reason, 1


@workspace_family("currency", always=(), open_=True)
def mihu_monthly_fees(monthly_fee: float | None, currency: str) -> Amounts:
    """Sum of the list-price monthly fees by currency, not the amount charged."""
    if monthly_fee is not None:
        yield currency or UNKNOWN, _exact(monthly_fee)


@lru_cache(maxsize=256)
def _exact(amount: float) -> Decimal:
    # As the amount was written, so that cents add up.
    return Decimal(repr(amount))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTotal(Family):
    """A family of counts by the value of its own label, by "" where it has none."""

    count: Callable[[Memory], Mapping[str, int]]


MEMORY_TOTALS = (
    MemoryTotal(
        "mihu_channels_lost",
        "Channels that were bound and are not, while nothing else answers the number on them.",
        ("workspace", "channel"),
        count=lambda memory: dict.fromkeys(CHANNELS, 0) | Counter(lost.channel for lost in memory.lost),
    ),
    MemoryTotal(
        "mihu_trunks_gone",
        "Trunks that were bound and left the list, while nothing else answers the number.",
        ("workspace",),
        count=lambda memory: {"": len(memory.gone)},
    ),
)


def sums(parts: Iterable[Sequence[Tally]]) -> list[Tally]:
    """Add up the tallies of each part with those of the others, exactly."""
    totals: list[dict[str, int | Decimal]] = []
    with localcontext(prec=_ANY_FLOATS):
        for tallies in parts:
            totals = totals or [{} for _ in tallies]
            for total, tally in zip(totals, tallies, strict=True):
                for value, amount in tally.items():
                    total[value] = total.get(value, 0) + amount
    return [*totals]


def bounded(family: WorkspaceFamily, tally: Tally, previous: Tally, expectation: Expectation) -> Tally:
    """Return what a fleet exposes of a tally, given what it exposed before.

    An open label has room for MAX_VALUES: first for values that were exposed before, then for new ones, the most
    frequent first; the rest is counted as OTHER. What room is left goes to values that no trunk has any more. They
    stay, at 0, so that alerts on them can resolve.
    """
    total = dict(tally)
    always = expectation.channels if family.always is None else family.always
    if not family.open:
        return {value: total.get(value, 0) for value in always}
    has, had = total.keys() - {OTHER}, previous.keys() - {OTHER}
    by_size = sorted(has, key=lambda value: (-total[value], value))
    ranked = (*always, *sorted(has & had), *by_size, *sorted(had - has))
    kept = list(dict.fromkeys(ranked))[:MAX_VALUES]
    sums = {value: total.pop(value, 0) for value in kept}
    if total or OTHER in previous:
        sums[OTHER] = sum(total.values())
    return dict(sorted(sums.items()))
