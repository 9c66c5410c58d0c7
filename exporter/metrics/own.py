"""The exporter's own metrics: its build, its configuration, its process."""

import os
import platform

from prometheus_client import CollectorRegistry, Gauge, GCCollector, PlatformCollector, ProcessCollector

from exporter import __version__
from exporter.config.settings import ValidatedConfig
from exporter.metrics import exporter_families as families
from exporter.metrics.family import Family
from exporter.metrics.formats import Format
from exporter.metrics.library import sample_lines

_COUNTER_SUFFIX = "_total"


class OwnMetrics:
    """Holds the families of exporter_families, with prometheus_client's ``process_*`` and ``python_*``."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._reload_successful = self._gauge(families.CONFIG_RELOAD_SUCCESSFUL)
        self._reload_timestamp = self._gauge(families.CONFIG_RELOAD_TIMESTAMP)
        self._config_hash = self._gauge(families.CONFIG_HASH)
        self._gauge(families.BUILD_INFO).labels(
            __version__, os.environ.get("MIHU_REVISION", "unknown"), platform.python_version()
        ).set(1)
        self._shard_ordinal = self._gauge(families.SHARD_ORDINAL)
        self._shards = self._gauge(families.SHARDS)
        self._shard_info = self._gauge(families.SHARD_INFO)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def reload_failed(self) -> None:
        """Note that a configuration could not be loaded, and the one before is still in force."""
        self._reload_successful.set(0)

    def loaded(self, config: ValidatedConfig, *, now: float) -> None:
        """Note that a configuration is in force since ``now``, in Unix time."""
        self._shard_ordinal.set(config.shard.ordinal)
        self._shards.set(config.shard.total)
        self._shard_info.labels(str(config.shard.ordinal)).set(1)
        self._reload_successful.set(1)
        self._reload_timestamp.set(now)
        self._config_hash.set(config.hash)

    def text(self, format_: Format) -> str:
        """Render everything as it is now."""
        parts: list[str] = []
        for metric in self._registry.collect():
            suffix = _COUNTER_SUFFIX if metric.type == "counter" else ""
            parts.append(format_.header(metric.name + suffix, metric.documentation, metric.type))
            parts.extend(sample_lines([metric]))
        return "".join(parts)

    def _gauge(self, family: Family) -> Gauge:
        return Gauge(family.name, family.help, family.labels, registry=self._registry)
