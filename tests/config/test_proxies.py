"""The proxy of the environment is read with the configuration, with the precedence that curl and Go give it."""

import os
from collections.abc import Callable

import pytest
from support.polling import Bench

from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig, Workspace

LoadText = Callable[[str], ValidatedConfig]
Loaded = Callable[..., ValidatedConfig]

SOCKS = "socks5://u:s3cr3t@127.0.0.1:1080"
PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def loaded(load_text: LoadText, monkeypatch: pytest.MonkeyPatch) -> Loaded:
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
    workspace: Workspace = config.workspaces[0]
    return workspace.proxy.url_to(workspace.base_url)


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
    variables: dict[str, str], secure: str | None, plain: str | None, loaded: Loaded
) -> None:
    assert proxy_of(loaded("https://acme.example", **variables)) == secure
    assert proxy_of(loaded("http://acme.example", **variables)) == plain


@pytest.mark.parametrize("no_proxy", ["other", "*", "localhost, mihu.ai", ".mihu.ai other"])
def test_no_proxy_of_file_and_environment_are_combined(no_proxy: str, loaded: Loaded) -> None:
    assert proxy_of(loaded(ALL_PROXY=PROXY, NO_PROXY=no_proxy)) == (PROXY if no_proxy == "other" else None)
    assert proxy_of(loaded(settings="no_proxy: [acme.mihu.ai]", ALL_PROXY=PROXY, NO_PROXY=no_proxy)) is None


def test_the_proxy_of_the_file_has_precedence(loaded: Loaded) -> None:
    config = loaded(settings="proxy_url: 'http://own:1'", ALL_PROXY=SOCKS, NO_PROXY="*")
    assert proxy_of(config) == "http://own:1"
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"HTTPS_PROXY": "127.0.0.1:abc"}, "HTTPS_PROXY: is not an address; write it as http://proxy.internal:3128"),
        ({"https_proxy": "ftp://a"}, "HTTPS_PROXY: should begin with http:// or https://"),
        ({"ALL_PROXY": SOCKS}, "ALL_PROXY: SOCKS proxies are not supported; use an http:// or https:// proxy"),
    ],
)
def test_an_invalid_variable_is_refused_by_its_name(variables: dict[str, str], message: str, loaded: Loaded) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(**variables)
    (problem,) = refused.value.problems
    assert (problem.path, problem.message) == ("global.proxy_from_environment", f"the environment variable {message}")


def test_an_unused_variable_may_be_invalid(loaded: Loaded) -> None:
    config = loaded(ALL_PROXY=SOCKS, HTTP_PROXY="127.0.0.1:abc", NO_PROXY="mihu.ai")
    assert (proxy_of(config), config.warnings) == (None, ())


def test_an_entry_of_no_proxy_that_cannot_be_read_is_warned_about(loaded: Loaded) -> None:
    config = loaded(ALL_PROXY=PROXY, NO_PROXY="10.0.0.0/33,mihu.ai")
    assert proxy_of(config) is None
    (warning,) = config.warnings
    assert 'the environment variable NO_PROXY: "10.0.0.0/33" is not a host' in warning
