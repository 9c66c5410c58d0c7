"""Shells complete the command line, as README says how."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import PATIENCE

SCRIPT = Path(sys.executable).parent / "mihu-trunk-exporter"
README = Path(__file__).parent.parent.parent / "README.md"
LINES = {
    "bash": 'eval "$(_MIHU_TRUNK_EXPORTER_COMPLETE=bash_source mihu-trunk-exporter)"',
    "zsh": 'eval "$(_MIHU_TRUNK_EXPORTER_COMPLETE=zsh_source mihu-trunk-exporter)"',
    "fish": "_MIHU_TRUNK_EXPORTER_COMPLETE=fish_source mihu-trunk-exporter | source",
}


def answer(*command: str | Path, **env: str) -> str:
    path = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(  # noqa: S603 - our own program, and bash
        command, env={"PATH": path, **env}, capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout


@pytest.mark.parametrize("shell", LINES)
def test_readme_has_the_line_of_each_shell(shell: str) -> None:
    assert f"    {LINES[shell]}" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("shell", LINES)
def test_the_program_answers_each_shell(shell: str) -> None:
    assert "_mihu_trunk_exporter_completion" in answer(SCRIPT, _MIHU_TRUNK_EXPORTER_COMPLETE=f"{shell}_source")


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
    assert answer(bash, "-c", f"{LINES['bash']}\n{ask}").splitlines() == [
        "do: doctor",
        "--web.te: --web.telemetry-path",
        "--log.level w: warn",
        "doctor --f: --format",
        "doctor --format j: json",
    ]


def test_the_configuration_is_completed_as_a_file() -> None:
    words = {"COMP_WORDS": "mihu-trunk-exporter --config.file conf", "COMP_CWORD": "2"}
    assert answer(SCRIPT, _MIHU_TRUNK_EXPORTER_COMPLETE="bash_complete", **words) == "file,conf\n"
