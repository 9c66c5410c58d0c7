"""The checks of a recorded poll, in the order of its steps: from the name of a host to the series.

A check returns None where the poll did not get so far; those of a fleet are made where it succeeded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import httpx

from exporter.api.errors import Reason
from exporter.config.addresses import DEFAULT_PORTS, LIST_PATH, sends_unencrypted
from exporter.doctor.recording import ON_CONNECTION, WITHIN_TUNNEL, Host, Recording
from exporter.polling.fleet import Fleet

_UNAUTHORIZED, _FORBIDDEN, _PROXY_LOGIN, _UNPROCESSABLE = 401, 403, 407, 422
_DAY = 86400.0
_EXPIRES_SOON = 21  # days
_MAX_CLOCK_SKEW = 30.0  # seconds
_MAX_TIMEOUT_SHARE = 0.5
_NAMED_FIELDS = 5


class Outcome(StrEnum):
    """The outcome of a check; only ``failed`` fails the report."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    outcome: Outcome
    seen: str
    remedy: str = ""
    details: tuple[str, ...] = ()  # more lines


ok, warning, failed = (partial(Result, outcome) for outcome in (Outcome.OK, Outcome.WARNING, Outcome.FAILED))
_SKIPPED = Result(Outcome.SKIPPED, "skipped: an earlier step failed")


def name_resolution(recording: Recording) -> Result | None:
    host, addresses, error = recording.host, recording.addresses, recording.error
    if host is None:
        return None
    if not addresses:
        return failed(error.seen, error.remedy) if error else None
    found = f"{host.name} is {'an address' if host.name in addresses else ' or '.join(addresses)}"
    if _is_proxied(recording):
        return ok(f"of the proxy: {found}; it resolves {_api_host(recording).name} itself")
    return ok(found)


def connection(recording: Recording) -> Result | None:
    host, peer = recording.host, recording.peer
    if host is None or peer is None:
        return None
    return ok(f"to {'the proxy at ' if _is_proxied(recording) else ''}{Host(peer, host.port)}")


def proxy(recording: Recording) -> Result | None:
    workspace = recording.workspace
    if recording.host is not None and not _is_proxied(recording):
        bypassed = workspace.proxy_url is not None or workspace.proxy_from_environment
        return ok(f"not used for {_api_host(recording).name}" if bypassed else "none")
    if not (WITHIN_TUNNEL in recording.handshakes or {answer.status for answer in recording.answers} - {_PROXY_LOGIN}):
        return None
    over_tls = ", over TLS," if ON_CONNECTION in recording.handshakes else ""
    return ok(f"{recording.host}{over_tls} passes on to {_api_host(recording)}")


