"""What polling writes into the log: what changes is seen at the default level, what goes on as before is not."""

import asyncio

import httpx
from structlog.testing import capture_logs
from support.polling import Bench, Listing
from support.trunks import row


def test_the_first_success_and_the_first_after_failures_are_told_and_others_only_when_debugging() -> None:
    listing = Listing([row(index) for index in range(60)])
    works = True

    def api(request: httpx.Request) -> httpx.Response:
        return listing(request) if works else httpx.Response(403)

    bench = Bench(api)
    with capture_logs() as log:
        for works in (False, True, True, False, False, True, True):  # noqa: B007 - the API looks at it
            asyncio.run(bench.poll())
    failed = ("warning", "poll failed")
    assert [(line["log_level"], line["event"]) for line in log] == [
        failed,
        ("info", "trunks read"),
        ("debug", "poll succeeded"),
        failed,
        failed,
        ("info", "poll succeeded again"),
        ("debug", "poll succeeded"),
    ]
    assert log[1] == {
        "log_level": "info",
        "event": "trunks read",
        "workspace": "acme",
        "trunks": 60,
        "pages": 3,
        "reused": 0,
        "walks": 1,
        "seconds": 0.0,
    }
    assert log[5] == {**log[1], "event": "poll succeeded again", "reused": 3}
    assert log[6] == {**log[5], "event": "poll succeeded", "log_level": "debug"}
