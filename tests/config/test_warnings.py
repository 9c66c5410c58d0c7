"""What is allowed, but deserves a line in the log."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.config.loading import load
from exporter.config.settings import ValidatedConfig

LoadText = Callable[[str], ValidatedConfig]
Warn = Callable[..., list[str]]


@pytest.fixture
def warn(load_text: LoadText, tmp_path: Path) -> Warn:
    """Return the warnings about workspaces in flow style that inherit a token, files named without their folder."""

    def warnings_about(*workspaces: str, inherited: str = "") -> list[str]:
        config = load_text(
            f"global: {{authorization: {{credentials_env: MIHU_API_TOKEN}}, {inherited}}}\n"
            f"workspaces: [{', '.join(workspaces)}]\n"
        )
        return [warning.replace(f"{tmp_path}/", "") for warning in config.warnings]

    return warnings_about


def test_a_token_that_cannot_be_read_yet(warn: Warn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPTY", "")
    assert warn(
        "{subdomain: acme, authorization: {credentials_file: missing}}",
        "{subdomain: globex, authorization: {credentials_env: MIHU_UNSET_TOKEN}}",
        "{subdomain: initech, authorization: {credentials_env: EMPTY}}",
    ) == [
        (
            "config.yaml: workspaces[0].authorization: no token: cannot read missing (No such file or directory); "
            "put the workspace's API token there"
        ),
        (
            "config.yaml: workspaces[1].authorization: no token: the environment variable MIHU_UNSET_TOKEN is not set; "
            "set it to the workspace's API token"
        ),
        (
            "config.yaml: workspaces[2].authorization: no token: the environment variable EMPTY is empty; "
            "put the workspace's API token there"
        ),
    ]


def test_a_token_that_many_workspaces_share_and_that_cannot_be_read_yet(
    warn: Warn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIHU_API_TOKEN")
    assert warn("{subdomain: acme}", "{subdomain: globex}") == [
        (
            "config.yaml: global.authorization: no token: the environment variable MIHU_API_TOKEN is not set; "
            "set it to the workspace's API token"
        )
    ]


def test_a_token_in_the_configuration(warn: Warn) -> None:
    assert warn("{subdomain: acme, authorization: {credentials: s3cr3t}}") == [
        (
            "config.yaml: workspaces[0].authorization.credentials: the token is in the configuration, "
            "where everyone who can read the file sees it; use credentials_file or credentials_env instead"
        )
    ]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_token_that_other_users_can_read(mode: int, warn: Warn, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cr3t", encoding="utf-8")
    token.chmod(mode)
    assert warn("{subdomain: acme, authorization: {credentials_file: token}}") == [
        (
            "config.yaml: workspaces[0].authorization.credentials_file: can be read by other users "
            f"(its mode is {mode:04o}); chmod 600 keeps it private"
        )
    ]
    token.chmod(0o600)
    assert warn("{subdomain: acme, authorization: {credentials_file: token}}") == []


def test_a_token_that_travels_unencrypted(warn: Warn) -> None:
    assert warn(
        "{name: acme, base_url: 'http://acme.example.com'}",
        "{name: loopback, base_url: 'http://127.0.0.1:8080'}",
        inherited="allow_http: true",
    ) == ["config.yaml: workspaces[0].base_url: the token is sent unencrypted, as allow_http allows"]


def test_a_certificate_that_is_not_checked(warn: Warn) -> None:
    assert warn("{subdomain: acme}", "{subdomain: globex}", inherited="tls_config: {insecure_skip_verify: true}") == [
        (
            "config.yaml: global.tls_config.insecure_skip_verify: anyone between here and the server can pose as it "
            "and read the token; trust its authority with ca_file instead"
        )
    ]


def test_more_trunks_a_page_than_the_api_documents(warn: Warn) -> None:
    assert warn("{subdomain: acme, per_page: 101}") == [
        (
            "config.yaml: workspaces[0].per_page: 101 is more than the 100 that the API documents; "
            "it may send fewer trunks a page, or refuse"
        )
    ]
    assert warn("{subdomain: acme, per_page: 100}") == []


def test_a_filter_that_hides_what_becomes_unbound(warn: Warn) -> None:
    hides = "a trunk that loses the binding leaves the list instead of showing as unbound, so the expected and"
    assert warn("{subdomain: acme, filter: {channel: whatsapp, search: '1'}}") == [
        f"config.yaml: workspaces[0].filter.channel: {hides} unbound metrics leave out whatsapp"
    ]
    assert warn("{subdomain: acme, filter: {channel: call, agent_uuid: a1}}") == [
        f"config.yaml: workspaces[0].filter.agent_uuid: {hides} unbound metrics leave out every channel"
    ]
    assert warn("{subdomain: acme, filter: {search: '1'}}") == []


def test_a_rule_after_one_that_matches_everything(warn: Warn) -> None:
    rules = "[{match: {type: geo}, channels: []}, {match: {}, channels: []}, {channels: auto}]"
    assert warn(f"{{subdomain: acme, expect: {rules}}}") == [
        (
            "config.yaml: workspaces[0].expect[2]: never applies, because workspaces[0].expect[1] matches every trunk; "
            "move that to the end"
        )
    ]


def test_a_family_to_leave_out_that_there_is_not(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    patterns = "[mihu_trunk_capabilty, mihu_trunks, mihu_trunk_.*, mihu_trunk_status]"
    path.write_text(f"workspaces: []\nmetrics: {{deny: {patterns}}}", encoding="utf-8")
    families = ("mihu_trunk_capability", "mihu_trunk_status")
    unmatched = "matches no family of single trunks, and others are never left out"
    assert load(path, families).warnings[1:] == (
        (f'{path}: metrics.deny[0]: "mihu_trunk_capabilty" {unmatched}; did you mean mihu_trunk_capability?'),
        f'{path}: metrics.deny[1]: "mihu_trunks" {unmatched}; did you mean mihu_trunk_status?',
    )
    assert len(load(path).warnings) == 1


@pytest.mark.parametrize("text", ["workspaces: []", "workspace_files: []"])
def test_no_workspaces_at_all(text: str, load_text: LoadText, tmp_path: Path) -> None:
    assert load_text(text).warnings == (f"{tmp_path}/config.yaml: there are no workspaces, so nothing is polled",)


def test_a_pattern_that_matches_no_file(load_text: LoadText, tmp_path: Path) -> None:
    assert load_text("workspace_files: ['workspaces.d/*.yaml']").warnings == (
        f'{tmp_path}/config.yaml: workspace_files[0]: "workspaces.d/*.yaml" matches no file',
        f"{tmp_path}/config.yaml: there are no workspaces, so nothing is polled",
    )
