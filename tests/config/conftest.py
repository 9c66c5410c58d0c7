from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.config.loading import load
from exporter.config.settings import ValidatedConfig


@pytest.fixture
def load_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ValidatedConfig]:
    """Load a configuration from its text; a token is in the environment."""
    monkeypatch.setenv("MIHU_API_TOKEN", "s3cr3t")

    def load_it(text: str) -> ValidatedConfig:
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return load_it
