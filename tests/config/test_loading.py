import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

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


def test_a_workspace_needs_a_subdomain_and_a_token_only(load_workspace: LoadWorkspace) -> None:
    assert load_workspace() == Workspace(name="acme", base_url="https://acme.mihu.ai", credentials=TOKEN)


def test_a_subdomain_is_as_good_in_capitals(load_text: LoadText) -> None:
    config = load_text("workspaces: [{subdomain: Acme, authorization: {credentials_env: MIHU_API_TOKEN}}]")
    assert config.workspaces == (Workspace(name="acme", base_url="https://acme.mihu.ai", credentials=TOKEN),)


def test_a_workspace_overrides_global_key_by_key(load_workspace: LoadWorkspace) -> None:
    workspace = load_workspace(
        "per_page: 50, verify_total: true",
        "per_page: 25, concurrency: 2, max_trunks: 10, verify_total: false",
    )
    assert (workspace.per_page, workspace.concurrency, workspace.max_trunks) == (50, 2, 10)
    assert workspace.verify_total is True


def test_null_is_as_good_as_absent(load_workspace: LoadWorkspace) -> None:
    assert load_workspace("per_page: null, filter: , expect: ~", "per_page: 25").per_page == 25


def test_sections_are_overridden_as_a_whole(load_workspace: LoadWorkspace) -> None:
    workspace = load_workspace(
        "filter: {search: '+39'}, tls_config: {}, expect: [], authorization: {credentials_file: token}",
        "filter: {agent_uuid: a1}, tls_config: {server_name: mihu}, expect: [{channels: []}]",
    )
    assert workspace.filter == Filter(search="+39")
    assert workspace.tls == TLS()
    assert workspace.expect == ()
    assert isinstance(workspace.credentials, FileCredentials)


def test_sections_are_inherited_as_a_whole(load_workspace: LoadWorkspace) -> None:
    workspace = load_workspace(
        inherited="filter: {agent_uuid: a1}, tls_config: {server_name: mihu}, expect: [{channels: []}]"
    )
    assert workspace.filter == Filter(agent_uuid="a1")
    assert workspace.tls == TLS(server_name="mihu")
    assert workspace.expect == (ExpectRule(channels=()),)


def test_the_keys_of_the_proxy_are_overridden_one_by_one(load_workspace: LoadWorkspace) -> None:
    workspace = load_workspace(
        "no_proxy: 'localhost, .internal,*.example.com,::1,10.0.0.1:8080'",
        "proxy_url: 'http://user:s3cr3t@proxy:3128', no_proxy: [other], proxy_from_environment: true",
    )
    assert workspace.proxy == Proxy(
        url="http://user:s3cr3t@proxy:3128",
        no_proxy=("localhost", "*.internal", "*.example.com", "::1", "10.0.0.1:8080"),
        from_environment=True,
    )


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


