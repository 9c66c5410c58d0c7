"""The environment: the workspace it names where there is no file, and proxies, with the precedence of curl and Go."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.polling import Bench

from exporter.cli import main
from exporter.commands.common import Common
from exporter.config.credentials import Authorization
from exporter.config.loading import load_environment
from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig, Workspace

Loaded = Callable[..., Workspace]
TOKEN, TOKEN_FILE = Authorization(credentials_env="MIHU_API_TOKEN"), Authorization(credentials_file=Path("/x"))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MIHU_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    def load_them(**variables: str) -> Workspace:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        (workspace,) = load_environment().workspaces
        return workspace

    return load_them


TWO_TOKENS = {"MIHU_API_TOKEN": "t", "MIHU_API_TOKEN_FILE": "t"}
ADDRESS = "https://acme.example.com:8443/mihu"


@pytest.mark.parametrize(
    ("variables", "name", "base_url", "credentials"),
    [
        ({"MIHU_SUBDOMAIN": "acme", "MIHU_API_TOKEN": "t"}, "acme", "https://acme.mihu.ai", TOKEN),
        ({"MIHU_BASE_URL": ADDRESS, "MIHU_API_TOKEN": "t"}, "acme.example.com:8443", ADDRESS, TOKEN),
        ({"MIHU_SUBDOMAIN": "acme", "MIHU_API_TOKEN_FILE": "/x"}, "acme", "https://acme.mihu.ai", TOKEN_FILE),
    ],
)
def test_an_address_and_a_token_are_a_workspace_with_the_defaults(
    variables: dict[str, str], name: str, base_url: str, credentials: Authorization, loaded: Loaded
) -> None:
    assert loaded(**variables) == Workspace(name=name, base_url=base_url, credentials=credentials)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"MIHU_SUBDOMAIN": "acme.mihu.ai"}, "MIHU_SUBDOMAIN: should be only the first part"),
        ({"MIHU_BASE_URL": "https://["}, "MIHU_BASE_URL: is not an address"),
        ({"MIHU_BASE_URL": "https://${SUB}.mihu.ai"}, "MIHU_BASE_URL: ${…} is not expanded"),
        ({"MIHU_SUBDOMAIN": "a", "MIHU_BASE_URL": "https://a"}, "has MIHU_SUBDOMAIN and MIHU_BASE_URL; keep one"),
        ({"MIHU_SUBDOMAIN": "a", **TWO_TOKENS}, "has MIHU_API_TOKEN_FILE and MIHU_API_TOKEN; keep one"),
        ({"MIHU_SUBDOMAIN": "a", "MIHU_API_TOKEN_FILE": "~/t"}, "MIHU_API_TOKEN_FILE: ~ is not expanded"),
    ],
)
def test_a_bad_value_is_reported_with_its_variable(variables: dict[str, str], message: str, loaded: Loaded) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(**variables)
    assert str(refused.value).startswith(f"the environment: {message}")


ACME = {"MIHU_SUBDOMAIN": "acme", "MIHU_API_TOKEN": "t"}


@pytest.mark.parametrize(
    ("flags", "variables", "status", "said"),
    [
        ("", ACME, 0, "the environment is valid\n"),
        ("", ACME | {"MIHU_CONFIG_FILE": "/nowhere/config.yaml"}, 0, "the environment is valid\n"),  # as an image has
        ("", {"MIHU_SUBDOMAIN": "acme"}, 0, "warning: the environment: no token: the environment variable"),
        ("--config.file nowhere.yaml", ACME, 1, "nowhere.yaml: there is no such file"),
        ("--config.file empty.yaml", ACME, 0, "empty.yaml is valid"),
        ("", {"MIHU_API_TOKEN": "t"}, 1, "config.yaml: there is no such file"),
    ],
)
def test_variables_replace_a_file_that_is_missing_and_was_not_asked_for(
    flags: str, variables: dict[str, str], status: int, said: str
) -> None:
    Path("empty.yaml").write_text("workspaces: []", encoding="utf-8")
    ended = CliRunner().invoke(main, ["--config.check", *flags.split()], env=variables)
    assert ended.exit_code == status
    assert said in ended.output


def test_a_file_in_its_usual_place_has_precedence_also_at_a_reload(loaded: Loaded) -> None:
    loaded(**ACME)
    common = Common()
    assert len(common.load().workspaces) == 1
    Path("config.yaml").write_text("workspaces: []", encoding="utf-8")
    assert common.load().workspaces == Common().load().workspaces == ()
    Path("config.yaml").unlink()
    with pytest.raises(ConfigError, match=r"config\.yaml: there is no such file"):
        common.load()


LoadText = Callable[[str], ValidatedConfig]
WithProxies = Callable[..., ValidatedConfig]

SOCKS = "socks5://u:s3cr3t@127.0.0.1:1080"
PROXY = "http://proxy.example:3128"


@pytest.fixture
def with_proxies(load_text: LoadText, monkeypatch: pytest.MonkeyPatch) -> WithProxies:
    """Load one workspace under variables, and check that a client can be made for it."""

    def load_it(address: str = "https://acme.mihu.ai", settings: str = "", **variables: str) -> ValidatedConfig:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        config = load_text(
            "global: {authorization: {credentials_env: MIHU_API_TOKEN}, proxy_from_environment: true}\n"
            f"workspaces: [{{name: acme, base_url: '{address}', allow_http: true, {settings}}}]\n"
        )
        Bench(None, config.workspaces[0])
        return config

    return load_it


def proxy_of(config: ValidatedConfig) -> str | None:
    return config.workspaces[0].proxy


@pytest.mark.parametrize(
    ("variables", "secure", "plain"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": PROXY}, PROXY, None),
        ({"HTTP_PROXY": PROXY}, None, PROXY),
        ({"ALL_PROXY": PROXY}, PROXY, PROXY),
        ({"all_proxy": "proxy.example:3128"}, PROXY, PROXY),
        ({"HTTPS_PROXY": "http://other", "https_proxy": PROXY}, PROXY, None),
        ({"HTTPS_PROXY": "http://other", "https_proxy": ""}, None, None),
        ({"HTTPS_PROXY": PROXY, "ALL_PROXY": SOCKS, "HTTP_PROXY": "http://other"}, PROXY, "http://other"),
    ],
)
def test_the_variable_of_the_scheme_has_precedence(
    variables: dict[str, str], secure: str | None, plain: str | None, with_proxies: WithProxies
) -> None:
    assert proxy_of(with_proxies("https://acme.example", **variables)) == secure
    assert proxy_of(with_proxies("http://acme.example", **variables)) == plain


@pytest.mark.parametrize("no_proxy", ["other", "*", "localhost, mihu.ai", ".mihu.ai other"])
def test_no_proxy_of_file_and_environment_are_combined(no_proxy: str, with_proxies: WithProxies) -> None:
    assert proxy_of(with_proxies(ALL_PROXY=PROXY, NO_PROXY=no_proxy)) == (PROXY if no_proxy == "other" else None)
    assert proxy_of(with_proxies(settings="no_proxy: [acme.mihu.ai]", ALL_PROXY=PROXY, NO_PROXY=no_proxy)) is None


def test_the_proxy_of_the_file_has_precedence_and_unused_variables_may_be_invalid(with_proxies: WithProxies) -> None:
    config = with_proxies(settings="proxy_url: 'http://own:1'", ALL_PROXY=SOCKS, NO_PROXY="*")
    assert (proxy_of(config), config.warnings) == ("http://own:1", ())
    config = with_proxies(ALL_PROXY=SOCKS, HTTP_PROXY="127.0.0.1:abc", NO_PROXY="mihu.ai")
    assert (proxy_of(config), config.warnings) == (None, ())
    config = with_proxies(ALL_PROXY=PROXY, NO_PROXY="10.0.0.0/33,mihu.ai")
    assert proxy_of(config) is None
    (warning,) = config.warnings
    assert 'the environment variable NO_PROXY: "10.0.0.0/33" is not a host' in warning


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"HTTPS_PROXY": "127.0.0.1:abc"}, "HTTPS_PROXY: is not an address; write it as http://proxy.internal:3128"),
        ({"https_proxy": "ftp://a"}, "HTTPS_PROXY: should begin with http:// or https://"),
        ({"ALL_PROXY": SOCKS}, "ALL_PROXY: SOCKS proxies are not supported; use an http:// or https:// proxy"),
    ],
)
def test_an_invalid_variable_is_named(variables: dict[str, str], message: str, with_proxies: WithProxies) -> None:
    with pytest.raises(ConfigError) as refused:
        with_proxies(**variables)
    (problem,) = refused.value.problems
    assert problem.endswith(f"config.yaml: global.proxy_from_environment: the environment variable {message}")
