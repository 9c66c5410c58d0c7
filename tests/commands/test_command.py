"""How commands present themselves: help, variables, hints, completion."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from support.processes import PATIENCE

from exporter.cli import main

PROGRAM = "mihu-trunk-exporter"
COMMANDS = {"": main, **main.commands}


def run(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(main, arguments, env=env, prog_name=PROGRAM)


@cache
def help_of(command: str) -> str:
    return run(*filter(None, [command]), "--help").stdout


def options() -> Iterator[tuple[str, click.Option]]:
    """Yield the flags of all commands that are shown, each with its command's name."""
    for name, command in COMMANDS.items():
        flags = (option for option in command.params if isinstance(option, click.Option))
        yield from ((name, option) for option in flags if not option.hidden)


FLAGS = [pytest.param(command, option, id=f"{command}{max(option.opts, key=len)}") for command, option in options()]


class TestHelp:
    def test_has_sections(self) -> None:
        text = help_of("")
        sections = "|".join(re.findall(r"^([A-Z][a-z ]+):$", text, re.MULTILINE))
        assert sections == "Configuration|Web|Shards|Storage|Logging|Trying it out|Options|Commands"
        (web,) = re.findall(r"^Web:\n((?:  .*\n)+)", text, re.MULTILINE)
        flags = re.findall(r"^  --([a-z.-]+)", web, re.MULTILINE)
        assert set(flags) == {name for name in re.findall(r"--([a-z.-]+)", text) if name.startswith("web.")}
        # A command has its own flags first.
        sections = "|".join(re.findall(r"^([A-Z][a-z ]+):$", help_of("simulate"), re.MULTILINE))
        assert sections == "Options|Configuration|Logging"

    @pytest.mark.parametrize(("command", "option"), FLAGS)
    def test_names_variable_and_default_of_every_flag(self, command: str, option: click.Option) -> None:
        flag = max(option.opts, key=len)
        words = " ".join(help_of(command).split())
        record = re.split(rf" {flag}[ ,]", words, maxsplit=1)[1]
        # A flag with a dot concerns the whole program, as the demo does, and is the same variable everywhere.
        own = f"{command}_" if command and "." not in flag and flag != "--demo" else ""
        variable = f"MIHU_{own}{flag.removeprefix('--')}".upper().replace(".", "_").replace("-", "_")
        assert (f"[env var: {variable}" in record) == (flag != "--version")
        if isinstance(option.default, str | int | float) and not option.is_flag:
            assert f"default: {option.default}" in record

    @pytest.mark.parametrize("command", COMMANDS)
    def test_fits_80_columns(self, command: str) -> None:
        lines = help_of(command).splitlines()
        assert max(map(len, lines)) <= 80
        assert not any(line.endswith("...") for line in lines if "Usage:" not in line)

    def test_describes_every_command_in_a_sentence(self) -> None:
        text = " ".join(help_of("").split())
        for name, command in main.commands.items():
            assert f" {name} {str(command.help).partition('.')[0]}. " in f"{text} "