def test_expected_channels_are_listed_once_in_their_order(load_workspace: LoadWorkspace) -> None:
    workspace = load_workspace(
        "expect: ["
        r"{match: {number: '\+39.*', type: [mobile, geo], country_code: IT, status: []}, channels: [sms, call, sms]},"
        "{channels: auto}]"
    )
    assert workspace.expect == (
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


@pytest.mark.parametrize(
    ("meaning", "statuses", "others"),
    [
        ("active", ("active", "ACTIVE", "in-use", "InUse", "enabled"), ("inactive", "activated", "", "used")),
        ("pending", ("pending", "Under Review", "porting_in", "IN_PROGRESS"), ("active", "suspended", "")),
        ("compliant", ("completed", "Complete", "not_required", "EXEMPT"), ("incomplete", "pending", "")),
        ("rejected", ("rejected", "Declined by carrier", "EXPIRED"), ("completed", "pending", "")),
    ],
)
def test_statuses_mean_what_they_say(
    meaning: str, statuses: Sequence[str], others: Sequence[str], load_workspace: LoadWorkspace
) -> None:
    patterns = getattr(load_workspace().statuses, meaning)
    assert [status for status in (*statuses, *others) if any_matches(patterns, status)] == list(statuses)


def test_statuses_may_mean_something_else(load_workspace: LoadWorkspace) -> None:
    statuses = load_workspace("statuses: {active: [live, 'on.*'], pending: []}", "statuses: {rejected: never}").statuses
    assert statuses == Statuses(active=status_patterns("live", "on.*"), pending=())
    assert any_matches(statuses.active, "ONLINE")


def test_what_is_remembered_for_how_long(load_workspace: LoadWorkspace) -> None:
    assert load_workspace().remember == Remember(lost=7 * 86_400, gone=86_400)
    assert load_workspace("remember: {gone: 2h}").remember == Remember(lost=7 * 86_400, gone=7200)
    assert load_workspace(inherited="remember: {lost: 3w}").remember == Remember(lost=21 * 86_400, gone=86_400)


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


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ("credentials_file: ~/token", "write /home/op in its place"),
        ("credentials_file: '~'", "write /home/op in its place"),
        ("credentials_file: ~nobody-of-this-name/token", "write the path from / on"),
        ("credentials: '${MIHU_API_TOKEN}'", "write credentials_env: MIHU_API_TOKEN instead"),
        ("credentials: $OTHER_TOKEN", "write credentials_env: OTHER_TOKEN instead"),
        ("credentials: '${hush'", "write credentials_env: MIHU_API_TOKEN instead"),
    ],
)
def test_what_a_shell_would_fill_in_is_refused_with_what_to_write(
    settings: str, advice: str, load_workspace: LoadWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/op")
    with pytest.raises(ConfigError) as refused:
        load_workspace(f"authorization: {{{settings}}}")
    assert advice in str(refused.value)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("name", ["US$", "$ervices", "a~b", "~", "{a}", "100 % $HOME"])
def test_a_dollar_or_tilde_that_means_nothing_to_a_shell_is_taken_as_written(
    name: str, load_workspace: LoadWorkspace
) -> None:
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


def test_a_byte_order_mark_is_not_part_of_the_configuration(load_text: LoadText) -> None:
    assert load_text("\N{BYTE ORDER MARK}workspaces: []").workspaces == ()


def test_paths_are_relative_to_the_file_they_stand_in(tmp_path: Path) -> None:
    (tmp_path / "workspaces.d").mkdir()
    (tmp_path / "config.yaml").write_text(
        "global: {authorization: {credentials_file: inherited}}\nworkspace_files: ['workspaces.d/*']",
        encoding="utf-8",
    )
    (tmp_path / "workspaces.d/a").write_text(
        "- {subdomain: acme}\n"
        "- {subdomain: globex, authorization: {credentials_file: own}}\n"
        "- {subdomain: initech, authorization: {credentials_file: /run/secrets/token}}\n",
        encoding="utf-8",
    )
    config = load(tmp_path / "config.yaml")
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


def test_thousands_of_workspaces_load_in_moments(load_text: LoadText) -> None:
    workspaces = (
        f"- {{subdomain: w{number}, poll_interval: 2m, expect: [{{match: {{number: '\\+39.*'}}, channels: [call]}}]}}\n"
        for number in range(2000)
    )
    begun = time.process_time()
    config = load_text(
        f"global: {{authorization: {{credentials_env: MIHU_API_TOKEN}}}}\nworkspaces:\n{''.join(workspaces)}"
    )
    assert len(config.workspaces) == 2000
    assert time.process_time() - begun < 2


def test_thousands_of_mistakes_are_found_in_moments(load_text: LoadText) -> None:
    workspaces = (f"- {{subdomain: w{number}, pol_interval: 60s}}\n" for number in range(2000))
    begun = time.process_time()
    with pytest.raises(ConfigError) as refused:
        load_text(f"workspaces:\n{''.join(workspaces)}")
    assert len([problem for problem in refused.value.problems if "pol_interval" in problem.path]) == 2000
    assert time.process_time() - begun < 3


def calls_to_refuse(mistakes: int, path: Path) -> int:
    """Load so many workspaces with one misspelt key each; return how many functions are called for that."""
    path.write_text(
        "workspaces:\n" + "".join(f"- {{subdomain: w{number}, pol_interval: 60s}}\n" for number in range(mistakes)),
        encoding="utf-8",
    )
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        with pytest.raises(ConfigError) as refused:
            load(path)
    finally:
        sys.setprofile(None)
    assert len([problem for problem in refused.value.problems if "pol_interval" in problem.path]) == mistakes
    return calls


def test_many_mistakes_take_no_longer_each_than_a_few(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    calls_to_refuse(1, path)  # what is cached once
    assert calls_to_refuse(400, path) < 2.2 * calls_to_refuse(200, path)
