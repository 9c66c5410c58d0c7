"""The README says what is true."""

from pathlib import Path

from exporter.metrics.reference import replaced

README = Path(__file__).parent.parent / "README.md"


def test_the_metrics_reference_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == replaced(text), "run `make reference`"
