"""The report as JSON for programs."""

import json
from typing import Any

from exporter import __version__
from exporter.doctor.finding import Finding
from exporter.doctor.report import Report, WorkspaceReport


def as_json(report: Report) -> str:
    """Return the report as a JSON document."""
    document = {
        "version": __version__,
        "ok": report.ok,
        "configuration": _finding(report.configuration),
        "workspaces": [_workspace(workspace) for workspace in report.workspaces],
    }
    return json.dumps(document, indent=2) + "\n"


def _workspace(workspace: WorkspaceReport) -> dict[str, Any]:
    return {
        "workspace": workspace.name,
        "address": workspace.address,
        "ok": workspace.ok,
        "steps": [{"step": step.name} | _finding(step.finding) for step in workspace.steps],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "outcome": finding.outcome,
        "seen": finding.seen,
        "remedy": finding.remedy,
        "details": list(finding.details),
    }
