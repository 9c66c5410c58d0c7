"""The families about the memory: since when channels are lost, trunks gone, services disabled."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from exporter.metrics.family import Family
from exporter.metrics.trunk_families import IDENTITY
from exporter.trunks.memory import Memory, Since
from exporter.trunks.trunk import CHANNELS

Entries = Iterator[tuple[Since, tuple[str, ...]]]  # with the values of the family's own labels


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFamily(Family):
    """A family whose values are the times of ``entries``."""

    entries: Callable[[Memory], Entries]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTotal(Family):
    """A family of counts by the value of its own label, by "" where it has none."""

    count: Callable[[Memory], Mapping[str, int]]


def _lost(memory: Memory) -> Entries:
    return ((lost, (lost.channel, lost.agent_uuid, lost.agent_name)) for lost in memory.lost)


def _channels_lost(memory: Memory) -> Mapping[str, int]:
    counts = Counter(lost.channel for lost in memory.lost)
    return {channel: counts[channel] for channel in CHANNELS}


MEMORY_TOTALS = (
    MemoryTotal(
        name="mihu_channels_lost",
        help="Channels that were bound and are not, while nothing else answers the number on them.",
        labels=("workspace", "channel"),
        count=_channels_lost,
    ),
    MemoryTotal(
        name="mihu_trunks_gone",
        help="Trunks that were bound and left the list, while nothing else answers the number.",
        labels=("workspace",),
        count=lambda memory: {"": len(memory.gone)},
    ),
)

MEMORY_FAMILIES = (
    MemoryFamily(
        name="mihu_trunk_channel_lost_timestamp_seconds",
        help="When it was first seen that the channel, which was bound, is not; the labels are the last agent's.",
        labels=(*IDENTITY, "channel", "agent_uuid", "agent_name"),
        entries=_lost,
    ),
    MemoryFamily(
        name="mihu_trunk_gone_timestamp_seconds",
        help="When it was first seen that the trunk, which was bound, left the list.",
        labels=IDENTITY,
        entries=lambda memory: ((gone, ()) for gone in memory.gone),
    ),
    MemoryFamily(
        name="mihu_trunk_service_disabled_timestamp_seconds",
        help="When it was first seen that the service, which carries a bound channel and was enabled, is not.",
        labels=(*IDENTITY, "carrier_service"),
        entries=lambda memory: ((disabled, (disabled.carrier_service,)) for disabled in memory.disabled),
    ),
    MemoryFamily(
        name="mihu_trunk_out_of_service_timestamp_seconds",
        help="Since when the trunk is out of service, as far as is remembered.",
        labels=IDENTITY,
        entries=lambda memory: ((since, ()) for since in memory.out_of_service.values()),
    ),
)
