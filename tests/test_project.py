"""What contributors rely on: workflows, package metadata and documents, the generated ones too."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from faults.matrix import markdown
from support.programs import run_well
from walkthrough.steps import steps

ROOT = Path(__file__).parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
DOCUMENTS += sorted(str(path.relative_to(ROOT)) for top in ("docs", "deploy") for path in (ROOT / top).rglob("*.md"))

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


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: str(path.name))
def test_actions_are_pinned_by_commit(workflow: Path) -> None:
    for job in load(workflow)["jobs"].values():
        used = [job["uses"]] if "uses" in job else [step["uses"] for step in job["steps"] if "uses" in step]
        assert used
        assert [name for name in used if not _PINNED.fullmatch(name)] == []


def test_every_supported_python_is_tested_and_a_release_has_an_image_for_both_architectures() -> None:
    test, release = jobs("ci.yaml")["test"], jobs("release.yaml")
    promised = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", name)]
    assert test["strategy"]["matrix"]["python"] == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"
    assert test["steps"][-1]["run"] == "make test"
    assert release["test"]["uses"] == "./.github/workflows/ci.yaml"
    assert "test" in release["image"]["needs"]
    assert {"test", "image"} <= set(release["packages"]["needs"])
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


def test_the_tables_of_faults_are_those_of_the_tests() -> None:
    assert (ROOT / "docs" / "faults.md").read_text(encoding="utf-8") == markdown(), "run `make reference`"


def test_the_metrics_reference_is_that_of_the_catalogue() -> None:
    run_well(sys.executable, ROOT / "docs" / "metrics.py", "--check")


def test_the_walkthrough_knows_every_command_of_the_documentation() -> None:
    assert {"make demo", "deploy/debian/build.sh"} <= {command for command, _ in steps()}, "and raises where one is not"
