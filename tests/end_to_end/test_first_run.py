"""What goes wrong when somebody tries the exporter for the first time: one clear message, with what to do.

What may be wrong with a token, a name or YAML is in tests/config and tests/api.
"""

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


@pytest.fixture(scope="module")
def api() -> Iterator[Simulator]:
    with simulating([Tenant("acme", TOKEN, Fleet.generate(30, seed=1))]) as simulator:
        yield simulator


@pytest.fixture
def poll(api: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Poll:
    """Return what polls the simulated API with a token in a file."""
    monkeypatch.chdir(tmp_path)

    def poll(token: str = TOKEN, name: str = "acme") -> Result:
        file = tmp_path / "token"
        file.write_text(token, encoding="utf-8")
        file.chmod(0o600)
        workspace = {
            "name": "acme",
            "base_url": api.base_url(name),
            "authorization": {"credentials_file": "token"},
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


def test_with_a_stale_token(poll: Poll) -> None:
    ended = poll("stale-token")
    assert ended.exit_code == 1
    assert ended.stderr == (
        "mihu-trunk-exporter: acme: HTTP 401 (INVALID_AUTH_TOKEN, Authentication token is invalid or has been "
        "revoked.): the token is missing, invalid, expired or revoked; put a valid token in place, where "
        "authorization in the configuration says\n"
    )


def test_with_a_subdomain_that_is_not_ours(poll: Poll) -> None:
    assert poll(name="acmee").stderr == (
        "mihu-trunk-exporter: acme: HTTP 404 (NOT_FOUND, There is no such workspace.): there is no such API there; "
        "check subdomain or base_url\n"
    )
