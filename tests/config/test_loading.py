"""The settings that result from the keys of a workspace and of ``global``."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from exporter.config.credentials import EnvironmentCredentials, FileCredentials, InlineCredentials, Secret
from exporter.config.loading import load
from exporter.config.patterns import any_matches, compile_pattern
from exporter.config.problems import ConfigError
from exporter.config.settings import (
    TLS,
    ExpectRule,
    Filter,
    Match,
    Metrics,
    NumberStyle,
    Proxy,
    Remember,
    Statuses,
    ValidatedConfig,
    Workspace,
    status_patterns,
)

LoadText = Callable[[str], ValidatedConfig]
LoadWorkspace = Callable[..., Workspace]

TOKEN = EnvironmentCredentials("MIHU_API_TOKEN")
ACME = Workspace(name="acme", base_url="https://acme.mihu.ai", credentials=TOKEN)


def test_a_workspace_needs_a_subdomain_and_a_token_only(load_workspace: LoadWorkspace, load_text: LoadText) -> None:
    assert load_workspace() == ACME
    capitals = load_text("workspaces: [{subdomain: Acme, authorization: {credentials_env: MIHU_API_TOKEN}}]")
    assert capitals.workspaces == (ACME,)


@pytest.mark.parametrize(
    ("own", "inherited", "settings"),
    [
        pytest.param(
            "per_page: 50, verify_total: true",
            "per_page: 25, concurrency: 2, max_trunks: 10, verify_total: false",
            {"per_page": 50, "concurrency": 2, "max_trunks": 10, "verify_total": True},
            id="key by key",
        ),
        pytest.param("per_page: null, filter: , expect: ~", "per_page: 25", {"per_page": 25}, id="null is absent"),
        pytest.param(
            "filter: {search: '+39'}, tls_config: {}, expect: [], authorization: {credentials_file: /token}",
            "filter: {agent_uuid: a1}, tls_config: {server_name: mihu}, expect: [{channels: []}]",
            {
                "filter": Filter(search="+39"),
                "tls": TLS(),
                "expect": (),
                "credentials": FileCredentials(Path("/token")),
            },
            id="a section as a whole",
        ),
        pytest.param(
            "",
            "filter: {agent_uuid: a1}, tls_config: {server_name: mihu}, expect: [{channels: []}]",
            {
                "filter": Filter(agent_uuid="a1"),
                "tls": TLS(server_name="mihu"),
                "expect": (ExpectRule(channels=()),),
                "credentials": TOKEN,
            },
            id="a section is inherited as a whole",
        ),
        pytest.param(
            "no_proxy: 'localhost, .internal,*.example.com,::1,10.0.0.1:8080'",
            "proxy_url: 'http://user:s3cr3t@proxy:3128', no_proxy: [other], proxy_from_environment: true",
            {
                "proxy": Proxy(
                    url="http://user:s3cr3t@proxy:3128",
                    no_proxy=("localhost", ".internal", "*.example.com", "::1", "10.0.0.1:8080"),
                    from_environment=True,
                )
            },
            id="the proxy key by key",
        ),
        pytest.param(
            "expect: ["
            r"{match: {number: '\+39.*', type: [mobile, geo], country_code: IT, status: []}, "
            "channels: [sms, call, sms]}, {channels: auto}]",
            "",
            {
                "expect": (
                    ExpectRule(
                        match=Match(
                            number=(compile_pattern(r"\+39.*"),),
                            type=(compile_pattern("mobile"), compile_pattern("geo")),
                            country_code=(compile_pattern("IT"),),
                        ),
                        channels=("call", "sms"),
                    ),
                    ExpectRule(channels=None),
                )
            },
            id="channels once, in their order",
        ),
        pytest.param(
            "statuses: {active: [live, 'on.*'], pending: []}",
            "statuses: {rejected: never}",
            {"statuses": Statuses(active=status_patterns("live", "on.*"), pending=())},
            id="statuses",
        ),
        pytest.param("", "", {"remember": Remember(lost=7 * 86_400, gone=86_400)}, id="remember"),
        pytest.param("remember: {gone: 2h}", "", {"remember": Remember(gone=7200)}, id="remember gone"),
        pytest.param("", "remember: {lost: 3w}", {"remember": Remember(lost=21 * 86_400)}, id="remember lost"),
    ],
)
def test_keys_of_a_workspace_have_precedence_over_global(
    own: str, inherited: str, settings: Mapping[str, object], load_workspace: LoadWorkspace
) -> None:
    workspace = load_workspace(own, inherited)
    assert {name: getattr(workspace, name) for name in settings} == settings


@pytest.mark.parametrize(
    ("settings", "poll_timeout", "request_timeout", "max_staleness"),
    [
        ("", 50, 10, 300),
        ("poll_interval: 2m", 100, 10, 600),
        ("poll_interval: 6s", 5, 5, 30),
        ("poll_timeout: 1m", 60, 10, 300),
        ("poll_timeout: 5s", 5, 5, 300),
        ("poll_timeout: 5s, request_timeout: 30s", 5, 5, 300),
        ("request_timeout: 30s", 50, 30, 300),
        ("max_staleness: 2m", 50, 10, 120),
    ],
)
def test_durations_that_are_not_given_follow_from_those_that_are(
    settings: str,
    poll_timeout: float,
    request_timeout: float,
    max_staleness: float,
    load_workspace: LoadWorkspace,
) -> None:
    for workspace in (load_workspace(settings), load_workspace(inherited=settings)):
        assert workspace.poll_timeout == poll_timeout
        assert workspace.request_timeout == request_timeout
        assert workspace.max_staleness == max_staleness


@pytest.mark.parametrize(
    ("meaning", "statuses", "others"),
    [
        ("active", ("active", "ACTIVE", "in-use", "InUse", "enabled"), ("inactive", "activated", "", "used")),
        ("pending", ("pending", "Under Review", "porting_in", "IN_PROGRESS"), ("active", "suspended", "")),
        ("compliant", ("completed", "Complete", "not_required", "EXEMPT"), ("incomplete", "pending", "")),
        ("rejected", ("rejected", "Declined by carrier", "EXPIRED"), ("completed", "pending", "")),
    ],
)
def test_default_statuses(meaning: str, statuses: Sequence[str], others: Sequence[str]) -> None:
    patterns = getattr(ACME.statuses, meaning)
    assert [status for status in (*statuses, *others) if any_matches(patterns, status)] == list(statuses)


def test_metrics_are_as_written(load_text: LoadText) -> None:
    config = load_text(
        "workspaces: []\n"
        "metrics: {number: masked, agent_names: false, trunk_details: false, deny: ['mihu_trunk_.*_fee']}"
    )
    assert config.metrics == Metrics(
        number=NumberStyle.MASKED,
        agent_names=False,
        trunk_details=False,
        deny=(compile_pattern("mihu_trunk_.*_fee"),),
    )


@pytest.mark.parametrize("name", ["US$", "$ervices", "a~b", "~", "{a}", "100 % $HOME"])
def test_other_dollars_and_tildes_are_kept(name: str, load_workspace: LoadWorkspace) -> None:
    assert load_workspace(f"name: '{name}'").name == name


def test_merged_keys_are_no_duplicates(load_text: LoadText) -> None:
    config = load_text(
        "workspaces:\n"
        "  - &first\n"
        "    subdomain: acme\n"
        "    authorization: {credentials_env: MIHU_API_TOKEN}\n"
        "  - <<: *first\n"
        "    subdomain: globex\n"
    )
    assert [workspace.name for workspace in config.workspaces] == ["acme", "globex"]


def test_a_byte_order_mark_is_ignored(load_text: LoadText) -> None:
    assert load_text("\N{BYTE ORDER MARK}workspaces: []").workspaces == ()


def test_paths_are_relative_to_the_file_they_stand_in(load_text: LoadText, tmp_path: Path) -> None:
    (tmp_path / "workspaces.d").mkdir()
    (tmp_path / "workspaces.d/a").write_text(
        "- {subdomain: acme}\n"
        "- {subdomain: globex, authorization: {credentials_file: own}}\n"
        "- {subdomain: initech, authorization: {credentials_file: /run/secrets/token}}\n",
        encoding="utf-8",
    )
    config = load_text("global: {authorization: {credentials_file: inherited}}\nworkspace_files: ['workspaces.d/*']")
    assert [workspace.credentials for workspace in config.workspaces] == [
        FileCredentials(tmp_path / "inherited"),
        FileCredentials(tmp_path / "workspaces.d/own"),
        FileCredentials(Path("/run/secrets/token")),
    ]


def test_workspace_files_follow_in_order_each_once(load_text: LoadText, tmp_path: Path) -> None:
    (tmp_path / "more/deep").mkdir(parents=True)
    for name in ("b.yaml", "a.yaml", "c.yaml", "deep/d.yaml"):
        (tmp_path / "more" / name).write_text(f"[{{subdomain: {Path(name).stem}}}]", encoding="utf-8")
    (tmp_path / "more/empty.yaml").write_text("[]", encoding="utf-8")
    config = load_text(
        "global: {authorization: {credentials_env: MIHU_API_TOKEN}}\n"
        "workspaces: [{subdomain: first}]\n"
        f"workspace_files: [more/c.yaml, 'more/*.yaml', '{tmp_path}/more/**/d.yaml']\n"
    )
    assert [workspace.name for workspace in config.workspaces] == ["first", "c", "a", "b", "d"]
    assert config.warnings == ()


def test_the_hash_changes_with_what_the_files_hold(tmp_path: Path) -> None:
    def hash_of(folder: str, main: str = "workspace_files: ['*.list']", more: str = "[]") -> int:
        directory = tmp_path / folder
        directory.mkdir(exist_ok=True)
        (directory / "config.yaml").write_text(main, encoding="utf-8")
        (directory / "a.list").write_text(more, encoding="utf-8")
        return load(directory / "config.yaml").hash

    unchanged = hash_of("here")
    assert unchanged == hash_of("here") == hash_of("elsewhere")
    assert 0 < unchanged < 2**48
    changed = {hash_of("1", main="workspace_files: [a.list]"), hash_of("2", more="[ ]")}
    assert len({unchanged, *changed}) == 3


def test_secrets_are_not_in_a_representation(load_workspace: LoadWorkspace) -> None:
    workspace = load_workspace(
        "authorization: {credentials: s3cr3t}, proxy_url: 'http://user:s3cr3t@proxy.example.com:3128'"
    )
    assert workspace.credentials == InlineCredentials(Secret("s3cr3t"))
    assert "s3cr3t" not in f"{workspace} {workspace!r} {workspace.credentials} {workspace.proxy}"


def test_1000_workspaces_load_in_a_second(load_text: LoadText) -> None:
    workspace = "- {{subdomain: w{}, expect: [{{match: {{number: '\\+39.*'}}, channels: [call]}}]}}\n"
    begun = time.process_time()
    config = load_text(
        "global: {authorization: {credentials_env: MIHU_API_TOKEN}}\nworkspaces:\n"
        f"{''.join(map(workspace.format, range(1000)))}"
    )
    assert len(config.workspaces) == 1000
    assert time.process_time() - begun < 1


def test_1000_mistakes_are_reported_in_1_5_seconds(load_text: LoadText) -> None:
    begun = time.process_time()
    with pytest.raises(ConfigError) as refused:
        load_text("workspaces:\n" + "".join(f"- {{subdomain: w{n}, pol_interval: 60s}}\n" for n in range(1000)))
    assert str(refused.value).count("pol_interval: unknown key; did you mean poll_interval?") == 1000
    assert time.process_time() - begun < 1.5
