"""The families about the memory: since when channels are lost, trunks gone, services disabled."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporter.metrics.family import Family
from exporter.metrics.trunk_families import IDENTITY
from exporter.trunks.memory import Memory, Since
from exporter.trunks.trunk import CHANNELS


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFamily(Family):
    """A family whose values are the times of ``entries``, and its own labels their attributes."""

    entries: Callable[[Memory], Sequence[Since]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTotal(Family):
    """A family of counts by the value of its own label, by "" where it has none."""

    count: Callable[[Memory], Mapping[str, int]]


MEMORY_TOTALS = (
    MemoryTotal(
        name="mihu_channels_lost",
        help="Channels that were bound and are not, while nothing else answers the number on them.",
        labels=("workspace", "channel"),
        count=lambda memory: dict.fromkeys(CHANNELS, 0) | Counter(lost.channel for lost in memory.lost),
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
        entries=lambda memory: memory.lost,
    ),
    MemoryFamily(
        name="mihu_trunk_gone_timestamp_seconds",
        help="When it was first seen that the trunk, which was bound, left the list.",
        labels=IDENTITY,
        entries=lambda memory: memory.gone,
    ),
    MemoryFamily(
        name="mihu_trunk_service_disabled_timestamp_seconds",
        help="When it was first seen that the service, which carries a bound channel and was enabled, is not.",
        labels=(*IDENTITY, "carrier_service"),
        entries=lambda memory: memory.disabled,
    ),
)
