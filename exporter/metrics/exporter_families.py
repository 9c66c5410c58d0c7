"""The families about the exporter itself."""

from exporter.metrics.family import Family

BUILD_INFO = Family(
    name="mihu_exporter_build_info",
    help="The version that runs.",
    labels=("version", "revision", "pythonversion"),
)
CONFIG_RELOAD_SUCCESSFUL = Family(
    name="mihu_exporter_config_last_reload_successful",
    help="Whether the last attempt to load the configuration succeeded.",
)
CONFIG_RELOAD_TIMESTAMP = Family(
    name="mihu_exporter_config_last_reload_success_timestamp_seconds",
    help="When the configuration was last loaded, in Unix time.",
)
CONFIG_HASH = Family(
    name="mihu_exporter_config_hash",
    help="A number that changes with the configuration's files; equal for replicas configured alike.",
)
SHARD_ORDINAL = Family(name="mihu_exporter_shard_ordinal", help="Which of the shards this one is, from 0.")
SHARDS = Family(name="mihu_exporter_shards", help="How many shards the workspaces are split over.")
SHARD_INFO = Family(
    name="mihu_exporter_shard_info",
    help="The shard as a label, for joining.",
    labels=("shard",),
)

EXPORTER_FAMILIES = (
    BUILD_INFO,
    CONFIG_RELOAD_SUCCESSFUL,
    CONFIG_RELOAD_TIMESTAMP,
    CONFIG_HASH,
    SHARD_ORDINAL,
    SHARDS,
    SHARD_INFO,
)
