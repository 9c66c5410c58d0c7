"""Faults that answer something else than a page."""

from email.utils import formatdate

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from exporter.simulator.faults.effects import instead
from exporter.simulator.faults.fault import Effect, Fault, Strike
from exporter.simulator.refusal import Refusal, json_response

_WAIT = 30  # seconds
_YEAR = 365 * 24 * 3600
_LOGIN_PAGE = "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><form></form></body></html>\n"


def _refusal(status: int, code: str, message: str, field: str | None = None) -> Effect:
    return instead(lambda _: Refusal(status, code, message, field=field).response())


def _limited(retry_after: str | None) -> Effect:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return instead(lambda _: _too_many(headers))


def _limited_until_a_date(strike: Strike) -> Response:
    return _too_many({"Retry-After": formatdate(strike.clock.time() + _WAIT, usegmt=True)})


def _too_many(headers: dict[str, str]) -> Response:
    return Refusal(429, "RATE_LIMIT_EXCEEDED", "Too Many Attempts.", headers=headers).response()


def _proxy_error(status: int, title: str) -> Effect:
    """Return what a proxy in front of a dead backend answers."""
    page = f"<html><head><title>{status} {title}</title></head><body><center>nginx</center></body></html>"
    return instead(lambda _: HTMLResponse(page, status))


FAULTS = (
    Fault("unauthorized", "401 with the error envelope", _refusal(401, "INVALID_AUTH_TOKEN", "The token is revoked.")),
    Fault("unauthorized-bare", "401 with a plain text", instead(lambda _: PlainTextResponse("Unauthorized", 401))),
    Fault("forbidden", "403", _refusal(403, "FORBIDDEN", "This action is unauthorized.")),
    Fault("not-found", "404", _refusal(404, "NOT_FOUND", "There is no such path.")),
    Fault(
        "unprocessable",
        "422 on per_page",
        _refusal(422, "VALIDATION_ERROR", "The per_page parameter must not be greater than 50.", "per_page"),
    ),
    Fault("rate-limited", f"429, Retry-After in seconds: {_WAIT}", _limited(str(_WAIT))),
    Fault("rate-limited-date", f"429, Retry-After as a date, {_WAIT} seconds away", instead(_limited_until_a_date)),
    Fault("rate-limited-year", "429, Retry-After of a year", _limited(str(_YEAR))),
    Fault("rate-limited-negative", "429, a negative Retry-After", _limited("-30")),
    Fault("rate-limited-bare", "429 without Retry-After", _limited(None)),
    Fault(
        "error-500",
        "500 with a message alone",
        instead(lambda _: json_response({"message": "Server Error"}, status=500)),
    ),
    Fault("error-502", "502 with a proxy's page", _proxy_error(502, "Bad Gateway")),
    Fault("error-503", "503 with a proxy's page", _proxy_error(503, "Service Unavailable")),
    Fault("login-redirect", "302 to a login page", instead(lambda _: RedirectResponse("/login?next=trunks", 302))),
    Fault("html", "200 with a login page", instead(lambda _: HTMLResponse(_LOGIN_PAGE))),
    Fault(
        "success-false",
        "200 with success: false",
        _refusal(200, "INTERNAL_ERROR", "The numbers could not be listed."),
    ),
    Fault("empty-body", "200 with nothing", instead(lambda _: Response(media_type="application/json"))),
)
