"""The durations of a workspace: their defaults, and how they bound each other."""

from dataclasses import dataclass

from exporter.config.durations import format_duration
from exporter.config.layers import Layers
from exporter.config.problems import Findings

_NAMES = ("poll_interval", "poll_timeout", "request_timeout", "max_staleness")
_POLL_INTERVAL = 60.0
_REQUEST_TIMEOUT = 10.0
_STALENESS = 5  # poll intervals
_LEAST_STALENESS = 2  # poll intervals; with less, one failed poll hides the workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """The durations in force, in seconds."""

    poll_interval: float
    poll_timeout: float
    request_timeout: float
    max_staleness: float


def resolve_timings(layers: Layers, findings: Findings) -> Timings | None:
    """Return the durations; None, and a problem, where two of them cannot stand together."""
    if layers.wrong(findings, *_NAMES):
        return None
    written = layers.settings
    interval = _POLL_INTERVAL if written.poll_interval is None else written.poll_interval
    timeout = interval * 5 / 6 if written.poll_timeout is None else written.poll_timeout
    request = _REQUEST_TIMEOUT if written.request_timeout is None else written.request_timeout
    staleness = interval * _STALENESS if written.max_staleness is None else written.max_staleness
    shown_interval = f"poll_interval ({format_duration(interval)}{layers.origin('poll_interval')})"
    consistent = True
    if timeout > interval:
        consistent = False
        findings.problem(
            layers.place("poll_timeout", "poll_interval"),
            f"poll_timeout ({format_duration(timeout)}{layers.origin('poll_timeout')}) is longer than "
            f"{shown_interval}; a poll has to end before the next one begins",
        )
    if staleness < interval * _LEAST_STALENESS:
        consistent = False
        findings.problem(
            layers.place("max_staleness", "poll_interval"),
            f"max_staleness ({format_duration(staleness)}{layers.origin('max_staleness')}) is less than "
            f"twice {shown_interval}, so that one failed poll would hide the workspace; "
            f"write at least {format_duration(interval * _LEAST_STALENESS)}",
        )
    if not consistent:
        return None
    return Timings(
        poll_interval=interval,
        poll_timeout=timeout,
        request_timeout=min(request, timeout),
        max_staleness=staleness,
    )
