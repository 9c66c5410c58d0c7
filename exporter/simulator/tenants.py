"""Workspaces for the demo and for load tests."""

from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet

_FIRST_NAMES = ("acme", "globex")


def demo_tenants(seed: int) -> tuple[Tenant, ...]:
    """Return two workspaces, acme and globex, of 60 trunks together."""
    acme, globex = _FIRST_NAMES
    return (_tenant(acme, 38, seed), _tenant(globex, 22, seed + 1))


def generate_tenants(workspaces: int, trunks: int, seed: int) -> tuple[Tenant, ...]:
    """Return so many workspaces of so many trunks each: acme, globex, workspace-3, workspace-4 and so on.

    Raises:
        ValueError: a number is negative.
    """
    if workspaces < 0:
        raise ValueError(f"there are 0 or more workspaces, not {workspaces}")
    names = [*_FIRST_NAMES, *(f"workspace-{number}" for number in range(3, workspaces + 1))]
    return tuple(_tenant(name, trunks, seed + offset) for offset, name in enumerate(names[:workspaces]))


def _tenant(name: str, trunks: int, seed: int) -> Tenant:
    return Tenant(name, f"demo-token-{name}", Fleet.generate(trunks, seed))
