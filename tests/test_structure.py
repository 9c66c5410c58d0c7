"""The structure of the code: what its readers rely on."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "exporter").rglob("*.py"))
}
MOST_LINES = 350

# Each folder may import those named after it, and itself.
LAYERS = {
    "config": set[str](),
    "api": {"config"},
    "trunks": {"config", "api"},
    "metrics": {"config", "api", "trunks"},
    "polling": {"config", "api", "trunks", "metrics"},
    "listing": {"config", "trunks", "metrics", "polling"},
    "status": {"config", "api", "trunks", "metrics", "polling", "listing"},
    "doctor": {"config", "api", "trunks", "metrics", "polling"},
    "web": {"config", "metrics"},
    "once": {"config", "api", "trunks", "metrics", "polling", "listing"},
    "assets": set[str](),
    "simulator": set[str](),
}


@cache
def imports(module: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys() or {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & MODULES.keys()
    return found


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_too_long_to_have_one_job(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_no_module_imports_itself_by_way_of_others() -> None:
    TopologicalSorter({module: imports(module) for module in MODULES}).prepare()


@pytest.mark.parametrize("folder", LAYERS)
def test_data_flows_one_way(folder: str) -> None:
    for module in MODULES:
        if module.startswith(f"exporter.{folder}."):
            folders = {name.split(".")[1] for name in imports(module) if name.count(".") > 1}
            assert folders <= LAYERS[folder] | {folder}, module
