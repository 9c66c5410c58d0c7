"""The systemd unit: what Debian's systemd says of it, and what it promises."""

import re
from pathlib import Path

import click
import pytest
from support.systemd import analyze, exposure, settings, startable

from exporter.cli import main
from exporter.config.credentials import FileCredentials
from exporter.config.loading import load

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = FOLDER / "mihu-trunk-exporter.service"
CONFIG = FOLDER / "config.yaml"
HIGHEST_EXPOSURE = 1.5


def setting(name: str) -> str:
    (value,) = settings(UNIT)[name]
    return value


def test_verify_finds_nothing_to_say(tmp_path: Path) -> None:
    result = analyze("verify", "--man=no", startable(UNIT, tmp_path))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_verify_would_find_a_mistake(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("ProtectHome=", "ProtectHouse="), encoding="utf-8")
    assert "ProtectHouse" in analyze("verify", "--man=no", unit).stderr


def test_the_sandbox_leaves_little_exposed() -> None:
    assert exposure(UNIT) <= HIGHEST_EXPOSURE


def test_it_runs_as_a_user_of_its_own_and_starts_again_after_a_failure() -> None:
    assert setting("DynamicUser") == "yes"
    assert setting("Restart") == "on-failure"


def test_it_may_use_the_network() -> None:
    names = settings(UNIT).keys()
    assert not names & {"IPAddressDeny", "PrivateNetwork", "RestrictNetworkInterfaces"}
    assert {"AF_INET", "AF_INET6"} <= set(setting("RestrictAddressFamilies").split())


def test_it_may_open_files_for_thousands_of_workspaces() -> None:
    """At 4 pages at once each, the default."""
    assert int(setting("LimitNOFILE")) >= 4 * 5000


def test_start_times_stay_right() -> None:
    """process_start_time_seconds needs /proc/stat."""
    assert "ProcSubset" not in settings(UNIT)


def test_the_flags_are_known() -> None:
    known = {flag for parameter in main.params if isinstance(parameter, click.Option) for flag in parameter.opts}
    _, *flags = setting("ExecStart").split()
    assert {flag.partition("=")[0] for flag in flags} <= known


def test_what_is_remembered_is_kept_in_a_folder_that_belongs_to_its_user() -> None:
    (flag,) = [flag for flag in setting("ExecStart").split() if flag.startswith("--storage.path=")]
    assert flag == f"--storage.path=%S/{setting('StateDirectory')}"
    assert setting("StateDirectoryMode") == "0700"


def test_the_example_configuration_reads_the_token_that_the_unit_hands_over() -> None:
    config = load(CONFIG)
    name, _, source = setting("LoadCredential").partition(":")
    (workspace,) = config.workspaces
    assert workspace.credentials == FileCredentials(Path("/run/credentials", UNIT.name, name))
    assert all(str(workspace.credentials.path) in warning for warning in config.warnings), config.warnings
    assert f" {source} " in UNIT.read_text(encoding="utf-8").partition("[Unit]")[0]


def test_the_notes_install_what_the_unit_starts() -> None:
    notes = UNIT.read_text(encoding="utf-8").partition("[Unit]")[0]
    program, flag, _ = setting("ExecStart").split()
    assert f"python3 -m venv {Path(program).parents[1]}\n" in notes
    assert f" deploy/systemd/config.yaml {flag.removeprefix('--config.file=')} " in notes


@pytest.mark.parametrize("path", re.findall(r"deploy/\S+|requirements\.\w+", UNIT.read_text(encoding="utf-8")))
def test_the_notes_name_files_that_exist(path: str) -> None:
    assert (FOLDER.parents[1] / path).exists()
