from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.config.loading import load
from exporter.config.settings import ValidatedConfig, Workspace


@pytest.fixture
def load_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ValidatedConfig]:
    """Load a configuration from its text; a token is in the environment."""
    monkeypatch.setenv("MIHU_API_TOKEN", "s3cr3t")

    def load_it(text: str) -> ValidatedConfig:
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return load_it


@pytest.fixture
def load_workspace(load_text: Callable[[str], ValidatedConfig]) -> Callable[..., Workspace]:
    """Load one workspace, acme, from the text of its settings and of those in global, each in flow style."""

    def load_it(settings: str = "", inherited: str = "") -> Workspace:
        config = load_text(
            f"global: {{authorization: {{credentials_env: MIHU_API_TOKEN}}, {inherited}}}\n"
            f"workspaces: [{{subdomain: acme, {settings}}}]\n"
        )
        return config.workspaces[0]

    return load_it
