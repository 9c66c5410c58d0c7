"""Shells complete the command line, as README says how."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.processes import PATIENCE

from exporter.cli import main

README = Path(__file__).parent.parent.parent / "README.md"
LINES = {
    "bash": 'eval "$(_MIHU_TRUNK_EXPORTER_COMPLETE=bash_source mihu-trunk-exporter)"',
    "zsh": 'eval "$(_MIHU_TRUNK_EXPORTER_COMPLETE=zsh_source mihu-trunk-exporter)"',
    "fish": "_MIHU_TRUNK_EXPORTER_COMPLETE=fish_source mihu-trunk-exporter | source",
}


def answer(instruction: str, **words: str) -> str:
    env = {"_MIHU_TRUNK_EXPORTER_COMPLETE": instruction, **words}
    return CliRunner().invoke(main, [], env=env, prog_name="mihu-trunk-exporter").stdout


@pytest.mark.parametrize("shell", LINES)
def test_the_program_answers_each_shell_as_readme_says(shell: str) -> None:
    assert f"    {LINES[shell]}" in README.read_text(encoding="utf-8")
    assert "_mihu_trunk_exporter_completion" in answer(f"{shell}_source")


def test_the_configuration_is_completed_as_a_file() -> None:
    words = {"COMP_WORDS": "mihu-trunk-exporter --config.file conf", "COMP_CWORD": "2"}
    assert answer("bash_complete", **words) == "file,conf\n"


@pytest.mark.programs
def test_bash_completes_commands_flags_values_and_files() -> None:
    bash = shutil.which("bash")
    assert bash
    ask = """
        for line in "do" "--web.te" "--log.level w" "doctor --f" "doctor --format j"; do
            COMPREPLY=() COMP_WORDS=(mihu-trunk-exporter $line) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _mihu_trunk_exporter_completion mihu-trunk-exporter
            echo "$line: ${COMPREPLY[*]}"
        done
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [bash, "-c", f"{LINES['bash']}\n{ask}"]
    answered = subprocess.run(  # noqa: S603 - bash
        command, env={"PATH": path}, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert answered.stdout.splitlines() == [
        "do: doctor",
        "--web.te: --web.telemetry-path",
        "--log.level w: warn",
        "doctor --f: --format",
        "doctor --format j: json",
    ]
