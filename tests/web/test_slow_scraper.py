"""A slow scraper holds the body of its own request, and nothing of later ones."""

import asyncio
import os
import tracemalloc

from support.serving import serving
from support.views import exposition

from exporter.metrics.catalogue import SHOWN_FAMILIES
from exporter.metrics.exposition import View
from exporter.metrics.gzip_segments import Segment
from exporter.web.routes import Endpoints, create_application
from exporter.web.settings import WebSettings

PIECES, PIECE = 32, 2**18
SIZE = PIECES * PIECE  # bytes of a body
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\nAccept-Encoding: gzip\r\n\r\n"
SCRAPERS = 3


def large() -> View:
    pieces = {family.name: Segment(os.urandom(PIECE), 0, PIECE) for family in SHOWN_FAMILIES[:PIECES]}
    return View(workspace="acme", reading={}, trunks=pieces, expires_at=1e9, polled=True)


def test_slow_scrapers_hold_one_old_body_together() -> None:
    async def script() -> None:
        shown = exposition()
        endpoints = Endpoints(shown, is_healthy=lambda: True, is_ready=lambda: True)
        async with (
            serving(create_application(endpoints, {}, WebSettings())) as site,
            site.connected() as one,
            site.connected() as two,
            site.connected() as three,
        ):
            tracemalloc.start()
            try:
                shown.show(large())
                for slow in (one, two, three):
                    await slow.send(REQUEST)
                    assert (await slow.head()).startswith(b"HTTP/1.1 200 ")
                for _ in range(5):
                    shown.show(large())
                    async with site.connected() as fast:
                        await fast.get("/-/healthy")
                held, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            # The old body, the new one, and what is on its way to each: a piece, which asyncio copies.
            assert 2 * SIZE <= held < 2 * SIZE + SCRAPERS * 4 * PIECE

    asyncio.run(script())
