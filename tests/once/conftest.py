"""Two workspaces that can be polled."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.simulating import simulating, write_config

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
    return write_config(tmp_path, api, tenants())


@pytest.fixture
def config_with_a_wrong_token(tmp_path: Path, api: Simulator) -> Path:
    """Return one of which globex cannot be polled."""
    acme, globex = tenants()
    return write_config(tmp_path, api, [acme, Tenant(globex.name, "wrong", globex.fleet)])
