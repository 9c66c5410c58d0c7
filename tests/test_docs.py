"""Generated documentation is up to date."""

from pathlib import Path

from faults.matrix import markdown

from exporter.metrics.catalogue import reference

DOCS = Path(__file__).parent.parent / "docs"


def test_the_tables_of_faults_are_those_of_the_tests() -> None:
    assert (DOCS / "faults.md").read_text(encoding="utf-8") == markdown(), "run `make reference`"


def test_the_metrics_reference_is_that_of_the_catalogue() -> None:
    assert (DOCS / "metrics.md").read_text(encoding="utf-8") == reference(), "run `make reference`"
