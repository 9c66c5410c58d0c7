"""The exporter's own metrics: its build, its configuration, its process."""

import os
import platform
from collections.abc import Iterable

from prometheus_client import Gauge, GCCollector, PlatformCollector, ProcessCollector

from exporter import __version__
from exporter.config.settings import ValidatedConfig
from exporter.metrics.family import Counted, Family, sample_lines
from exporter.metrics.text import Format


class ExporterMetrics:
    """``mihu_exporter_*``, and prometheus_client's ``process_*`` and ``python_*``."""

    def __init__(self) -> None:
        counted = self._counted = Counted()
        self._build_info = counted.gauge(
            "mihu_exporter_build_info", "The version that runs.", "version", "revision", "pythonversion"
        )
        self._reload_successful = counted.gauge(
            "mihu_exporter_config_last_reload_successful",
            "Whether the last attempt to load the configuration succeeded.",
        )
        self._reload_timestamp = counted.gauge(
            "mihu_exporter_config_last_reload_success_timestamp_seconds",
            "When the configuration was last loaded, in Unix time.",
        )
        self._config_hash = counted.gauge(
            "mihu_exporter_config_hash",
            "A number that changes with the configuration's files; equal for replicas configured alike.",
        )
        self._shard_ordinal = counted.gauge("mihu_exporter_shard_ordinal", "Which of the shards this one is, from 0.")
        self._shards = counted.gauge("mihu_exporter_shards", "How many shards the workspaces are split over.")
        self._shard_info = counted.gauge("mihu_exporter_shard_info", "The shard as a label, for joining.", "shard")
        self._storage_healthy: Gauge | None = None
        revision = os.environ.get("MIHU_REVISION", "unknown")
        self._build_info.labels(__version__, revision, platform.python_version()).set(1)
        ProcessCollector(registry=counted.registry)
        PlatformCollector(registry=counted.registry)
        GCCollector(registry=counted.registry)

    @property
    def families(self) -> Iterable[Family]:
        """Those of ``mihu_exporter_*``."""
        return self._counted.families

    def storage_health(self, healthy: float) -> None:
        """Set whether the storage could be read and written; the family exists once this was called."""
        if self._storage_healthy is None:
            self._storage_healthy = self._counted.gauge(
                "mihu_exporter_storage_healthy", "Whether what is remembered could last be read and written."
            )
        self._storage_healthy.set(healthy)

    def reload_failed(self) -> None:
        self._reload_successful.set(0)

    def loaded(self, config: ValidatedConfig, *, now: float) -> None:
        """Set what depends on the configuration; ``now`` is Unix time."""
        self._shard_ordinal.set(config.shard.ordinal)
        self._shards.set(config.shard.total)
        self._shard_info.labels(str(config.shard.ordinal)).set(1)
        self._reload_successful.set(1)
        self._reload_timestamp.set(now)
        self._config_hash.set(config.hash)

    def text(self, format_: Format) -> str:
        parts: list[str] = []
        for metric in self._counted.registry.collect():
            suffix = "_total" if metric.type == "counter" else ""
            parts.append(format_.header(metric.name + suffix, metric.documentation, metric.type))
            parts.extend(sample_lines([metric]))
        return "".join(parts)