class TestVariables:
    def test_of_the_program_has_no_variant_for_commands_and_does_not_override_a_flag_before_one(self) -> None:
        assert run("simulate", "--fault", "list", MIHU_SIMULATE_LOG_LEVEL="loud").exit_code == 0
        other = {"MIHU_CONFIG_FILE": "other.yaml"}
        assert run("--config.file", "nowhere.yaml", "once", **other).stderr.startswith(f"{PROGRAM}: nowhere.yaml: ")
        assert run("once", "--config.file", "nowhere.yaml", **other).stderr.startswith(f"{PROGRAM}: nowhere.yaml: ")
        assert run("once", **other).stderr.startswith(f"{PROGRAM}: other.yaml: ")

    def test_of_a_flag_without_value_counts_but_for_version_and_help(self) -> None:
        ended = run(MIHU_CONFIG_CHECK="1", MIHU_CONFIG_FILE="nowhere.yaml", MIHU_VERSION="1", MIHU_HELP="1")
        assert ended.exit_code == 1
        assert "nowhere.yaml: there is no such file" in ended.stderr

    @pytest.mark.parametrize(
        ("arguments", "variable", "value", "said"),
        [
            ("simulate", "MIHU_SIMULATE_LISTEN_ADDRESS", "nowhere", "'nowhere' is not an address to listen on"),
            ("simulate", "MIHU_SIMULATE_FAULT", "reset=0.1 nonsense=1", "there is no fault called 'nonsense'"),
            ("simulate", "MIHU_SIMULATE_CHURN", "nan", "'nan' is not a number of at least 0"),
            ("simulate", "MIHU_SIMULATE_CHURN", "inf", "'inf' is not a number of at least 0"),
            ("", "MIHU_LOG_LEVEL", "loud", "Invalid value for '--log.level'"),
            ("", "MIHU_WEB_LISTEN_ADDRESS", " ", "' ' is not an address to listen on"),
        ],
    )
    def test_that_is_invalid_is_refused_as_a_flag(self, arguments: str, variable: str, value: str, said: str) -> None:
        ended = run(*arguments.split(), **{variable: value})
        assert ended.exit_code == 2
        assert said in ended.stderr


GOES_BEFORE = f"--web.config.file goes before the command: {PROGRAM} --web.config.file … doctor"


class TestAMistake:
    def refusal(self, *arguments: str) -> str:
        ended = run(*arguments)
        assert ended.exit_code == 2
        return " ".join(ended.stderr.split()).partition("Error: ")[2]

    @pytest.mark.parametrize(
        ("mistake", "meant"),
        [
            ("--log.levl", "--log.level"),
            *((mistake, "--web.listen-address") for mistake in ("--web-listen-address", "--web_listen_address")),
        ],
    )
    def test_in_a_flag_has_a_suggestion(self, mistake: str, meant: str) -> None:
        for arguments in ((mistake, "x"), (f"{mistake}=x",)):
            refused, _, suggested = self.refusal(*arguments).partition("Did you mean")
            assert refused.rstrip(" (") == f"No such option '{mistake}'."
            assert f"'{meant}'" in suggested

    @pytest.mark.parametrize(
        ("arguments", "refusal"),
        [
            ("simulate --trunk 3", "No such option '--trunk'. Did you mean '--trunks'?"),
            ("doctr", "No such command 'doctr'. Did you mean 'doctor'?"),
            ("simulator", "No such command 'simulator'. Did you mean 'simulate'?"),
            ("doctor --web.config.file", GOES_BEFORE),
            ("once --config.check", "--config.check does not go with once; leave out one of them"),
            ("-x", "No such option '-x'."),
            ("--nonsense", "No such option '--nonsense'."),
            ("nonsense", "No such command 'nonsense'."),
        ],
    )
    def test_is_refused_with_what_may_be_meant(self, arguments: str, refusal: str) -> None:
        assert self.refusal(*arguments.split()) == refusal


README = Path(__file__).parent.parent.parent / "README.md"
LINES = {
    "bash": 'eval "$(_MIHU_TRUNK_EXPORTER_COMPLETE=bash_source mihu-trunk-exporter)"',
    "zsh": 'eval "$(_MIHU_TRUNK_EXPORTER_COMPLETE=zsh_source mihu-trunk-exporter)"',
    "fish": "_MIHU_TRUNK_EXPORTER_COMPLETE=fish_source mihu-trunk-exporter | source",
}


def answer(instruction: str, **words: str) -> str:
    return run(_MIHU_TRUNK_EXPORTER_COMPLETE=instruction, **words).stdout


@pytest.mark.parametrize("shell", LINES)
def test_the_program_answers_each_shell_as_readme_says(shell: str) -> None:
    assert f"    {LINES[shell]}" in README.read_text(encoding="utf-8")
    assert "_mihu_trunk_exporter_completion" in answer(f"{shell}_source")


def test_the_configuration_is_completed_as_a_file() -> None:
    asked = answer("bash_complete", COMP_WORDS=f"{PROGRAM} --config.file conf", COMP_CWORD="2")
    assert asked == "file,conf\n"


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
