"""What contributors rely on: workflows, package metadata, documents, and the structure of the code."""

import ast
import os
import re
import sys
import tomllib
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.programs import run_well
from walkthrough.steps import steps

ROOT = Path(__file__).parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
DOCUMENTS += sorted(str(path.relative_to(ROOT)) for top in ("docs", "deploy") for path in (ROOT / top).rglob("*.md"))

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

_PINNED = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}|\./\.github/workflows/\w+\.yaml")
_LINK = re.compile(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def load(path: Path) -> Any:  # noqa: ANN401 - any YAML
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - only texts: `on` is no boolean


def jobs(name: str) -> dict[str, Any]:
    workflow = load(ROOT / ".github" / "workflows" / name)
    assert workflow["permissions"] == {"contents": "read"}
    found: dict[str, Any] = workflow["jobs"]
    return found


@pytest.mark.parametrize("schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"])
def test_workflows_are_valid(schema: str) -> None:
    run_well("check-jsonschema", "--builtin-schema", schema, *WORKFLOWS)


def test_actions_are_pinned_by_commit() -> None:
    for job in (job for workflow in WORKFLOWS for job in jobs(workflow.name).values()):
        used = [job["uses"]] if "uses" in job else [step["uses"] for step in job["steps"] if "uses" in step]
        assert used
        assert [name for name in used if not _PINNED.fullmatch(name)] == []


def test_every_supported_python_is_tested_and_a_release_has_an_image_for_both_architectures() -> None:
    test, release = jobs("ci.yaml")["test"], jobs("release.yaml")
    promised = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", name)]
    assert test["strategy"]["matrix"]["python"] == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"
    assert (test["steps"][-1]["run"], release["test"]["uses"]) == ("make test", "./.github/workflows/ci.yaml")
    assert "--cap-add SYS_ADMIN --security-opt apparmor=unconfined" in test["container"]["options"], "for unshare"
    assert (release["image"]["needs"], release["packages"]["needs"]) == ("test", ["test", "image"])
    assert "(needs.image.result == 'success' || vars.IMAGE == '')" in release["packages"]["if"], "or run out of time"
    build = release["image"]["steps"][-1]
    assert build["run"].endswith(" deploy/docker/build.sh")
    assert build["env"]["PLATFORMS"] == "linux/amd64,linux/arm64"


def test_each_dependency_has_a_reason() -> None:
    _, _, text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Dependencies")
    declared = PROJECT["dependencies"] + PYPROJECT["dependency-groups"]["dev"]
    names = {re.split(r"[><=]", requirement)[0] for requirement in declared}
    assert {name for name in names if not re.search(rf"\b{name}\b", text) and not name.startswith("types-")} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_link_to_what_exists(document: str) -> None:
    path = ROOT / document
    for file, heading in _LINK.findall(path.read_text(encoding="utf-8")):
        target = path.parent / file if file else path
        assert target.exists(), file
        assert not heading or heading in anchors(target), f"{file}#{heading}"


def anchors(document: Path) -> set[str]:
    """Return what GitHub calls the headings of the document in links."""
    headings = _HEADING.findall(document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("script", ["fault_table.py", "metrics.py"])
def test_generated_pages_are_up_to_date(script: str) -> None:
    run_well(sys.executable, ROOT / "docs" / script, "--check", env={**os.environ, "PYTHONPATH": str(ROOT / "tests")})


def test_the_walkthrough_knows_every_command_of_the_documentation() -> None:
    assert {"make demo", "deploy/debian/build.sh"} <= {command for command, _ in steps()}, "and raises where one is not"


# The structure of the code


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
