"""The exporter's own metrics: its build, its configuration, its process."""

import os
import platform

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector

from exporter import __version__
from exporter.config.settings import ValidatedConfig
from exporter.metrics.family import Family, Registry, sample_lines
from exporter.metrics.text import Format
from exporter.trunks.trunk import safe

# The name, the help and the labels of each.
_DECLARED: tuple[tuple[str, ...], ...] = (
    ("mihu_exporter_build_info", "The version that runs.", "version", "revision", "pythonversion"),
    (
        "mihu_exporter_config_last_reload_successful",
        "Whether the last attempt to load the configuration succeeded.",
    ),
    (
        "mihu_exporter_config_last_reload_success_timestamp_seconds",
        "When the configuration was last loaded, in Unix time.",
    ),
    (
        "mihu_exporter_config_hash",
        "A number that changes with the configuration's files; equal for replicas configured alike.",
    ),
    ("mihu_exporter_shard_ordinal", "Which of the shards this one is, from 0."),
    ("mihu_exporter_shards", "How many shards the workspaces are split over."),
    ("mihu_exporter_shard_info", "The shard as a label, for joining.", "shard"),
)
_STORAGE_HEALTHY = Family(
    "mihu_exporter_storage_healthy",
    "Whether what is remembered can be written, and could be read since the start or the last reload.",
)
EXPORTER_FAMILIES = (*(Family(name, help_, tuple(labels)) for name, help_, *labels in _DECLARED), _STORAGE_HEALTHY)


class ExporterMetrics(Registry):
    """``mihu_exporter_*``, and prometheus_client's ``process_*`` and ``python_*``."""

    def __init__(self) -> None:
        super().__init__(family for family in EXPORTER_FAMILIES if family is not _STORAGE_HEALTHY)
        revision = safe(os.environ.get("MIHU_REVISION", "unknown"))
        self.metric("mihu_exporter_build_info", __version__, revision, platform.python_version()).set(1)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def storage_health(self, healthy: float) -> None:
        """Set whether the storage could be read and written; the family exists once this was called."""
        if _STORAGE_HEALTHY.name not in self.metrics:
            self.add(_STORAGE_HEALTHY)
        self.metric(_STORAGE_HEALTHY.name).set(healthy)

    def reload_failed(self) -> None:
        self.metric("mihu_exporter_config_last_reload_successful").set(0)

    def loaded(self, config: ValidatedConfig, *, now: float) -> None:
        """Set what depends on the configuration; ``now`` is Unix time."""
        self.metric("mihu_exporter_config_last_reload_successful").set(1)
        self.metric("mihu_exporter_config_last_reload_success_timestamp_seconds").set(now)
        self.metric("mihu_exporter_config_hash").set(config.hash)
        self.metric("mihu_exporter_shard_ordinal").set(config.shard.ordinal)
        self.metric("mihu_exporter_shards").set(config.shard.total)
        self.metric("mihu_exporter_shard_info", str(config.shard.ordinal)).set(1)

    def text(self, format_: Format) -> str:
        parts: list[str] = []
        for metric in self.registry.collect():
            suffix = "_total" if metric.type == "counter" else ""
            parts.append(format_.header(metric.name + suffix, metric.documentation, metric.type))
            parts.extend(sample_lines(metric))
        return "".join(parts)
