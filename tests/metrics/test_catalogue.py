"""How metrics are called; docs/metrics.md holds the name, type and labels of each, which dashboards are built on."""

import re

import pytest
from support.exposed import findings_of_promtool

from exporter.metrics.catalogue import CATALOGUE
from exporter.metrics.family import Family, Type
from exporter.metrics.trunk_families import MEMORY_FAMILIES, TRUNK_FAMILIES

T = "workspace, phone_number_uuid, number"

# Set on targets by the Prometheus operator and by managed Prometheus, which rename a metric's own to exported_….
LABELS_OF_TARGETS = {"service", "location", "namespace", "pod", "container", "endpoint", "job", "instance", "cluster"}


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
