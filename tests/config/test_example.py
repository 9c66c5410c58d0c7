"""``config.yaml``, the configuration that comes with the project: it works, and shows keys with their defaults."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config.credentials import EnvironmentCredentials
from exporter.config.loading import load
from exporter.config.settings import Metrics, ValidatedConfig, Workspace
from exporter.config.showing import shown

LoadText = Callable[[str], ValidatedConfig]

CONFIG = Path(__file__).parents[2] / "config.yaml"
TOKEN = EnvironmentCredentials("MIHU_API_TOKEN")


@pytest.fixture
def everything() -> dict[str, Any]:
    """Return what the file holds when nothing in it is commented out."""
    commented_out = re.compile(r"^( *)# (?= *(?:- )?[a-z_]+:)", re.MULTILINE)
    document: dict[str, Any] = yaml.safe_load(commented_out.sub(r"\1", CONFIG.read_text(encoding="utf-8")))
    return document


def test_it_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIHU_API_TOKEN", "s3cr3t")
    config = load(CONFIG)
    assert config.workspaces == (Workspace(name="acme", base_url="https://acme.mihu.ai", credentials=TOKEN),)
    assert config.metrics == Metrics()
    assert config.warnings == ()


def test_what_is_commented_out_are_the_defaults(load_text: LoadText, everything: dict[str, Any]) -> None:
    (workspace,) = everything["workspaces"]
    for examples, names in (
        (everything, ("workspace_files",)),
        (everything["global"], ("proxy_url", "no_proxy")),
        (everything["global"]["authorization"], ("credentials_file", "credentials")),
        (workspace, ("base_url", "tls_config", "filter", "expect")),
    ):
        for name in names:
            del examples[name]
    config = load_text(json.dumps(everything))
    assert config.workspaces == (Workspace(name="acme", base_url="https://acme.mihu.ai", credentials=TOKEN),)
    assert config.metrics == Metrics()


def test_the_examples_work(load_text: LoadText, everything: dict[str, Any]) -> None:
    (workspace,) = everything["workspaces"]
    everything["global"]["authorization"] = {"credentials_file": "/run/secrets/token"}
    del workspace["subdomain"], workspace["tls_config"]
    (in_force,) = yaml.safe_load(shown(load_text(json.dumps(everything))))["workspaces"]
    for written, keys in (
        (everything["global"], ("authorization", "proxy_url", "no_proxy")),
        (workspace, ("name", "base_url", "filter")),
    ):
        assert {key: in_force[key] for key in keys} == {key: written[key] for key in keys}
    assert [rule["channels"] for rule in in_force["expect"]] == [rule["channels"] for rule in workspace["expect"]]
