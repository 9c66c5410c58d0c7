"""What the exporter makes of each fault: the table that the tests go by, and that README shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from exporter.api.errors import REMEDIES, Reason
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

    @property
    def remedy(self) -> str:
        return self.own_remedy or REMEDIES[self.reason]

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


_NETWORK = "if it lasts, check the network, proxy and firewall"
_SHORT = {"request_timeout": 1.5}
_LIMITED = Reason.RATE_LIMITED
_INVALID = Reason.INVALID_RESPONSE
_MIB = 2**20
_BUFFERS = 24 * _MIB  # what the kernel's and the server's may hold, generously

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
    Failing(
        "429 and `Retry-After` in seconds, past the poll's end",
        "rate-limited",
        _LIMITED,
        "429",
        message="the next attempt is due in 30s",
    ),
    Failing(
        "429 and `Retry-After` as a date, past the poll's end",
        "rate-limited-date",
        _LIMITED,
        "429",
        message="past the poll's end",
    ),
    Failing(
        "429 and a `Retry-After` of a year",
        "rate-limited-year",
        _LIMITED,
        "429",
        message="the next attempt is due in 31536000s",
    ),
    Failing(
        "429 and a negative `Retry-After`, until the poll's end",
        "rate-limited-negative",
        _LIMITED,
        "429",
        requests=None,
        settings={"poll_timeout": 5.0},
    ),
    Failing(
        "429 without `Retry-After`, until the poll's end",
        "rate-limited-bare",
        _LIMITED,
        "429",
        requests=None,
        settings={"poll_timeout": 5.0},
    ),
    *(
        Failing(f"{status} again and again", f"error-{status}", Reason.SERVER_ERROR, str(status), requests=MAX_ATTEMPTS)
        for status in (500, 502, 503)
    ),
    Failing(
        "the connection is refused",
        "connection-refused",
        Reason.CONNECTION,
        "error",
        requests=MAX_ATTEMPTS,
        message="cannot connect",
    ),
    Failing(
        "the connection is reset in the middle of a page",
        "reset",
        Reason.CONNECTION,
        "error",
        requests=MAX_ATTEMPTS,
        own_remedy=_NETWORK,
        message="reset by peer",
    ),
    Failing(
        "a page drips in at a byte a second",
        "slow-drip",
        Reason.TIMEOUT,
        "error",
        requests=MAX_ATTEMPTS,
        message="(request_timeout)",
        settings=_SHORT,
    ),
    Failing(
        "the connection is accepted and never answered",
        "no-answer",
        Reason.TIMEOUT,
        "error",
        requests=MAX_ATTEMPTS,
        message="(request_timeout)",
        settings=_SHORT,
    ),
    Failing(
        "the certificate is for another name",
        "wrong-name",
        Reason.TLS,
        "error",
        message="not valid for 'localhost'",
        own_remedy="check the address, or say in tls_config which server_name the certificate is for",
    ),
    Failing(
        "the certificate has expired",
        "expired",
        Reason.TLS,
        "error",
        message="expired",
        own_remedy="have the certificate renewed, or set the clock right",
    ),
    Failing(
        "the certificate is of an unknown authority",
        "unknown-ca",
        Reason.TLS,
        "error",
        message="issuer",
        own_remedy="trust who signed the certificate, with ca_file in tls_config, or check the address",
    ),
    Failing("a redirect to a login page", "login-redirect", Reason.REDIRECT, "302", message="a redirect to /login;"),
    Failing("HTML with 200", "html", _INVALID, "200", requests=MAX_ATTEMPTS, message="it begins with '<!DOCTYPE html>"),
    Failing(
        "`success: false` with 200",
        "success-false",
        Reason.API_ERROR,
        "200",
        requests=MAX_ATTEMPTS,
        message="The numbers could not be listed.",
    ),
    Failing("an empty body", "empty-body", _INVALID, "200", requests=MAX_ATTEMPTS, message="it is empty"),
    Failing(
        "JSON that breaks off",
        "truncated-json",
        _INVALID,
        "200",
        requests=MAX_ATTEMPTS,
        message="the answer is not JSON",
    ),
    Failing(
        "gzip that breaks off",
        "truncated-gzip",
        _INVALID,
        "200",
        requests=MAX_ATTEMPTS,
        own_remedy="if it lasts, check the proxy",
        message="the compressed answer ends too early",
    ),
    Failing(
        "a decompression bomb",
        "gzip-bomb",
        Reason.TOO_LARGE,
        "200",
        own_remedy="lower per_page",
        message="larger than 16 MiB",
        max_sent=8 * _MIB,
    ),
    Failing(
        "a page of 100 MB",
        "huge-page",
        Reason.TOO_LARGE,
        "200",
        own_remedy="lower per_page",
        message="larger than 16 MiB",
        max_sent=16 * _MIB + _BUFFERS,
    ),
    Failing("JSON 100,000 levels deep", "deep-json", _INVALID, "200", requests=MAX_ATTEMPTS),
    *(
        Failing(
            f"the rows are {what}",
            fault,
            _INVALID,
            "200",
            requests=MAX_ATTEMPTS,
            message=f"the answer is not the documented JSON: {says}",
        )
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
_PRICED = 19  # trunks that have a fee
_NO_BINDINGS = {"bindings": TRUNKS}  # of any row
_WRONG = {
    **dict.fromkeys(("country_code", "location", "type", "source", "status", "is_external"), TRUNKS),
    **dict.fromkeys(("purchased_at", "updated_at"), TRUNKS),
    **{f"channel_settings.{service}.channel_limit": 15 for service in SERVICES},
    **{f"bindings.{channel}.{name}": 15 for channel in CHANNELS for name in ("bound", "agent_uuid", "agent_name")},
}

SURVIVED = (
    Survived("a byte order mark before the JSON", "bom", "nothing: it is read as if it were not there", unchanged=True),
    Survived("keys that come twice", "duplicate-keys", "nothing: the last one counts", unchanged=True),
    Survived("NaN", "nan", "no series of that field; `mihu_invalid_fields`", invalid_fields=_LIMITS),
    Survived(
        "a number that is out of range (1e999)",
        "infinity",
        "no series of that field; `mihu_invalid_fields`",
        invalid_fields={"billing.monthly_fee": _PRICED},
    ),
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
        invalid_fields={**_LIMITS, "billing.monthly_fee": _PRICED},
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
