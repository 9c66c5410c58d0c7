"""What the doctor finds, over real sockets, about workspaces that fail in each way it knows."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from doctor.bench import WORKSPACES, lasting

from exporter.api.errors import REMEDIES, Reason
from exporter.doctor.checks import Outcome
from exporter.doctor.recorder import Recording
from exporter.doctor.report import report_of

_VERIFY = "TLS failed: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
_RENEW = "have the certificate renewed, or set the clock right"
_TRUST = "trust who signed the certificate, with ca_file in tls_config, or check the address"
_PACE = "0.00s a request, 0.00s the slowest of "

# The first step that fails, what was seen there, and what to do.
FAILING = {
    "unknown-name": (
        "name resolution",
        f"cannot resolve {'a' * 64}.example: [Errno -2] Name or service not known",
        "check subdomain or base_url, proxy_url and DNS",
    ),
    "refused": (
        "connection",
        "cannot connect: [Errno 111] Connect call failed ('127.0.0.1', PORT)",
        REMEDIES[Reason.CONNECTION],
    ),
    "proxy-refuses": (
        "proxy",
        "the proxy refused: 407 Proxy Authentication Required",
        "check the user and password in proxy_url",
    ),
    "certificate-behind-proxy": ("TLS", f"{_VERIFY}certificate has expired (_ssl.c:PORT)", _RENEW),
    "expired": ("TLS", f"{_VERIFY}certificate has expired (_ssl.c:PORT)", _RENEW),
    "wrong-name": (
        "TLS",
        f"{_VERIFY}Hostname mismatch, certificate is not valid for 'localhost'. (_ssl.c:PORT)",
        "check the address, or say in tls_config which server_name the certificate is for",
    ),
    "unknown-ca": ("TLS", f"{_VERIFY}unable to get local issuer certificate (_ssl.c:PORT)", _TRUST),
    "wrong-path": (
        "API",
        "HTTP 404 (NOT_FOUND, There is no such workspace.): there is no such API there",
        REMEDIES[Reason.NOT_FOUND],
    ),
    "html": (
        "API",
        r"the answer is not JSON: it begins with '<!DOCTYPE html>\ufffd<html><head><title>Log i'",
        REMEDIES[Reason.INVALID_RESPONSE],
    ),
    "login-redirect": ("API", "HTTP 302, a redirect to /login", REMEDIES[Reason.REDIRECT]),
    "no-answer": (
        "API",
        "no complete answer for page 1 within 0.2s (request_timeout)",
        REMEDIES[Reason.TIMEOUT],
    ),
    "error-500": (
        "API",
        "HTTP 500 (Server Error): the API is failing or unavailable",
        REMEDIES[Reason.SERVER_ERROR],
    ),
    "rate-limited": (
        "API",
        (
            "HTTP 429 (RATE_LIMIT_EXCEEDED, Too Many Attempts.): the API's rate limit is reached; "
            "the next attempt is due in 30s, past the poll's end"
        ),
        REMEDIES[Reason.RATE_LIMITED],
    ),
    "no-token": (
        "token",
        "no token: cannot read FOLDER/nowhere (No such file or directory)",
        "put the workspace's API token there",
    ),
    "quoted-token": ("token", "authorization.credentials has quotes around the token", "write only the token"),
    "wrong-token": (
        "token accepted",
        (
            "HTTP 401 (INVALID_AUTH_TOKEN, Authentication token is invalid or has been revoked.): "
            "the token is missing, invalid, expired or revoked"
        ),
        REMEDIES[Reason.AUTH],
    ),
    "forbidden": (
        "permission",
        "HTTP 403 (FORBIDDEN, This action is unauthorized.): the token may not list trunks",
        REMEDIES[Reason.PERMISSION],
    ),
    "unprocessable": (
        "first page",
        "HTTP 422 (VALIDATION_ERROR, The per_page parameter must not be greater than 50.): the API refuses a parameter",
        REMEDIES[Reason.CLIENT_ERROR],
    ),
    "moving-last-page": (
        "pages",
        "3 walks did not find the whole list: the API reports 60 rows, the last walk found 50",
        REMEDIES[Reason.INCOMPLETE],
    ),
}

# What can be polled, and the one thing that deserves attention.
WARNED = {
    "proxied-in-the-clear": (
        "TLS",
        "none: anybody between here and the API can read the token",
        "write https:// in base_url",
    ),
    "good": (
        "TLS",
        "TLSv1.3; the certificate for localhost expires in 1 day",
        "have it renewed: once it has expired, every poll fails",
    ),
    "unchecked": (
        "TLS",
        "TLSv1.3; the certificate is not checked (insecure_skip_verify)",
        "trust its authority with ca_file instead",
    ),
    "moving-total": (
        "pages",
        "3 pages, read 3 times, since the list moves or repeats rows; 1 row apart from the reported total",
        REMEDIES[Reason.INCOMPLETE],
    ),
    "rate-limit-is-low": (
        "pace",
        f"{_PACE}3; 2 left until the API's rate limit, less than a poll takes",
        REMEDIES[Reason.RATE_LIMITED],
    ),
    "flaky": ("pace", f"{_PACE}5; made again: 2 for server_error", REMEDIES[Reason.SERVER_ERROR]),
    "fields-wrong": (
        "trunks",
        (
            "60 trunks; unreadable: billing, billing.currency, billing.monthly_fee, bindings, bindings.call.agent_name "
            "and 35 more"
        ),
        "fields that cannot be read have no series; report them to Mihu",
    ),
    "no-identity": (
        "trunks",
        "0 trunks; 60 rows about no trunk",
        "fields that cannot be read have no series; report them to Mihu",
    ),
    "no-trunks": (
        "trunks",
        "0 trunks",
        "if there should be some, check filter, and which workspace the token is for",
    ),
}
HEALTHY = {"healthy", "proxied", "past-the-proxy"}


def found(recording: Recording, outcome: Outcome, folder: Path) -> list[tuple[str, str, str]]:
    return [
        (name, lasting(finding.seen, folder), finding.remedy)
        for name, finding in report_of(recording).findings.items()
        if finding.outcome is outcome
    ]


def test_every_workspace_has_its_finding() -> None:
    assert {*FAILING, *WARNED, *HEALTHY} == set(WORKSPACES)


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_is_told_and_what_needs_it_is_skipped(
    name: str, recordings: Mapping[str, Recording], folder: Path
) -> None:
    assert found(recordings[name], Outcome.FAILED, folder) == [FAILING[name]]
    assert found(recordings[name], Outcome.WARNING, folder) == []
    assert not report_of(recordings[name]).ok
    findings = report_of(recordings[name]).findings
    after = list(findings).index(FAILING[name][0]) + 1
    passed = {check for check in list(findings)[after:] if findings[check].outcome is Outcome.OK}
    assert passed <= {"proxy", "TLS", "token", "clock"}
    assert {finding.seen for finding in findings.values() if finding.outcome is Outcome.SKIPPED} == {
        "skipped: an earlier step failed"
    }


@pytest.mark.parametrize("name", WARNED)
def test_a_warning_does_not_fail_the_report(name: str, recordings: Mapping[str, Recording], folder: Path) -> None:
    assert found(recordings[name], Outcome.WARNING, folder) == [WARNED[name]]
    assert found(recordings[name], Outcome.OK, folder)
    assert report_of(recordings[name]).ok


@pytest.mark.parametrize("name", sorted(HEALTHY))
def test_a_healthy_workspace_has_no_other_outcome_than_ok(name: str, recordings: Mapping[str, Recording]) -> None:
    assert {finding.outcome for finding in report_of(recordings[name]).findings.values()} == {Outcome.OK}


def test_a_proxy_that_is_not_used(recordings: Mapping[str, Recording], folder: Path) -> None:
    assert ("proxy", "not used for 127.0.0.1", "") in found(recordings["past-the-proxy"], Outcome.OK, folder)
