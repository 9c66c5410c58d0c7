"""What the exporter makes of each fault: the table that the tests go by, and that README shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from exporter.api.errors import Reason
from exporter.api.throttle import MAX_ATTEMPTS
from exporter.api.wire import CHANNELS, SERVICES

NOTHING: Mapping[str, Any] = MappingProxyType({})
TRUNKS = 30  # on three pages, unless a row says otherwise


@dataclass(frozen=True)
class Failing:
    """A fault that fails the poll, so that the last good data stays.

    Attributes:
        when: it, in words.
        fault: it, as the simulated API or the bench calls it.
        reason: of ``mihu_poll_failures_total``.
        code: of ``mihu_api_requests_total``.
        requests: how many are made; None where the clock decides.
        own_remedy: of the line in the log, if it is not the remedy of the reason.
        message: part of the line in the log.
        max_sent: bytes that the server can send until the client closes the connection.
    """

    when: str
    fault: str
    reason: Reason
    code: str
    requests: int | None = 1
    own_remedy: str = ""
    message: str = ""
    settings: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    max_sent: int | None = None
    listed: int = TRUNKS

    @property
    def remedy(self) -> str:
        return self.own_remedy or self.reason.remedy

    @property
    def retries(self) -> int:
        return MAX_ATTEMPTS - 1 if self.requests == MAX_ATTEMPTS else 0


@dataclass(frozen=True)
class Survived:
    """A fault that the poll succeeds in spite of.

    Attributes:
        shows: its effect on the metrics, in words.
        unchanged: whether all series about the fleet stay as they were.
        trunks: how many are shown.
        invalid_fields: all of ``mihu_invalid_fields``.
        values: gauges without labels of their own.
    """

    when: str
    fault: str
    shows: str
    unchanged: bool = False
    listed: int = TRUNKS
    trunks: int = TRUNKS
    requests: int = 3
    invalid_fields: Mapping[str, int] = field(default_factory=lambda: NOTHING)
    values: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    settings: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


_SHORT = {"request_timeout": 1.5}
_MIB = 2**20
_BUFFERS = 24 * _MIB  # what the kernel's and the server's may hold, generously


def _limited(when: str, fault: str, message: str = "") -> Failing:
    """Return what fails at the end of the poll, where it is not told before that the limit lasts longer."""
    if message:
        return Failing(when, fault, Reason.RATE_LIMITED, "429", message=message)
    return Failing(when, fault, Reason.RATE_LIMITED, "429", requests=None, settings={"poll_timeout": 5.0})


def _broken(when: str, fault: str, reason: Reason, message: str, **more: Any) -> Failing:  # noqa: ANN401 - of a row
    """Return a connection that fails each time it is tried."""
    return Failing(when, fault, reason, "error", requests=MAX_ATTEMPTS, message=message, **more)


def _untrusted(when: str, fault: str, message: str, own_remedy: str) -> Failing:
    return Failing(when, fault, Reason.TLS, "error", message=message, own_remedy=own_remedy)


def _invalid(when: str, fault: str, message: str, reason: Reason = Reason.INVALID_RESPONSE) -> Failing:
    """Return an answer that is wrong each time it is asked for."""
    return Failing(when, fault, reason, "200", requests=MAX_ATTEMPTS, message=message)


FAILING = (
    Failing(
        "the token is revoked (401 with the vendor's envelope)",
        "unauthorized",
        Reason.AUTH,
        "401",
        message="INVALID_AUTH_TOKEN",
    ),
    Failing("401 without the envelope", "unauthorized-bare", Reason.AUTH, "401"),
    Failing("the token may not list trunks (403)", "forbidden", Reason.PERMISSION, "403"),
    Failing("there is nothing at the address (404)", "not-found", Reason.NOT_FOUND, "404"),
    Failing("`per_page` is refused (422)", "unprocessable", Reason.CLIENT_ERROR, "422"),
    _limited("429 and `Retry-After` in seconds, past the poll's end", "rate-limited", "the next attempt is due in 30s"),
    _limited("429 and `Retry-After` as a date, past the poll's end", "rate-limited-date", "past the poll's end"),
    _limited("429 and a `Retry-After` of a year", "rate-limited-year", "the next attempt is due in 31536000s"),
    _limited("429 and a negative `Retry-After`, until the poll's end", "rate-limited-negative"),
    _limited("429 without `Retry-After`, until the poll's end", "rate-limited-bare"),
    *(
        Failing(f"{status} again and again", f"error-{status}", Reason.SERVER_ERROR, str(status), requests=MAX_ATTEMPTS)
        for status in (500, 502, 503)
    ),
    _broken("the connection is refused", "connection-refused", Reason.CONNECTION, "cannot connect"),
    _broken(
        "the connection is reset in the middle of a page",
        "reset",
        Reason.CONNECTION,
        "reset by peer",
        own_remedy="if it lasts, check the network, proxy and firewall",
    ),
    *(
        _broken(when, fault, Reason.TIMEOUT, "(request_timeout)", settings=_SHORT)
        for when, fault in (
            ("a page drips in at a byte a second", "slow-drip"),
            ("the connection is accepted and never answered", "no-answer"),
        )
    ),
    _untrusted(
        "the certificate is for another name",
        "wrong-name",
        "not valid for 'localhost'",
        "check the address, or say in tls_config which server_name the certificate is for",
    ),
    _untrusted(
        "the certificate has expired", "expired", "expired", "have the certificate renewed, or set the clock right"
    ),
    _untrusted(
        "the certificate is of an unknown authority",
        "unknown-ca",
        "issuer",
        "trust who signed the certificate, with ca_file in tls_config, or check the address",
    ),
    Failing("a redirect to a login page", "login-redirect", Reason.REDIRECT, "302", message="a redirect to /login;"),
    _invalid("HTML with 200", "html", "it begins with '<!DOCTYPE html>"),
    _invalid("`success: false` with 200", "success-false", "The numbers could not be listed.", Reason.API_ERROR),
    _invalid("an empty body", "empty-body", "it is empty"),
    _invalid("JSON that breaks off", "truncated-json", "the answer is not JSON"),
    replace(
        _invalid("gzip that breaks off", "truncated-gzip", "the compressed answer ends too early"),
        own_remedy="if it lasts, check the proxy",
    ),
    *(
        Failing(
            when,
            fault,
            Reason.TOO_LARGE,
            "200",
            own_remedy="lower per_page",
            message="larger than 16 MiB",
            max_sent=max_sent,
        )
        for when, fault, max_sent in (
            ("a decompression bomb", "gzip-bomb", 8 * _MIB),
            ("a page of 100 MB", "huge-page", 16 * _MIB + _BUFFERS),
        )
    ),
    _invalid("JSON 100,000 levels deep", "deep-json", ""),
    *(
        _invalid(f"the rows are {what}", fault, f"the answer is not the documented JSON: {says}")
        for what, fault, says in (
            ("null", "items-null", "Expected `array`, got `null` - at `$.data.items`"),
            ("missing", "items-missing", "Object missing required field `items`"),
            ("an object instead of a list", "items-object", "Expected `array`, got `object` - at `$.data.items`"),
        )
    ),
    Failing(
        "pages say that they are another page",
        "wrong-echo",
        Reason.INCOMPLETE,
        "200",
        requests=9,
        message="3 walks did not find the whole list",
    ),
    Failing(
        "the last page moves, so that rows are missing",
        "moving-last-page",
        Reason.INCOMPLETE,
        "200",
        requests=6,
        message="the API reports 30 rows, the last walk found 20",
    ),
    Failing(
        "`has_more` for ever, and no total",
        "endless",
        Reason.TOO_LARGE,
        "200",
        requests=10,
        message="the API lists 100 rows",
        settings={"max_trunks": TRUNKS},
    ),
)

_LIMITS = {f"channel_settings.{service}.channel_limit": TRUNKS for service in SERVICES}
_FEE = {"billing.monthly_fee": 19}  # the trunks that have one
_NO_BINDINGS = {"bindings": TRUNKS}  # of any row
_WRONG = {
    **dict.fromkeys(("country_code", "location", "type", "source", "status", "is_external"), TRUNKS),
    **dict.fromkeys(("purchased_at", "updated_at"), TRUNKS),
    **{f"channel_settings.{service}.channel_limit": 15 for service in SERVICES},
    **{f"bindings.{channel}.{name}": 15 for channel in CHANNELS for name in ("bound", "agent_uuid", "agent_name")},
}

_COUNTED = "no series of that field; `mihu_invalid_fields`"

SURVIVED = (
    Survived("a byte order mark before the JSON", "bom", "nothing: it is read as if it were not there", unchanged=True),
    Survived("keys that come twice", "duplicate-keys", "nothing: the last one counts", unchanged=True),
    Survived("NaN", "nan", _COUNTED, invalid_fields=_LIMITS),
    Survived("a number that is out of range (1e999)", "infinity", _COUNTED, invalid_fields=_FEE),
    Survived("lone surrogates in a text", "surrogates", "U+FFFD in their place"),
    Survived("invalid UTF-8 in a text", "invalid-utf8", "U+FFFD in its place"),
    Survived(
        "`[]` for an empty object",
        "empty-lists",
        "no series of what is not there; `mihu_invalid_fields` counts rows where none has a binding",
        invalid_fields=_NO_BINDINGS,
    ),
    Survived("every field null", "fields-null", "the same, of what is null", invalid_fields=_NO_BINDINGS),
    Survived("every field missing", "fields-missing", "the same, of what is missing", invalid_fields=_NO_BINDINGS),
    Survived(
        "every field of the wrong type",
        "fields-wrong",
        "no series of those fields; `mihu_invalid_fields`, each by its path",
        invalid_fields=_WRONG,
    ),
    Survived(
        "rows without uuid and number",
        "no-identity",
        "no series of those rows; `mihu_invalid_items`",
        trunks=0,
        requests=6,
        values={"mihu_invalid_items": TRUNKS, "mihu_poll_walks": 2},
    ),
    Survived(
        "numbers as strings",
        "number-strings",
        "a pagination that is read; of rows, no series of that field, and `mihu_invalid_fields`",
        invalid_fields={**_LIMITS, **_FEE},
    ),
    Survived(
        "hundreds of different statuses and currencies",
        "unknown-words",
        "each on its trunk; 32 of them in the totals, the rest as `other`",
        listed=200,
        trunks=200,
        requests=2,
        settings={"per_page": 100},
    ),
    Survived("texts of 1 MB", "long-texts", "their first 128 characters"),
    Survived(
        "quotes, newlines, control characters and emoji in names",
        "hostile-texts",
        "quotes and backslashes escaped, emoji as they are, U+FFFD in the place of control characters",
    ),
    Survived(
        "a total that moves",
        "moving-total",
        "the rows that were found; `mihu_poll_drift` says how many the total differs by",
        unchanged=True,
        requests=9,
        values={"mihu_poll_walks": 3, "mihu_poll_drift": 1, "mihu_poll_reported_trunks": TRUNKS + 1},
    ),
    Survived(
        "a row that is listed on two pages",
        "repeated-row",
        "one trunk; `mihu_duplicate_items`",
        unchanged=True,
        requests=8,
        values={"mihu_poll_walks": 2, "mihu_poll_drift": 0, "mihu_duplicate_items": 1},
    ),
    Survived(
        "a row that changes its page between requests",
        "moving-row",
        "every trunk once, found in two walks",
        unchanged=True,
        requests=6,
        values={"mihu_poll_walks": 2, "mihu_poll_drift": 0, "mihu_duplicate_items": 0},
    ),
    Survived(
        "the same uuid with contradicting content",
        "contradicting-row",
        "one trunk, with the status that is not `active`; `mihu_duplicate_items`",
        requests=8,
        values={"mihu_poll_walks": 2, "mihu_poll_drift": 0, "mihu_duplicate_items": 1},
    ),
)


_INTRODUCTION = """\
# Faults

