"""The names that dashboards and alerts are built on: to change one is to break them, to add some is not."""

import re

import pytest
from support.exposed import findings_of_promtool

from exporter.metrics.catalogue import CATALOGUE
from exporter.metrics.family import Family, Type
from exporter.metrics.memory_families import MEMORY_FAMILIES
from exporter.metrics.text import PROMETHEUS
from exporter.metrics.trunk_families import TRUNK_FAMILIES
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES
from exporter.trunks.out_of_service import ATTRIBUTES

T = "workspace, phone_number_uuid, number"

PUBLIC = {
    # a workspace
    "mihu_trunks": "workspace, status",
    "mihu_trunks_by_compliance": "workspace, status",
    "mihu_trunks_without_binding": "workspace",
    "mihu_bound_channels": "workspace, channel",
    "mihu_expected_channels": "workspace, channel",
    "mihu_unbound_channels": "workspace, channel",
    "mihu_channel_limits": "workspace, carrier_service",
    "mihu_trunks_out_of_service": "workspace",
    "mihu_trunks_out_of_service_by_reason": "workspace, reason",
    "mihu_trunks_waiting": "workspace, reason",
    "mihu_channels_lost": "workspace, channel",
    "mihu_trunks_gone": "workspace",
    "mihu_monthly_fees": "workspace, currency",
    # a trunk
    "mihu_trunk_info": f"{T}, country_code, locality, type, source, is_external",
    "mihu_trunk_status": f"{T}, status",
    "mihu_trunk_compliance_status": f"{T}, status",
    "mihu_trunk_compliance_requirements": T,
    "mihu_trunk_out_of_service": f"{T}, reason",
    "mihu_trunk_out_of_service_timestamp_seconds": T,
    "mihu_trunk_outage_timestamp_seconds": f"{T}, reason, was_in_service",
    "mihu_trunk_waiting": f"{T}, reason, status",
    "mihu_trunk_channel_lost_timestamp_seconds": f"{T}, channel, agent_uuid, agent_name",
    "mihu_trunk_gone_timestamp_seconds": T,
    "mihu_trunk_service_disabled_timestamp_seconds": f"{T}, carrier_service",
    "mihu_trunk_capability": f"{T}, capability",
    "mihu_trunk_channel_bound": f"{T}, channel",
    "mihu_trunk_channel_unbound": f"{T}, channel",
    "mihu_trunk_channel_agent_info": f"{T}, channel, agent_uuid, agent_name",
    "mihu_trunk_service_enabled": f"{T}, carrier_service",
    "mihu_trunk_service_channel_limit": f"{T}, carrier_service",
    "mihu_trunk_service_whitelisted_destinations": f"{T}, carrier_service",
    "mihu_trunk_monthly_fee": f"{T}, currency",
    "mihu_trunk_purchased_timestamp_seconds": T,
    "mihu_trunk_updated_timestamp_seconds": T,
    # reading the API
    "mihu_data_stale": "workspace",
    "mihu_up": "workspace",
    "mihu_last_success_timestamp_seconds": "workspace",
    "mihu_last_poll_timestamp_seconds": "workspace",
    "mihu_poll_interval_seconds": "workspace",
    "mihu_max_staleness_seconds": "workspace",
    "mihu_polls_total": "workspace",
    "mihu_poll_failures_total": "workspace, reason",
    "mihu_poll_duration_seconds": "workspace",
    "mihu_poll_walks": "workspace",
    "mihu_poll_pages": "workspace",
    "mihu_poll_reused_pages": "workspace",
    "mihu_poll_reported_trunks": "workspace",
    "mihu_poll_drift": "workspace",
    "mihu_trunks_added_total": "workspace",
    "mihu_trunks_removed_total": "workspace",
    "mihu_trunk_changes_total": "workspace, change",
    "mihu_api_requests_total": "workspace, code",
    "mihu_api_request_duration_seconds": "workspace",
    "mihu_api_retries_total": "workspace, reason",
    "mihu_invalid_fields": "workspace, field",
    "mihu_invalid_items": "workspace",
    "mihu_duplicate_items": "workspace",
    "mihu_series": "workspace",
    # the exporter itself
    "mihu_exporter_build_info": "version, revision, pythonversion",
    "mihu_exporter_config_last_reload_successful": "",
    "mihu_exporter_config_last_reload_success_timestamp_seconds": "",
    "mihu_exporter_config_hash": "",
    "mihu_exporter_storage_healthy": "",
    "mihu_exporter_shard_ordinal": "",
    "mihu_exporter_shards": "",
    "mihu_exporter_shard_info": "shard",
}


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
def test_promtool_finds_the_names_good() -> None:
    text = "".join(PROMETHEUS.header(family.name, family.help, family.type) + sample(family) for family in CATALOGUE)
    assert findings_of_promtool(text) == ""


@pytest.mark.programs
def test_promtool_would_find_bad_names() -> None:
    assert "mihu_Bad" in findings_of_promtool("# TYPE mihu_Bad counter\nmihu_Bad 1\n")


def sample(family: Family) -> str:
    labels = ",".join(f'{label}="x"' for label in family.labels)
    if family.type is Type.HISTOGRAM:
        ends = (f'_bucket{{{labels},le="+Inf"}}', f"_sum{{{labels}}}", f"_count{{{labels}}}")
        return "".join(f"{family.name}{end} 1\n" for end in ends)
    return f"{family.name}{{{labels}}} 1\n"


def test_a_plural_is_a_total_and_mihu_trunk_is_one_trunk() -> None:
    of_one_trunk = {*TRUNK_FAMILIES, *MEMORY_FAMILIES}
    for family in CATALOGUE:
        is_one_trunk = family.name.startswith("mihu_trunk_") and family.type is Type.GAUGE
        assert is_one_trunk == (family in of_one_trunk) == (", ".join(family.labels).startswith(T))


def test_families_are_of_attributes_in_which_a_change_is_noticed() -> None:
    assert {name for family in (*TRUNK_FAMILIES, *WORKSPACE_FAMILIES) for name in family.of} <= {*ATTRIBUTES}
