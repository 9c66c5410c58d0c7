"""``doctor`` as a person or a script runs it."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.exposed import TOKEN
from support.files import write_yaml
from support.processes import PROJECT, exporter_command, ran
from support.programs import Shown, on_terminal
from support.simulating import simulating

from exporter import __version__
from exporter.cli import main
from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator


@pytest.fixture(scope="module")
def api() -> Iterator[Simulator]:
    with simulating([Tenant(name, TOKEN, Fleet.generate(30, seed=1)) for name in ("acme", "globex")]) as simulator:
        yield simulator


@pytest.fixture
def config(tmp_path: Path, api: Simulator) -> Path:
    """Return a configuration with a workspace that is well, and one with a stale token."""
    workspaces = [
        {"name": name, "base_url": api.base_url(name), "authorization": {"credentials_env": name.upper()}}
        for name in ("acme", "globex")
    ]
    return write_yaml(tmp_path / "config.yaml", {"workspaces": workspaces})


ENV = {"ACME": TOKEN, "GLOBEX": "stale-token"}


def run(folder: Path, *flags: str, charset: str = "utf-8", **env: str) -> Result:
    with contextlib.chdir(folder):
        return CliRunner(charset).invoke(main, flags, env=ENV | env)


def terminal(folder: Path, *flags: str, **env: str) -> Shown:
    return on_terminal(exporter_command(*flags), folder, {"PYTHONPATH": str(PROJECT), **ENV, **env})


class TestInAPipe:
    def test_it_is_plain_and_says_what_to_do(self, config: Path) -> None:
        ended = ran(config.parent, "doctor", **ENV)
        assert (ended.returncode, ended.stderr) == (1, "")
        lines = ended.stdout.splitlines()
        assert lines[0] == "✓ configuration    config.yaml: 2 workspaces"
        assert "✗ token accepted   HTTP 401 (INVALID_AUTH_TOKEN, " in ended.stdout
        assert "                   → put a valid token in place, where authorization in the configuration says" in lines
        assert lines[-1] == "1 of 2 cannot be polled: globex."
        assert "\x1b" not in ended.stdout
        assert "stale-token" not in ended.stdout

    def test_as_json_of_one_workspace_alone(self, config: Path) -> None:
        ended = run(config.parent, "doctor", "--format", "json", "--workspace", "acme")
        assert ended.exit_code == 0
        document = json.loads(ended.stdout)
        assert (document["version"], document["ok"]) == (__version__, True)
        assert [workspace["workspace"] for workspace in document["workspaces"]] == ["acme"]

    def test_marks_are_ascii_where_the_encoding_has_no_others(self, config: Path) -> None:
        said = run(config.parent, "doctor", charset="ascii").stdout
        for line in ("+ token            from", "x token accepted   HTTP 401", f"{' ' * 19}> put a valid token"):
            assert f"\n{line}" in said

    def test_on_the_simulated_api(self, tmp_path: Path) -> None:
        ended = run(tmp_path, "--demo", "doctor")
        assert ended.exit_code == 0
        assert ended.stdout.startswith("✓ configuration    the demo: 2 workspaces\n")
        assert ended.stdout.endswith("s of 4.2s (poll_timeout)\n\nEverything can be polled.\n")


class TestOnATerminal:
    def test_it_has_colours_and_shows_progress(self, config: Path) -> None:
        shown = terminal(config.parent, "doctor")
        assert shown.status == 1
        assert "\x1b[32m✓" in shown.raw
        assert "\x1b[31m\x1b[1m✗" in shown.raw
        assert "Waiting for the first page" in shown.text
        report = shown.text[shown.text.index("✓ ") :]
        assert "✗ token accepted   HTTP 401" in report
        assert report.rstrip().endswith("1 of 2 cannot be polled: globex.")

    def test_no_color_is_honoured_and_long_lines_wrap_in_their_column(self, config: Path) -> None:
        shown = terminal(config.parent, "doctor", "--workspace", "globex", NO_COLOR="1")
        assert "\x1b[32m" not in shown.raw
        lines = [line.rstrip() for line in shown.text.splitlines()]
        first = next(line for line in lines if line.startswith("✗ token accepted   HTTP 401"))
        assert len(first) <= 100
        assert lines[lines.index(first) + 1].startswith(" " * len("✗ token accepted   "))


UNUSABLE = """✗ configuration    config.yaml cannot be used
                   config.yaml: global.poll_interval: "60" has no unit; write 60s
                   config.yaml: workspaces[0]: has no authorization, here or in global; write one with \
credentials_file: /path/to/token or credentials_env: MIHU_API_TOKEN
                   → correct these problems; --config.check checks the file without polling

Nothing can be polled.
"""
WITHOUT_WORKSPACES = """! configuration    config.yaml: 0 workspaces
                   config.yaml: there are no workspaces, so nothing is polled

There is nothing to poll.
"""


@pytest.mark.parametrize(
    ("config", "status", "said"),
    [
        ("{global: {poll_interval: 60}, workspaces: [{subdomain: acme}]}", 1, UNUSABLE),
        ("workspaces: []", 0, WITHOUT_WORKSPACES),
    ],
)
def test_where_nothing_can_be_polled_it_says_why(tmp_path: Path, config: str, status: int, said: str) -> None:
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    ended = run(tmp_path, "doctor")
    assert (ended.exit_code, ended.stdout, ended.stderr) == (status, said, "")


def test_warnings_of_the_configuration_are_shown_and_do_not_fail(tmp_path: Path, api: Simulator) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN, encoding="utf-8")
    token.chmod(0o644)
    acme = f"name: acme, base_url: '{api.base_url('acme')}', authorization: {{credentials_file: token}}"
    (tmp_path / "config.yaml").write_text(f"workspaces: [{{{acme}}}]", encoding="utf-8")
    ended = run(tmp_path, "doctor")
    assert ended.exit_code == 0
    assert ended.stdout.startswith(
        "! configuration    config.yaml: 1 workspace\n"
        "                   config.yaml: workspaces[0].authorization.credentials_file: can be read by other users "
        "(its mode is 0644); chmod 600 keeps it private\n"
    )
    assert ended.stdout.endswith("\nEverything can be polled; what has a ! deserves attention (1).\n")
