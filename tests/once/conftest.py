"""Two workspaces that can be polled."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.simulating import simulating

from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet
from exporter.simulator.server import Simulator


def tenants() -> list[Tenant]:
    return [Tenant("acme", "token-a", Fleet.generate(120, 1)), Tenant("globex", "token-g", Fleet.generate(5, 2))]


@pytest.fixture(scope="session")
def api() -> Iterator[Simulator]:
    with simulating(tenants()) as simulator:
        yield simulator


@pytest.fixture
def config(tmp_path: Path, api: Simulator) -> Path:
    """Return a configuration of two workspaces in a folder of its own."""
    return configured(tmp_path, api)


@pytest.fixture
def config_with_a_wrong_token(tmp_path: Path, api: Simulator) -> Path:
    """Return one of which globex cannot be polled."""
    return configured(tmp_path, api, globex="wrong")


def configured(folder: Path, api: Simulator, globex: str = "token-g") -> Path:
    file = folder / "config.yaml"
    file.write_text(
        f"""\
workspaces:
  - {{name: acme, base_url: "{api.base_url("acme")}", authorization: {{credentials: token-a}}}}
  - {{name: globex, base_url: "{api.base_url("globex")}", authorization: {{credentials: {globex}}}}}
""",
        encoding="utf-8",
    )
    return file
