"""The names that dashboards and alerts are built on: to change one is to break them, to add some is not."""

import re

import pytest
from support.exposed import findings_of_promtool

from exporter.metrics.catalogue import CATALOGUE
from exporter.metrics.family import Family, Type
from exporter.metrics.trunk_families import MEMORY_FAMILIES, TRUNK_FAMILIES

T = "workspace, phone_number_uuid, number"

# The families by their labels, without the prefix.
LABELS = {
    "workspace, status": "trunks trunks_by_compliance",
    "workspace": (
        "trunks_without_binding trunks_out_of_service trunks_gone data_stale up "
        "last_success_timestamp_seconds last_poll_timestamp_seconds poll_interval_seconds "
        "max_staleness_seconds polls_total poll_duration_seconds poll_walks poll_pages poll_reused_pages "
        "poll_reported_trunks poll_drift trunks_added_total trunks_removed_total api_request_duration_seconds "
        "invalid_items duplicate_items series"
    ),
    "workspace, channel": "bound_channels expected_channels unbound_channels channels_lost",
    "workspace, carrier_service": "channel_limits",
    "workspace, reason": ("trunks_out_of_service_by_reason trunks_waiting poll_failures_total api_retries_total"),
    "workspace, currency": "monthly_fees",
    f"{T}, country_code, locality, type, source, is_external": "trunk_info",
    f"{T}, status": "trunk_status trunk_compliance_status",
    T: (
        "trunk_compliance_requirements trunk_out_of_service_timestamp_seconds trunk_gone_timestamp_seconds "
        "trunk_purchased_timestamp_seconds trunk_updated_timestamp_seconds"
    ),
    f"{T}, reason": "trunk_out_of_service",
    f"{T}, reason, was_in_service": "trunk_outage_timestamp_seconds",
    f"{T}, reason, status": "trunk_waiting",
    f"{T}, channel, agent_uuid, agent_name": ("trunk_channel_lost_timestamp_seconds trunk_channel_agent_info"),
    f"{T}, carrier_service": (
        "trunk_service_disabled_timestamp_seconds trunk_service_enabled trunk_service_channel_limit "
        "trunk_service_whitelisted_destinations"
    ),
    f"{T}, capability": "trunk_capability",
    f"{T}, channel": "trunk_channel_bound trunk_channel_unbound",
    f"{T}, currency": "trunk_monthly_fee",
    "workspace, change": "trunk_changes_total",
    "workspace, code": "api_requests_total",
    "workspace, field": "invalid_fields",
    "version, revision, pythonversion": "exporter_build_info",
    "": (
        "exporter_config_last_reload_successful exporter_config_last_reload_success_timestamp_seconds "
        "exporter_config_hash exporter_storage_healthy exporter_shard_ordinal exporter_shards"
    ),
    "shard": "exporter_shard_info",
}
PUBLIC = {f"mihu_{name}": labels for labels, names in LABELS.items() for name in names.split()}


# Set on targets by the Prometheus operator and by managed Prometheus, which rename a metric's own to exported_….
LABELS_OF_TARGETS = {"service", "location", "namespace", "pod", "container", "endpoint", "job", "instance", "cluster"}


@pytest.mark.parametrize(("name", "labels"), PUBLIC.items(), ids=PUBLIC)
def test_public_names_stay(name: str, labels: str) -> None:
    [family] = [family for family in CATALOGUE if family.name == name]
    assert ", ".join(family.labels) == labels
    is_histogram = name in {"mihu_poll_duration_seconds", "mihu_api_request_duration_seconds"}
    assert family.type is (Type.COUNTER if name.endswith("_total") else Type.HISTOGRAM if is_histogram else Type.GAUGE)


@pytest.mark.parametrize("family", CATALOGUE, ids=lambda family: family.name)
def test_names_labels_and_help_follow_the_conventions(family: Family) -> None:
    assert re.fullmatch(r"mihu(_[a-z]+)+", family.name)
    assert family.name.endswith("_total") == (family.type is Type.COUNTER)
    assert len(set(family.labels)) == len(family.labels)
    assert not {"le", "quantile", *LABELS_OF_TARGETS} & set(family.labels)
    assert re.fullmatch(r"[A-Z0-9][^\n.!?]*\.", family.help)


@pytest.mark.programs
def test_promtool_would_find_bad_names() -> None:
    assert "mihu_Bad" in findings_of_promtool("# TYPE mihu_Bad counter\nmihu_Bad 1\n")


def test_a_plural_is_a_total_and_mihu_trunk_is_one_trunk() -> None:
    of_one_trunk = {*TRUNK_FAMILIES, *MEMORY_FAMILIES}
    for family in CATALOGUE:
        is_one_trunk = family.name.startswith("mihu_trunk_") and family.type is Type.GAUGE
        assert is_one_trunk == (family in of_one_trunk) == (", ".join(family.labels).startswith(T))
