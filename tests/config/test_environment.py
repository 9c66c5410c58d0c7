"""Without a file, environment variables say which workspace is polled."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from exporter.cli import main
from exporter.config.credentials import Credentials, EnvironmentCredentials, FileCredentials
from exporter.config.loading import load_environment
from exporter.config.problems import ConfigError
from exporter.config.settings import Workspace

Loaded = Callable[..., Workspace]
TOKEN = EnvironmentCredentials("MIHU_API_TOKEN")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MIHU_SUBDOMAIN", "MIHU_BASE_URL", "MIHU_API_TOKEN", "MIHU_API_TOKEN_FILE", "MIHU_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    def load_them(**variables: str) -> Workspace:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        (workspace,) = load_environment().workspaces
        return workspace

    return load_them


def check(*flags: str, **variables: str) -> tuple[int, str]:
    ended = CliRunner().invoke(main, ["--config.check", *flags], env=variables)
    return ended.exit_code, ended.output


TWO_TOKENS = {"MIHU_API_TOKEN": "t", "MIHU_API_TOKEN_FILE": "t"}
ADDRESS = "https://acme.example.com:8443/mihu"


@pytest.mark.parametrize(
    ("variables", "name", "base_url", "credentials"),
    [
        ({"MIHU_SUBDOMAIN": "acme", "MIHU_API_TOKEN": "t"}, "acme", "https://acme.mihu.ai", TOKEN),
        ({"MIHU_BASE_URL": ADDRESS, "MIHU_API_TOKEN": "t"}, "acme.example.com:8443", ADDRESS, TOKEN),
        (
            {"MIHU_SUBDOMAIN": "acme", "MIHU_API_TOKEN_FILE": "/x"},
            "acme",
            "https://acme.mihu.ai",
            FileCredentials(Path("/x")),
        ),
    ],
)
def test_an_address_and_a_token_are_a_workspace_with_the_defaults(
    variables: dict[str, str], name: str, base_url: str, credentials: Credentials, loaded: Loaded
) -> None:
    assert loaded(**variables) == Workspace(name=name, base_url=base_url, credentials=credentials)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"MIHU_SUBDOMAIN": "acme.mihu.ai"}, "MIHU_SUBDOMAIN: should be only the first part"),
        ({"MIHU_BASE_URL": "https://["}, "MIHU_BASE_URL: is not an address"),
        ({"MIHU_BASE_URL": "https://${SUB}.mihu.ai"}, "MIHU_BASE_URL: ${…} is not expanded"),
        ({"MIHU_SUBDOMAIN": "a", "MIHU_BASE_URL": "https://a"}, "has subdomain and base_url; keep one"),
        ({"MIHU_SUBDOMAIN": "a", **TWO_TOKENS}, "has credentials_file and credentials_env; keep one of them"),
        ({"MIHU_SUBDOMAIN": "a", "MIHU_API_TOKEN_FILE": "~/t"}, "MIHU_API_TOKEN_FILE: ~ is not expanded"),
    ],
)
def test_a_bad_value_is_reported_with_its_variable(variables: dict[str, str], message: str, loaded: Loaded) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(**variables)
    assert str(refused.value).startswith(f"the environment: {message}")


def test_variables_replace_a_missing_file() -> None:
    assert check(MIHU_SUBDOMAIN="acme", MIHU_API_TOKEN="t") == (0, "the environment is valid\n")
    # An image names where a file may be mounted.
    image = {"MIHU_CONFIG_FILE": "/nowhere/config.yaml"}
    assert check(MIHU_SUBDOMAIN="acme", MIHU_API_TOKEN="t", **image) == (0, "the environment is valid\n")
    status, output = check(MIHU_SUBDOMAIN="acme")
    assert status == 0
    assert "warning: the environment: workspaces[0].authorization: no token: the environment variable" in output


def test_a_file_has_precedence(tmp_path: Path) -> None:
    status, output = check("--config.file", "nowhere.yaml", MIHU_SUBDOMAIN="acme", MIHU_API_TOKEN="t")
    assert status == 1
    assert "nowhere.yaml: there is no such file" in output
    (tmp_path / "config.yaml").write_text("workspaces: []", encoding="utf-8")
    assert "config.yaml is valid" in check(MIHU_SUBDOMAIN="acme", MIHU_API_TOKEN="t")[1]


def test_a_token_without_an_address_is_no_workspace() -> None:
    status, output = check(MIHU_API_TOKEN="t")
    assert status == 1
    assert "config.yaml: there is no such file" in output
    assert "set MIHU_SUBDOMAIN and MIHU_API_TOKEN" in output
