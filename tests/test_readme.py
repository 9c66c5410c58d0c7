"""The README says what is true."""

from pathlib import Path

from faults.matrix import markdown

from exporter.metrics.catalogue import with_reference

README = Path(__file__).parent.parent / "README.md"


def test_the_table_of_faults_is_that_of_the_tests() -> None:
    _, _, rest = README.read_text(encoding="utf-8").partition("matrix.py has it. -->\n")
    table, _, _ = rest.partition("<!-- The table of faults ends. -->")
    assert table.strip() == markdown().strip(), "copy what `cd tests && python -m faults.matrix` prints"


def test_the_metrics_reference_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_reference(text), "run `make reference`"
