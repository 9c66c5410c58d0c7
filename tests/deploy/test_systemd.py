"""The systemd units and the Debian package: what Debian's systemd says of the units, and what they promise."""

import re
import sys
from pathlib import Path

import pytest
from support.programs import installed, run, run_well

from exporter.cli import main
from exporter.commands.once import once
from exporter.config.credentials import Authorization
from exporter.config.loading import load

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
NAME = "mihu-trunk-exporter"
SERVICE = FOLDER / "mihu-trunk-exporter.service"
ONCE = FOLDER / "mihu-trunk-exporter-once.service"
TIMER = FOLDER / "mihu-trunk-exporter-once.timer"
DEBIAN = FOLDER.parent / "debian"
HIGHEST_EXPOSURE = 1.5  # of 10

each = pytest.mark.parametrize("unit", [SERVICE, ONCE], ids=lambda unit: str(unit.stem))


def settings(unit: Path) -> dict[str, str]:
    """Return what a unit sets, by name, the last where there are several."""
    return dict(re.findall(r"^(\w+)=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE))


def setting(name: str, unit: Path = SERVICE) -> str:
    return settings(unit)[name]


def notes(unit: Path) -> str:
    return unit.read_text(encoding="utf-8").partition("[Unit]")[0]


@each
def test_verify_finds_nothing_to_say(unit: Path, tmp_path: Path) -> None:
    """Of copies of the units that name a program which is here, since systemd asks for it."""
    program = setting("ExecStart", unit).split()[0]
    copies = [tmp_path / file.name for file in ((unit, TIMER) if unit == ONCE else (unit,))]
    for copy in copies:
        text = (FOLDER / copy.name).read_text(encoding="utf-8")
        copy.write_text(text.replace(f"={program} ", f"={installed(NAME)} "), encoding="utf-8")
    result = run("systemd-analyze", "verify", "--man=no", *copies)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@each
def test_the_sandbox_leaves_little_exposed_but_the_network(unit: Path) -> None:
    said = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit).stdout
    (level,) = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert float(level) <= HIGHEST_EXPOSURE
    assert not settings(unit).keys() & {"IPAddressDeny", "PrivateNetwork", "RestrictNetworkInterfaces"}
    assert {"AF_INET", "AF_INET6"} <= set(setting("RestrictAddressFamilies", unit).split())


@each
def test_the_flags_are_known(unit: Path) -> None:
    program, *words = setting("ExecStart", unit).split()
    assert program == f"/opt/{NAME}/bin/{NAME}"
    place = words.index("once") if unit == ONCE else len(words)
    main.make_context(NAME, words[:place])
    once.make_context("once", words[place + 1 :])


@each
def test_the_notes_make_the_example_read_the_token_that_the_unit_hands_over(unit: Path, tmp_path: Path) -> None:
    text = (FOLDER / "config.yaml").read_text(encoding="utf-8")
    for old, new, file in re.findall(r"sed -i s/(\S+)/(\S+)/ (\S+) ", notes(unit)):
        assert f"--config.file={file} " in setting("ExecStart", unit)
        text = re.sub(old, new, text)
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    config = load(tmp_path / "config.yaml")
    (workspace,) = config.workspaces
    name, _, source = setting("LoadCredential", unit).partition(":")
    assert workspace.credentials == Authorization(credentials_file=Path("/run/credentials", unit.name, name))
    assert all(str(workspace.credentials.where) in warning for warning in config.warnings), config.warnings
    assert f" {source} " in notes(SERVICE)


def test_the_notes_name_files_that_exist_and_install_what_the_unit_starts() -> None:
    paths = re.findall(r"deploy/\S+|requirements\.\w+", notes(SERVICE) + notes(ONCE))
    assert paths
    assert all(list(FOLDER.parents[1].glob(path)) for path in paths)
    program, flag, _ = setting("ExecStart").split()
    assert f"python3 -m venv {Path(program).parents[1]}\n" in notes(SERVICE)
    assert f" deploy/systemd/config.yaml {flag.removeprefix('--config.file=')} " in notes(SERVICE)


def test_the_service_starts_again_with_what_it_remembers_and_files_enough() -> None:
    expected = {"DynamicUser": "yes", "Restart": "on-failure", "StateDirectoryMode": "0700"}
    assert expected.items() <= settings(SERVICE).items()
    assert f"--storage.path=%S/{setting('StateDirectory')}" in setting("ExecStart").split()
    # At 4 pages at once each, the default, for thousands of workspaces.
    assert int(setting("LimitNOFILE")) >= 4 * 5000
    # process_start_time_seconds needs /proc/stat.
    assert "ProcSubset" not in settings(SERVICE)


def test_once_writes_its_output_and_nothing_else_and_ends_before_it_is_due_again() -> None:
    output = Path(setting("ExecStart", ONCE).partition("--output=")[2])
    minutes = int(setting("OnCalendar", TIMER).removeprefix("*:0/"))
    expected = {"ReadWritePaths": str(output.parent), "ProtectSystem": "strict", "TimeoutStartSec": f"{minutes}min"}
    assert expected.items() <= settings(ONCE).items()
    assert output.suffix == ".prom"
    assert f"poll_interval: {minutes}m" in notes(ONCE)


# The Debian package, as far as it is told without building it: deploy/debian/try.sh builds and installs one.


def test_the_manual_page_has_every_command_and_every_flag() -> None:
    page = run_well(sys.executable, DEBIAN / "man.py")
    text = page.replace(r"\-", "-")
    assert text.startswith('.TH MIHU-TRUNK-EXPORTER 1 "" "mihu-trunk-exporter ')
    assert set(re.findall(r'^\.SH "COMMAND (\w+)"$', text, re.MULTILINE)) == {name.upper() for name in main.commands}
    parameters = [parameter for command in (main, *main.commands.values()) for parameter in command.params]
    shown = [parameter for parameter in parameters if not getattr(parameter, "hidden", False)]
    flags = {name for parameter in shown for name in parameter.opts if name.startswith("--")}
    named = "\n".join(re.findall(r"^\.B .*", text, re.MULTILINE))
    assert flags <= set(re.findall(r"--[\w.-]+", named))
    requests = set(re.findall(r"^[.'](\w*)", page, re.MULTILINE))
    assert requests == {"TH", "SH", "TP", "PP", "B", "I"}, "no text begins as a request does"


def test_the_files_of_the_package_are_those_of_the_unit() -> None:
    unit = SERVICE.read_text(encoding="utf-8")
    build = (DEBIAN / "build.sh").read_text(encoding="utf-8")
    for file in re.findall(r"(?:--config\.file=|EnvironmentFile=-)(\S+)", unit):
        assert f'"$root{file}"' in build
    variables = {f"MIHU_{parameter.name}".upper() for parameter in main.params}
    assert set(re.findall(r"^#(\w+)=", (DEBIAN / "default").read_text("utf-8"), re.MULTILINE)) <= variables