What becomes of each fault of the simulated API, as the tests have it. Try one yourself: `mihu-trunk-exporter simulate
--fault reset=0.1` strikes one request in ten, `--fault list` names all. Pages and rows that move or come twice need
more than one page: `--trunks 300`. Refused connections and bad certificates are not among them.

When the poll fails, `mihu_up` is 0, the last good data stays to the last series, one failure counter moves, and the
log has one line.
"""


def markdown() -> str:
    """Return docs/faults.md."""
    failing = "".join(
        f"| {row.when} | `{row.reason.value}` | `{row.code}` | {_tries(row)} | {row.remedy} |\n" for row in FAILING
    )
    survived = "".join(f"| {row.when} | {row.shows} |\n" for row in SURVIVED)
    return (
        f"{_INTRODUCTION}\n"
        "| when | `mihu_poll_failures_total{reason}` | `mihu_api_requests_total{code}` | tried | the log says |\n"
        "|---|---|---|---|---|\n"
        f"{failing}\n"
        "| when | you see |\n"
        "|---|---|\n"
        f"{survived}"
    )


def _tries(row: Failing) -> str:
    if row.reason is Reason.INCOMPLETE:
        return "3 walks"
    if row.requests is None:
        return "until `poll_timeout`"
    return f"{MAX_ATTEMPTS} times" if row.retries else "once"


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201 - what it is run for
