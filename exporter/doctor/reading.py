"""The steps from the token to the series.

Each looks at a trial, and finds nothing where the poll did not get so far.
"""

from exporter.api.errors import REMEDIES, Reason
from exporter.doctor.finding import Finding, doubtful, failed, well
from exporter.doctor.trial import Trial
from exporter.polling.fleet import Fleet

_FORBIDDEN = 403
_UNPROCESSABLE = 422
_MOST_SKEW = 30.0  # seconds
_MOST_OF_TIMEOUT = 0.5
_NAMED_FIELDS = 5


def token(trial: Trial) -> Finding:
    """Look for a token to send."""
    if (missing := trial.without_token) is not None:
        return failed(missing.seen, missing.remedy)
    return well(f"from {trial.workspace.credentials.where}")


def token_accepted(trial: Trial) -> Finding | None:
    """Look whether the API knows the token."""
    if trial.without_token or not _was_answered(trial, _FORBIDDEN, _UNPROCESSABLE):
        return None
    return well("the API knows it")


def permission(trial: Trial) -> Finding | None:
    """Look whether the token may list trunks."""
    if trial.without_token or not _was_answered(trial, _UNPROCESSABLE):
        return None
    return well("the token may list trunks")


def first_page(trial: Trial) -> Finding | None:
    """Look at the first page."""
    page = trial.sight.first_page
    if page is None:
        return None
    of_all = "" if page.total is None else f" of {page.total}"
    return well(f"{page.rows}{of_all} rows")


def pages(trial: Trial) -> Finding | None:
    """Look whether the list could be read to its end."""
    fleet = trial.fleet
    if fleet is None:
        return None
    seen = _count(fleet.result.pages, "page")
    if fleet.result.walks > 1 or fleet.result.drift:
        drift = f"; {_count(fleet.result.drift, 'row')} apart from the reported total" if fleet.result.drift else ""
        return doubtful(
            f"{seen}, read {fleet.result.walks} times, since the list moves or repeats rows{drift}",
            REMEDIES[Reason.INCOMPLETE],
        )
    return well(seen)


def pace(trial: Trial) -> Finding | None:
    """Look how fast the API answers, and how often it may be asked."""
    seconds = trial.sight.seconds
    if trial.fleet is None or not seconds:
        return None
    seen = f"{sum(seconds) / len(seconds):.2f}s a request, {max(seconds):.2f}s the slowest of {len(seconds)}"
    if trial.sight.retries:
        reasons = ", ".join(f"{count} for {reason}" for reason, count in trial.sight.retries.items())
        return doubtful(f"{seen}; made again: {reasons}", REMEDIES[next(iter(trial.sight.retries))])
    left = trial.sight.answers[-1].requests_left
    if left is None:
        return well(seen)
    seen = f"{seen}; {left} left until the API's rate limit"
    if left < len(seconds):
        return doubtful(f"{seen}, less than a poll takes", REMEDIES[Reason.RATE_LIMITED])
    return well(seen)


def clock(trial: Trial) -> Finding | None:
    """Compare this machine's clock with the API's."""
    if not trial.sight.answers:
        return None
    answer = trial.sight.answers[-1]
    if answer.date is None:
        return well("the API does not say what time it is")
    ahead = answer.received_at - answer.date  # the date is in whole seconds
    if abs(ahead) > _MOST_SKEW:
        return doubtful(
            f"{abs(ahead):.0f}s {'ahead of' if ahead > 0 else 'behind'} the API's",
            "set the machine's clock, as NTP does: certificates and dates are judged by it",
        )
    return well("agrees with the API's")


def trunks(trial: Trial) -> Finding | None:
    """Look at the trunks that would be exported."""
    fleet = trial.fleet
    if fleet is None:
        return None
    seen = _count(fleet.trunk_count, "trunk")
    if unread := _unread(fleet):
        return doubtful(f"{seen}; {unread}", "what cannot be read has no series; tell the vendor")
    if not fleet.trunk_count:
        return doubtful(seen, "if there should be some, check filter, and which workspace the token is for")
    return well(seen)


def series(trial: Trial) -> Finding | None:
    """Count the series that would be exported."""
    return None if trial.fleet is None else well(f"{trial.fleet.series} series")


def full_poll(trial: Trial) -> Finding | None:
    """Look whether a poll fits into its time."""
    if trial.fleet is None:
        return None
    timeout = trial.workspace.poll_timeout
    seen = f"{trial.seconds:.1f}s of {timeout:g}s (poll_timeout)"
    if trial.seconds > timeout * _MOST_OF_TIMEOUT:
        return doubtful(seen, "raise poll_timeout and poll_interval, or concurrency: a slower day would fail the poll")
    return well(seen)


def _was_answered(trial: Trial, *statuses: int) -> bool:
    """Tell whether there was a page, or an answer with one of the statuses."""
    return trial.sight.first_page is not None or any(answer.status in statuses for answer in trial.sight.answers)


def _unread(fleet: Fleet) -> str:
    parts = []
    if fleet.result.invalid_items:
        parts.append(f"{_count(fleet.result.invalid_items, 'row')} about no trunk")
    if fields := sorted(fleet.result.invalid_fields):
        more = f" and {len(fields) - _NAMED_FIELDS} more" if len(fields) > _NAMED_FIELDS else ""
        parts.append(f"unreadable: {', '.join(fields[:_NAMED_FIELDS])}{more}")
    return "; ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
