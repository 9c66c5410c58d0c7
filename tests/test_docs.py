"""Generated documentation is up to date, and every command in the rest has been tried, or says why not."""

import sys
from pathlib import Path

from faults.matrix import markdown
from support.programs import run_well
from walkthrough.steps import steps

DOCS = Path(__file__).parent.parent / "docs"


def test_the_tables_of_faults_are_those_of_the_tests() -> None:
    assert (DOCS / "faults.md").read_text(encoding="utf-8") == markdown(), "run `make reference`"


def test_the_metrics_reference_is_that_of_the_catalogue() -> None:
    run_well(sys.executable, DOCS / "metrics.py", "--check")


def test_the_walkthrough_knows_every_command_of_the_documentation() -> None:
    assert {"make demo", "deploy/debian/build.sh"} <= {command for command, _ in steps()}, "and raises where one is not"
