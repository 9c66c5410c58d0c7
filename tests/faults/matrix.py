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


@dataclass(frozen=True, kw_only=True)
class Failing:
    """A fault that fails the poll, so that the last good data stays.

    Attributes:
        when: it, in words.
        fault: it, as the simulated API or the bench calls it.
        reason: of ``mihu_poll_failures_total``.
        code: of ``mihu_api_requests_total``.
        requests: how many are made; None where the clock decides.
        special_remedy: what the line of the log tells to do, where that is not what the reason says.
        says: what it tells besides.
        most_sent: bytes that the server can send until the client closes the connection.
    """

    when: str
    fault: str
    reason: Reason
    code: str
    requests: int | None = 1
    special_remedy: str = ""
    says: str = ""
    settings: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    most_sent: int | None = None

    @property
    def remedy(self) -> str:
        """What the line of the log tells to do."""
        return self.special_remedy or REMEDIES[self.reason]

    @property
    def retries(self) -> int:
        """How many requests are made again for the same page."""
        return MAX_ATTEMPTS - 1 if self.requests == MAX_ATTEMPTS else 0


@dataclass(frozen=True, kw_only=True)
class Survived:
    """A fault that the poll succeeds in spite of.

    Attributes:
        shows: what is to be seen of it, in words.
        same: whether all series about the fleet stay as they were.
        trunks: how many are shown.
        invalid_fields: all of ``mihu_invalid_fields``.
        values: gauges without labels of their own.
    """

    when: str
    fault: str
    shows: str
    same: bool = False
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
        when="the token is revoked (401 with the vendor's envelope)",
        fault="unauthorized",
        reason=Reason.AUTH,
        code="401",
        says="INVALID_AUTH_TOKEN",
    ),
    Failing(when="401 without the envelope", fault="unauthorized-bare", reason=Reason.AUTH, code="401"),
    Failing(
        when="the token may not list trunks (403)",
        fault="forbidden",
        reason=Reason.PERMISSION,
        code="403",
    ),
    Failing(
        when="there is nothing at the address (404)",
        fault="not-found",
        reason=Reason.NOT_FOUND,
        code="404",
    ),
    Failing(
        when="`per_page` is refused (422)",
        fault="unprocessable",
        reason=Reason.CLIENT_ERROR,
        code="422",
    ),
    Failing(
        when="429 and `Retry-After` in seconds, past the poll's end",
        fault="rate-limited",
        reason=_LIMITED,
        code="429",
        says="the next attempt is due in 30s",
    ),
    Failing(
        when="429 and `Retry-After` as a date, past the poll's end",
        fault="rate-limited-date",
        reason=_LIMITED,
        code="429",
        says="past the poll's end",
    ),
    Failing(
        when="429 and a `Retry-After` of a year",
        fault="rate-limited-year",
        reason=_LIMITED,
        code="429",
        says="the next attempt is due in 31536000s",
    ),
    Failing(
        when="429 and a negative `Retry-After`, until the poll's end",
        fault="rate-limited-negative",
        reason=_LIMITED,
        code="429",
        requests=None,
        settings={"poll_timeout": 5.0},
    ),
    Failing(
        when="429 without `Retry-After`, until the poll's end",
        fault="rate-limited-bare",
        reason=_LIMITED,
        code="429",
        requests=None,
        settings={"poll_timeout": 5.0},
    ),
    *(
        Failing(
            when=f"{status} again and again",
            fault=f"error-{status}",
            reason=Reason.SERVER_ERROR,
            code=str(status),
            requests=MAX_ATTEMPTS,
        )
        for status in (500, 502, 503)
    ),
    Failing(
        when="the connection is refused",
        fault="connection-refused",
        reason=Reason.CONNECTION,
        code="error",
        requests=MAX_ATTEMPTS,
        says="cannot connect",
    ),
    Failing(
        when="the connection is reset in the middle of a page",
        fault="reset",
        reason=Reason.CONNECTION,
        code="error",
        requests=MAX_ATTEMPTS,
        special_remedy=_NETWORK,
        says="reset by peer",
    ),
    Failing(
        when="a page drips in at a byte a second",
        fault="slow-drip",
        reason=Reason.TIMEOUT,
        code="error",
        requests=MAX_ATTEMPTS,
        says="(request_timeout)",
        settings=_SHORT,
    ),
    Failing(
        when="the connection is accepted and never answered",
        fault="no-answer",
        reason=Reason.TIMEOUT,
        code="error",
        requests=MAX_ATTEMPTS,
        says="(request_timeout)",
        settings=_SHORT,
    ),
    Failing(
        when="the certificate is for another name",
        fault="wrong-name",
        reason=Reason.TLS,
        code="error",
        says="not valid for 'localhost'",
        special_remedy="check the address, or say in tls_config which server_name the certificate is for",
    ),
    Failing(
        when="the certificate has expired",
        fault="expired",
        reason=Reason.TLS,
        code="error",
        says="expired",
        special_remedy="have the certificate renewed, or set the clock right",
    ),
    Failing(
        when="the certificate is of an unknown authority",
        fault="unknown-ca",
        reason=Reason.TLS,
        code="error",
        says="issuer",
        special_remedy="trust who signed the certificate, with ca_file in tls_config, or check the address",
    ),
    Failing(
        when="a redirect to a login page",
        fault="login-redirect",
        reason=Reason.REDIRECT,
        code="302",
        says="a redirect to /login;",
    ),
    Failing(
        when="HTML with 200",
        fault="html",
        reason=_INVALID,
        code="200",
        requests=MAX_ATTEMPTS,
        says="it begins with '<!DOCTYPE html>",
    ),
    Failing(
        when="`success: false` with 200",
        fault="success-false",
        reason=Reason.API_ERROR,
        code="200",
        requests=MAX_ATTEMPTS,
        says="The numbers could not be listed.",
    ),
    Failing(
        when="an empty body",
        fault="empty-body",
        reason=_INVALID,
        code="200",
        requests=MAX_ATTEMPTS,
        says="it is empty",
    ),
    Failing(
        when="JSON that breaks off",
        fault="truncated-json",
        reason=_INVALID,
        code="200",
        requests=MAX_ATTEMPTS,
        says="the answer is not JSON",
    ),
    Failing(
        when="gzip that breaks off",
        fault="truncated-gzip",
        reason=_INVALID,
        code="200",
        requests=MAX_ATTEMPTS,
        special_remedy="if it lasts, check the proxy",
        says="the compressed answer ends too early",
    ),
    Failing(
        when="a decompression bomb",
        fault="gzip-bomb",
        reason=Reason.TOO_LARGE,
        code="200",
        special_remedy="lower per_page",
        says="larger than 16 MiB",
        most_sent=8 * _MIB,
    ),
    Failing(
        when="a page of 100 MB",
        fault="huge-page",
        reason=Reason.TOO_LARGE,
        code="200",
        special_remedy="lower per_page",
        says="larger than 16 MiB",
        most_sent=16 * _MIB + _BUFFERS,
    ),
    Failing(
        when="JSON 100,000 levels deep",
        fault="deep-json",
        reason=_INVALID,
        code="200",
        requests=MAX_ATTEMPTS,
    ),
    *(
        Failing(
            when=f"the rows are {what}",
            fault=fault,
            reason=_INVALID,
            code="200",
            requests=MAX_ATTEMPTS,
            says=f"the answer is not the documented JSON: {says}",
        )
        for what, fault, says in (
            ("null", "items-null", "Expected `array`, got `null` - at `$.data.items`"),
            ("missing", "items-missing", "Object missing required field `items`"),
            ("an object instead of a list", "items-object", "Expected `array`, got `object` - at `$.data.items`"),
        )
    ),
    Failing(
        when="pages say that they are another page",
        fault="wrong-echo",
        reason=Reason.INCOMPLETE,
        code="200",
        requests=9,
        says="3 walks did not find the whole list",
    ),
    Failing(
        when="the last page moves, so that rows are missing",
        fault="moving-last-page",
        reason=Reason.INCOMPLETE,
        code="200",
        requests=6,
        says="the API reports 30 rows, the last walk found 20",
    ),
    Failing(
        when="`has_more` for ever, and no total",
        fault="endless",
        reason=Reason.TOO_LARGE,
        code="200",
        requests=10,
        says="the API lists 100 rows",
        settings={"max_trunks": TRUNKS},
    ),
)

