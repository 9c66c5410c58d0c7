"""The configuration in force, as it is shown."""

from collections.abc import Callable

import pytest
import yaml

from exporter.config.settings import ValidatedConfig
from exporter.config.showing import shown

EVERYTHING = r"""
global:
  poll_interval: 2m
  authorization: {credentials_env: MIHU_API_TOKEN}
workspaces:
  - subdomain: acme
    name: "Acme: Italia, àè"
    poll_timeout: 1m30s
    request_timeout: 1500ms
    max_staleness: 1h
    per_page: 50
    concurrency: 2
    max_trunks: 100
    verify_total: false
    tls_config: {server_name: other.test, insecure_skip_verify: true}
    proxy_url: http://proxy.test:3128
    no_proxy: [localhost]
    proxy_from_environment: true
    statuses: {active: live, pending: []}
    remember: {gone: 2h}
    filter: {channel: call, agent_uuid: a-1, search: "+39"}
    expect:
      - match: {number: '\+39.*', type: [mobile, local], country_code: [IT], status: [active]}
        channels: [call, whatsapp]
      - channels: []
      - channels: auto
  - {name: globex, base_url: http://calls.example.com/mihu, allow_http: true}
  - {name: initech, base_url: http://127.0.0.1:8080, allow_http: true, proxy_url: http://proxy.test:3128}
metrics: {number: masked, agent_names: false, trunk_details: false, deny: ['mihu_trunk_.*_info']}
"""


Show = Callable[[str], str]


@pytest.fixture
def show(load_text: Callable[[str], ValidatedConfig]) -> Show:
    return lambda text: shown(load_text(text))


def test_every_setting_in_force_is_shown(show: Show) -> None:
    text = show("workspaces: [{subdomain: acme, authorization: {credentials_env: X}}]")
    assert text.startswith(
        "workspaces:\n"
        "- name: acme\n"
        "  base_url: https://acme.mihu.ai\n"
        "  authorization:\n"
        "    credentials_env: X\n"
        "  poll_interval: 1m\n"
        "  poll_timeout: 50s\n"
        "  request_timeout: 10s\n"
        "  max_staleness: 5m\n"
    )
    assert "  statuses:\n    active:\n    - active\n    - in[_-]?use\n    - enabled\n    pending:\n    - .*(" in text
    assert "  remember:\n    lost: 7d\n    gone: 1d\n" in text
    in_force = yaml.safe_load(text)
    assert in_force["workspaces"][0].keys() & {"tls_config", "proxy_url", "no_proxy", "filter", "expect"} == set()
    metrics = {"number": "full", "agent_names": True, "trunk_details": True, "deny": []}
    assert in_force["metrics"].items() >= metrics.items()


def test_it_loads_as_the_same_configuration(show: Show) -> None:
    once = show(EVERYTHING)
    assert show(once) == once
    assert set(yaml.safe_load(once)["workspaces"][0]) >= {"tls_config", "proxy_url", "filter", "expect"}


@pytest.mark.parametrize(
    ("written", "shown_as"),
    [
        ("authorization: {credentials: hush}", "authorization:\n    credentials: <secret>"),
        ("proxy_url: http://user:hush@proxy.test:3128", "proxy_url: http://<secret>@proxy.test:3128"),
        ("proxy_url: http://hush@proxy.test:3128", "proxy_url: http://<secret>@proxy.test:3128"),
    ],
)
def test_secrets_are_not_shown(show: Show, written: str, shown_as: str) -> None:
    own = "" if written.startswith("authorization") else "    authorization: {credentials_env: MIHU_API_TOKEN}\n"
    text = show(f"workspaces:\n  - subdomain: acme\n    {written}\n{own}")
    assert shown_as in text
    assert "hush" not in text
