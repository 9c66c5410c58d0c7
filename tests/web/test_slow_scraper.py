"""Whoever reads slowly keeps what was shown when they asked, and nothing of what came after."""

import asyncio
import os
import tracemalloc

from support.clock import ManualClock
from support.serving import serving

from exporter.metrics.exposition import Exposition
from exporter.metrics.own import OwnMetrics
from exporter.metrics.segment import Segment
from exporter.metrics.view import Showcase, View
from exporter.web.routes import Endpoints, create_application
from exporter.web.settings import WebSettings

PIECES, PIECE = 32, 2**18
SIZE = PIECES * PIECE  # bytes of a body
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\nAccept-Encoding: gzip\r\n\r\n"
SCRAPERS = 3


def large() -> View:
    pieces = tuple(Segment(os.urandom(PIECE), 0, PIECE) for _ in range(PIECES))
    return View(workspace="acme", reading={}, trunks={"mihu_trunk_info": pieces}, expires_at=1e9, polled=True)


def test_slow_scrapers_hold_one_old_body_together() -> None:
    async def script() -> None:
        showcase = Showcase()
        endpoints = Endpoints(
            Exposition(showcase, OwnMetrics(), ManualClock()), is_healthy=lambda: True, is_ready=lambda: True
        )
        async with (
            serving(create_application(endpoints, {}, WebSettings())) as site,
            site.connected() as one,
            site.connected() as two,
            site.connected() as three,
        ):
            tracemalloc.start()
            try:
                showcase.show(large())
                for slow in (one, two, three):
                    await slow.send(REQUEST)
                    assert (await slow.head()).startswith(b"HTTP/1.1 200 ")
                for _ in range(5):
                    showcase.show(large())
                    async with site.connected() as fast:
                        await fast.get("/-/healthy")
                held, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            # The old body, the new one, and what is on its way to each: a piece, which asyncio copies.
            assert 2 * SIZE <= held < 2 * SIZE + SCRAPERS * 4 * PIECE

    asyncio.run(script())