def tls(recording: Recording) -> Result | None:
    base_url = recording.workspace.base_url
    if not base_url.startswith("https:"):
        if sends_unencrypted(base_url, recording.workspace.proxy):
            return warning("none: anybody between here and the API can read the token", "write https:// in base_url")
        return ok("none: the API is on this machine")
    proxied = _is_proxied(recording)
    handshake = recording.handshakes.get(WITHIN_TUNNEL if proxied else ON_CONNECTION)
    # A server may refuse the client's certificate after the handshake.
    refused = recording.error is not None and recording.error.reason is Reason.TLS and not recording.answers
    if handshake is None or handshake.version is None or refused:
        return None
    seen = f"{'through the proxy, with the API: ' if proxied else ''}{handshake.version}"
    if handshake.expires_at is None:
        return warning(
            f"{seen}; the certificate is not checked (insecure_skip_verify)", "trust its authority with ca_file instead"
        )
    days = int((handshake.expires_at - recording.ended_at) // _DAY)
    seen = f"{seen}; the certificate for {handshake.name} expires in {_count(days, 'day')}"
    if days < _EXPIRES_SOON:
        return warning(seen, "have it renewed: once it has expired, every poll fails")
    return ok(seen)


def api(recording: Recording) -> Result | None:
    is_there = _was_answered(recording, _UNAUTHORIZED, _FORBIDDEN, _UNPROCESSABLE)
    return ok(f"answers at {recording.workspace.base_url}{LIST_PATH}") if is_there else None


def token(recording: Recording) -> Result:
    if (missing := recording.token_error) is not None:
        return failed(missing.seen, missing.remedy)
    return ok(f"from {recording.workspace.credentials.where}")


def first_page(recording: Recording) -> Result | None:
    if (page := recording.first_page) is None:
        return None
    total = page.pagination.total
    return ok(f"{len(page.rows)}{'' if total is None else f' of {total}'} rows")


def pages(_: Recording, fleet: Fleet) -> Result:
    result = fleet.result
    seen = _count(result.pages, "page")
    if result.walks > 1 or result.drift:
        drift = f"; {_count(result.drift, 'row')} apart from the reported total" if result.drift else ""
        return warning(
            f"{seen}, read {result.walks} times, since the list moves or repeats rows{drift}", Reason.INCOMPLETE.remedy
        )
    return ok(seen)


def pace(recording: Recording, _: Fleet) -> Result:
    durations, retries = recording.durations, recording.retries
    mean = sum(durations) / len(durations)
    seen = f"{mean:.2f}s a request, {max(durations):.2f}s the slowest of {len(durations)}"
    if retries:
        reasons = ", ".join(f"{count} for {reason}" for reason, count in retries.items())
        return warning(f"{seen}; made again: {reasons}", next(iter(retries)).remedy)
    left = recording.answers[-1].requests_left
    if left is None:
        return ok(seen)
    seen = f"{seen}; {left} left until the API's rate limit"
    if left < len(durations):
        return warning(f"{seen}, less than a poll takes", Reason.RATE_LIMITED.remedy)
    return ok(seen)


def clock(recording: Recording) -> Result | None:
    """Compare this machine's clock with the API's, which has whole seconds."""
    if not recording.answers:
        return None
    answer = recording.answers[-1]
    if answer.date is None:
        return ok("the API does not say what time it is")
    ahead = answer.received_at - answer.date
    if abs(ahead) > _MAX_CLOCK_SKEW:
        return warning(
            f"{abs(ahead):.0f}s {'ahead of' if ahead > 0 else 'behind'} the API's",
            "set the machine's clock, as NTP does: certificates and dates are judged by it",
        )
    return ok("agrees with the API's")


def trunks(_: Recording, fleet: Fleet) -> Result:
    unreadable = []
    if fleet.result.invalid_items:
        unreadable.append(f"{_count(fleet.result.invalid_items, 'row')} about no trunk")
    if fields := sorted(fleet.result.invalid_fields):
        more = f" and {len(fields) - _NAMED_FIELDS} more" if len(fields) > _NAMED_FIELDS else ""
        unreadable.append(f"unreadable: {', '.join(fields[:_NAMED_FIELDS])}{more}")
    seen = _count(fleet.trunk_count, "trunk")
    if unreadable:
        return warning("; ".join([seen, *unreadable]), "fields that cannot be read have no series; report them to Mihu")
    if not fleet.trunk_count:
        return warning(seen, "if there should be some, check filter, and which workspace the token is for")
    return ok(seen)


def out_of_service(_: Recording, fleet: Fleet) -> Result:
    totals = fleet.totals
    count = totals["mihu_trunks_out_of_service"][""]
    by_reason = totals["mihu_trunks_out_of_service_by_reason"]
    reasons = ", ".join(f"{amount} {reason}" for reason, amount in by_reason.items() if amount)
    seen = f"{count or 'none'} of {_count(fleet.trunk_count, 'trunk')}{f': {reasons}' if reasons else ''}"
    if fleet.result.invalid_fields:
        return ok(f"{seen}, as far as fields could be read")
    listed = [one.trunk for bucket in fleet.buckets for one in bucket.unpacked_trunks()]
    enabled = {service.enabled for trunk in listed for service in trunk.services}
    is_there = {"status": any(trunk.status for trunk in listed), "channel_settings": bool(enabled - {None})}
    if listed and (missing := [field for field, there in is_there.items() if not there]):
        return warning(f"{seen}, as far as can be told without {' and '.join(missing)}", "report it to Mihu")
    return ok(seen)


def full_poll(recording: Recording, _: Fleet) -> Result:
    timeout = recording.workspace.poll_timeout
    seen = f"{recording.seconds:.1f}s of {round(timeout, 1):g}s (poll_timeout)"
    if recording.seconds > timeout * _MAX_TIMEOUT_SHARE:
        return warning(seen, "raise poll_timeout and poll_interval, or concurrency: a slower day would fail the poll")
    return ok(seen)


CHECKS: Mapping[str, Callable[[Recording], Result | None]] = {
    "name resolution": name_resolution,
    "connection": connection,
    "proxy": proxy,
    "TLS": tls,
    "API": api,
    "token": token,
    "token accepted": lambda recording: _ok_past_token(recording, "the API knows it", _FORBIDDEN, _UNPROCESSABLE),
    "permission": lambda recording: _ok_past_token(recording, "the token may list trunks", _UNPROCESSABLE),
    "first page": first_page,
    "clock": clock,
}
CHECKS_OF_A_FLEET: Mapping[str, Callable[[Recording, Fleet], Result]] = {
    "pages": pages,
    "pace": pace,
    "trunks": trunks,
    "out of service": out_of_service,
    "series": lambda _, fleet: ok(f"{sum(segment.lines for segment in fleet.segments.values())} series"),
    "full poll": full_poll,
}


def check(recording: Recording) -> dict[str, Result]:
    """Return the result of each check; the poll's error is that of the first step it did not reach."""
    fleet, error = recording.fleet, recording.error
    found = {name: look(recording) for name, look in CHECKS.items()}
    for name, look_at in CHECKS_OF_A_FLEET.items():
        found[name] = None if fleet is None else look_at(recording, fleet)
    results: dict[str, Result] = {}
    has_failed = False
    for name, result in found.items():
        results[name] = result or (_SKIPPED if has_failed or error is None else failed(error.seen, error.remedy))
        has_failed = has_failed or results[name].outcome is Outcome.FAILED
    return results


def _api_host(recording: Recording) -> Host:
    url = httpx.URL(recording.workspace.base_url)
    return Host(url.raw_host.decode().strip("[]"), url.port or DEFAULT_PORTS[url.scheme])


def _is_proxied(recording: Recording) -> bool:
    return recording.host is not None and recording.host != _api_host(recording)


def _was_answered(recording: Recording, *statuses: int) -> bool:
    """Return whether a page came, or a response with one of the statuses."""
    return recording.first_page is not None or any(answer.status in statuses for answer in recording.answers)


def _ok_past_token(recording: Recording, seen: str, *statuses: int) -> Result | None:
    """Return that a step of the token is well, if it was sent and what was answered comes after the step."""
    return ok(seen) if not recording.token_error and _was_answered(recording, *statuses) else None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
