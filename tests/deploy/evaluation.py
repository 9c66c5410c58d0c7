"""Evaluates the rules by each program that does."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from support.files import write_yaml
from support.histories import histories, rule_tests
from support.programs import run_well
from support.rules import RULE_FILES

Newer = Callable[..., list[Path]]

STEP_OF_HOURS = 30.0  # seconds between evaluations of histories that take hours
STEP_OF_DAYS = 240.0

# Programs that collect their garbage seldom, on one core: else vmalert-tool takes a third more of the processor.
run = partial(run_well, env={**os.environ, "GOGC": "400", "GOMAXPROCS": "1"}, timeout=1200)


def run_at_once(commands: Iterable[Sequence[str | Path]]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda command: run(*command), commands))


def play(step: float, folder: Path, newer: Newer) -> None:
    """Play the histories of one step: each has to fire the alerts that it names, in time, and no others."""
    tests = list(rule_tests([history for history in histories() if history.step == step], folder))
    content = {"rule_files": [str(path) for path in RULE_FILES], "evaluation_interval": f"{step:g}s", "tests": tests}
    file = write_yaml(folder / "histories.yaml", content)
    for_vmalert = folder / "for-vmalert.yaml"
    for_vmalert.write_text(file.read_text(encoding="utf-8").replace('"promql_expr_test"', '"metricsql_expr_test"'))
    binaries: list[str | Path] = ["promtool", *newer("promtool", "sid")]
    commands = [[binary, "test", "rules", file] for binary in binaries]
    commands += [[binary, "unittest", "--files", for_vmalert] for binary in newer("vmalert-tool", "sid")]
    run_at_once(commands)
