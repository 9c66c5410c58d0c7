"""The report: every step of every workspace, in the order in which a poll takes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig
from exporter.doctor import reaching, reading
from exporter.doctor.finding import SKIPPED, Finding, Outcome, Step, failed
from exporter.doctor.trial import Trial

_Look = Callable[[Trial], Finding | None]

_LOOKS: Sequence[tuple[str, _Look]] = (
    ("name resolution", reaching.name_resolution),
    ("connection", reaching.connection),
    ("proxy", reaching.proxy),
    ("TLS", reaching.tls),
    ("API", reaching.api),
    ("token", reading.token),
    ("token accepted", reading.token_accepted),
    ("permission", reading.permission),
    ("first page", reading.first_page),
    ("pages", reading.pages),
    ("pace", reading.pace),
    ("clock", reading.clock),
    ("trunks", reading.trunks),
    ("series", reading.series),
    ("full poll", reading.full_poll),
)


@dataclass(frozen=True, slots=True)
class WorkspaceReport:
    """What was found of one workspace."""

    name: str
    address: str
    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        """Whether it can be polled."""
        return all(step.finding.outcome is not Outcome.FAILED for step in self.steps)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of the configuration, and of the workspaces in it."""

    configuration: Finding
    workspaces: tuple[WorkspaceReport, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.configuration.outcome is not Outcome.FAILED and all(workspace.ok for workspace in self.workspaces)


def report_of(trial: Trial) -> WorkspaceReport:
    """Tell step by step how far a trial got: what ended it is what the first step that it did not reach met."""
    steps: list[Step] = []
    has_failed = False
    for name, look in _LOOKS:
        finding = look(trial)
        if finding is None:
            finding = SKIPPED if has_failed or trial.fault is None else failed(trial.fault.seen, trial.fault.remedy)
        has_failed = has_failed or finding.outcome is Outcome.FAILED
        steps.append(Step(name, finding))
    return WorkspaceReport(trial.workspace.name, trial.workspace.base_url, tuple(steps))


def configuration_in_force(source: str, config: ValidatedConfig) -> Finding:
    """Return that a configuration can be used, with what is doubtful in it."""
    count = len(config.workspaces)
    seen = f"{source}: {count} workspace{'' if count == 1 else 's'}"
    if config.warnings:
        return Finding(Outcome.WARNING, seen, details=config.warnings)
    return Finding(Outcome.OK, seen)


def broken_configuration(path: Path, error: ConfigError) -> Finding:
    """Return that a configuration cannot be used, with everything that is wrong with it."""
    return Finding(
        Outcome.FAILED,
        f"{path} cannot be used",
        "correct what is listed; --config.check looks again without asking the API",
        tuple(map(str, error.problems)),
    )