_LIMITS = {f"channel_settings.{service}.channel_limit": TRUNKS for service in SERVICES}
_PRICED = 19  # trunks that have a fee
_NO_BINDINGS = {"bindings": TRUNKS}  # of any row: nothing is known about them
_WRONG = {
    **dict.fromkeys(("country_code", "location", "type", "source", "status", "is_external"), TRUNKS),
    **dict.fromkeys(("purchased_at", "updated_at"), TRUNKS),
    **{f"channel_settings.{service}.channel_limit": 15 for service in SERVICES},
    **{f"bindings.{channel}.{name}": 15 for channel in CHANNELS for name in ("bound", "agent_uuid", "agent_name")},
}

SURVIVED = (
    Survived(
        when="a byte order mark before the JSON",
        fault="bom",
        same=True,
        shows="nothing: it is read as if it were not there",
    ),
    Survived(
        when="keys that come twice",
        fault="duplicate-keys",
        same=True,
        shows="nothing: the last one counts",
    ),
    Survived(
        when="NaN",
        fault="nan",
        invalid_fields=_LIMITS,
        shows="no series of that field; `mihu_invalid_fields`",
    ),
    Survived(
        when="a number that is out of range (1e999)",
        fault="infinity",
        invalid_fields={"billing.monthly_fee": _PRICED},
        shows="no series of that field; `mihu_invalid_fields`",
    ),
    Survived(when="lone surrogates in a text", fault="surrogates", shows="U+FFFD in their place"),
    Survived(when="invalid UTF-8 in a text", fault="invalid-utf8", shows="U+FFFD in its place"),
    Survived(
        when="`[]` for an empty object",
        fault="empty-lists",
        invalid_fields=_NO_BINDINGS,
        shows="no series of what is not there; `mihu_invalid_fields` counts rows where none has a binding",
    ),
    Survived(
        when="every field null", fault="fields-null", invalid_fields=_NO_BINDINGS, shows="the same, of what is null"
    ),
    Survived(
        when="every field missing",
        fault="fields-missing",
        invalid_fields=_NO_BINDINGS,
        shows="the same, of what is missing",
    ),
    Survived(
        when="every field of the wrong type",
        fault="fields-wrong",
        invalid_fields=_WRONG,
        shows="no series of those fields; `mihu_invalid_fields`, each by its path",
    ),
    Survived(
        when="rows without uuid and number",
        fault="no-identity",
        trunks=0,
        requests=6,
        values={"mihu_invalid_items": TRUNKS, "mihu_poll_walks": 2},
        shows="no series of those rows; `mihu_invalid_items`",
    ),
    Survived(
        when="numbers as strings",
        fault="number-strings",
        invalid_fields={**_LIMITS, "billing.monthly_fee": _PRICED},
        shows="a pagination that is read; of rows, no series of that field, and `mihu_invalid_fields`",
    ),
    Survived(
        when="hundreds of different statuses and currencies",
        fault="unknown-words",
        listed=200,
        trunks=200,
        requests=2,
        settings={"per_page": 100},
        shows="each on its trunk; 32 of them in the totals, the rest as `other`",
    ),
    Survived(when="texts of 1 MB", fault="long-texts", shows="their first 128 characters"),
    Survived(
        when="quotes, newlines, control characters and emoji in names",
        fault="hostile-texts",
        shows="quotes and backslashes escaped, emoji as they are, U+FFFD in the place of control characters",
    ),
    Survived(
        when="a total that moves",
        fault="moving-total",
        same=True,
        requests=9,
        values={"mihu_poll_walks": 3, "mihu_poll_drift": 1, "mihu_poll_reported_trunks": TRUNKS + 1},
        shows="the rows that were found; `mihu_poll_drift` says how many the total differs by",
    ),
    Survived(
        when="a row that is listed on two pages",
        fault="repeated-row",
        same=True,
        requests=8,
        values={"mihu_poll_walks": 2, "mihu_poll_drift": 0, "mihu_duplicate_items": 1},
        shows="one trunk; `mihu_duplicate_items`",
    ),
    Survived(
        when="a row that changes its page between requests",
        fault="moving-row",
        same=True,
        requests=6,
        values={"mihu_poll_walks": 2, "mihu_poll_drift": 0, "mihu_duplicate_items": 0},
        shows="every trunk once, found in two walks",
    ),
    Survived(
        when="the same uuid with contradicting content",
        fault="contradicting-row",
        requests=8,
        values={"mihu_poll_walks": 2, "mihu_poll_drift": 0, "mihu_duplicate_items": 1},
        shows="one trunk, with the status that is not `active`; `mihu_duplicate_items`",
    ),
)


def markdown() -> str:
    """Return both tables for README."""
    failing = "".join(
        f"| {row.when} | `{row.reason.value}` | `{row.code}` | {_tries(row)} | {row.remedy} |\n" for row in FAILING
    )
    survived = "".join(f"| {row.when} | {row.shows} |\n" for row in SURVIVED)
    return (
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
