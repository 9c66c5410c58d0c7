"""The timer that polls once: what Debian's systemd says of it, and what it promises."""

import re
from pathlib import Path

import click
import pytest
from support.systemd import analyze, exposure, settings, startable

from exporter.cli import main
from exporter.commands.once import once
from exporter.config.credentials import FileCredentials
from exporter.config.loading import load

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICE = FOLDER / "mihu-trunk-exporter-once.service"
TIMER = FOLDER / "mihu-trunk-exporter-once.timer"
NOTES = SERVICE.read_text(encoding="utf-8").partition("[Unit]")[0]
HIGHEST_EXPOSURE = 1.5


def setting(name: str, unit: Path = SERVICE) -> str:
    (value,) = settings(unit)[name]
    return value


def test_verify_finds_nothing_to_say(tmp_path: Path) -> None:
    timer = tmp_path / TIMER.name
    timer.write_bytes(TIMER.read_bytes())
    result = analyze("verify", "--man=no", startable(SERVICE, tmp_path), timer)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_sandbox_leaves_little_exposed() -> None:
    assert exposure(SERVICE) <= HIGHEST_EXPOSURE


def test_the_flags_are_known() -> None:
    program, *flags = setting("ExecStart").split()
    place = flags.index("once")
    for command, given in ((main, flags[:place]), (once, flags[place + 1 :])):
        known = {flag for parameter in command.params if isinstance(parameter, click.Option) for flag in parameter.opts}
        assert {flag.partition("=")[0] for flag in given} <= known
    assert program == settings(FOLDER / "mihu-trunk-exporter.service")["ExecStart"][0].split()[0]


def test_it_may_write_where_its_output_goes_and_nowhere_else() -> None:
    output = Path(setting("ExecStart").partition("--output=")[2])
    assert setting("ReadWritePaths") == str(output.parent)
    assert setting("ProtectSystem") == "strict"
    assert output.suffix == ".prom"


def test_the_notes_make_the_configuration_read_the_token_that_the_unit_hands_over(tmp_path: Path) -> None:
    found = re.search(r"sed -i s/(\S+)/(\S+)/ (\S+) ", NOTES)
    assert found is not None
    old, new, file = found.groups()
    assert f"--config.file={file} " in setting("ExecStart")
    config = tmp_path / "config.yaml"
    text = (FOLDER / "config.yaml").read_text(encoding="utf-8")
    config.write_text(re.sub(old, new, text), encoding="utf-8")
    name, _, _ = setting("LoadCredential").partition(":")
    (workspace,) = load(config).workspaces
    assert workspace.credentials == FileCredentials(Path("/run/credentials", SERVICE.name, name))


def test_polls_end_before_the_next_ones_begin() -> None:
    minutes = int(setting("OnCalendar", TIMER).removeprefix("*:0/"))
    assert f"poll_interval: {minutes}m" in NOTES
    assert setting("TimeoutStartSec") == f"{minutes}min"


@pytest.mark.parametrize("path", re.findall(r"deploy/\S+", NOTES))
def test_the_notes_name_files_that_exist(path: str) -> None:
    assert list(FOLDER.parents[1].glob(path))
