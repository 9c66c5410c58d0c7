"""What goes wrong when somebody tries the exporter for the first time: one clear message, with what to do."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.processes import ran
from support.simulating import simulating

from exporter.cli import main
from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator

Poll = Callable[..., Result]

TOKEN = "token-a"
UNKNOWN = f"http://{'a' * 64}.localhost"  # too long a label, so that the resolver refuses it without asking anybody


@pytest.fixture(scope="module")
def api() -> Iterator[Simulator]:
    with simulating([Tenant("acme", TOKEN, Fleet.generate(30, seed=1))]) as simulator:
        yield simulator


@pytest.fixture
def poll(api: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Poll:
    """Return what polls the simulated API with a token in a file, unless it is said to be elsewhere."""
    monkeypatch.chdir(tmp_path)

    def poll(token: str = TOKEN, base_url: str = "{api}/acme", **authorization: str) -> Result:
        file = tmp_path / "token"
        file.write_text(token, encoding="utf-8")
        file.chmod(0o600)
        workspace = {
            "name": "acme",
            "base_url": base_url.format(api=f"http://127.0.0.1:{api.port}"),
            "authorization": authorization or {"credentials_file": "token"},
        }
        # JSON is YAML.
        (tmp_path / "config.yaml").write_text(json.dumps({"workspaces": [workspace]}), encoding="utf-8")
        return CliRunner().invoke(main, ["once"], prog_name="mihu-trunk-exporter")

    return poll


@pytest.mark.parametrize("flags", [(), ("once",), ("--config.check",)], ids=["run", "once", "check"])
def test_without_a_configuration(flags: tuple[str, ...], tmp_path: Path) -> None:
    ended = ran(tmp_path, *flags)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "mihu-trunk-exporter: config.yaml: there is no such file; name another with --config.file, set "
        "MIHU_SUBDOMAIN and MIHU_API_TOKEN, try --demo, or write\n"
        "    workspaces:\n"
        "      - subdomain: acme # the first part of https://acme.mihu.ai\n"
        "        authorization: {credentials_env: MIHU_API_TOKEN}\n"
    )


def test_with_tabs(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("workspaces:\n\t- subdomain: acme\n", encoding="utf-8")
    ended = ran(tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "mihu-trunk-exporter: config.yaml: line 2, column 1: a tab is used for indentation; YAML allows spaces only\n"
    )


def test_with_a_newline_after_the_token_nothing_goes_wrong(poll: Poll) -> None:
    ended = poll(f"{TOKEN}\r\n")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert 'mihu_up{workspace="acme"} 1\n' in ended.stdout


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "no token: token is empty; put the workspace's API token there"),
        (f'"{TOKEN}"\n', "token has quotes around the token; write only the token"),
        (
            f"Bearer {TOKEN}\n",
            'token begins with "Bearer ", which is added when the token is sent; write only the token',
        ),
        (
            "stale-token",
            (
                "HTTP 401 (INVALID_AUTH_TOKEN, Authentication token is invalid or has been revoked.): the token is "
                "missing, invalid, expired or revoked; put a valid token in place, where authorization in the "
                "configuration says"
            ),
        ),
    ],
    ids=["nothing in its file", "quotes", "Bearer", "a stale one"],
)
def test_with_a_token_that_is_none(token: str, said: str, poll: Poll) -> None:
    ended = poll(token)
    assert ended.exit_code == 1
    assert ended.stderr == f"mihu-trunk-exporter: acme: {said}\n"


def test_without_a_token(poll: Poll) -> None:
    assert poll(credentials_env="MIHU_NO_SUCH_TOKEN").stderr == (
        "mihu-trunk-exporter: acme: no token: the environment variable MIHU_NO_SUCH_TOKEN is not set; "
        "set it to the workspace's API token\n"
    )


def test_with_a_subdomain_that_nobody_has(poll: Poll) -> None:
    ended = poll(base_url=UNKNOWN)
    assert ended.exit_code == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"mihu-trunk-exporter: acme: cannot resolve {UNKNOWN.removeprefix('http://')}: [Errno ")
    assert line.endswith("; check subdomain or base_url, proxy_url and DNS")


def test_with_a_subdomain_that_is_not_ours(poll: Poll) -> None:
    assert poll(base_url="{api}/acmee").stderr == (
        "mihu-trunk-exporter: acme: HTTP 404 (NOT_FOUND, There is no such workspace.): there is no such API there; "
        "check subdomain or base_url\n"
    )
