"""A large fleet's text is held once, in pieces that are copied only where something in them has changed."""

import asyncio

from exporter.metrics.segment import Segment
from exporter.polling.snapshot import Snapshot
from support.polling import Bench, Listing
from support.trunks import row

PIECE = 128  # pages


def polled(bench: Bench) -> Snapshot:
    asyncio.run(bench.poll())
    assert bench.poller.known.snapshot is not None
    return bench.poller.known.snapshot


def pieces(snapshot: Snapshot) -> tuple[Segment, ...]:
    return snapshot.segments["mihu_trunk_info"]


def test_a_change_costs_the_pieces_that_it_is_in() -> None:
    api = Listing([row(index) for index in range(2 * PIECE + 10)], per_page=1)
    bench = Bench(api)
    first = polled(bench)
    api.rows[PIECE] = row(PIECE, location="elsewhere")
    second = polled(bench)
    assert len(pieces(first)) == len(pieces(second)) == 3
    assert [one is other for one, other in zip(pieces(first), pieces(second), strict=True)] == [True, False, True]
    assert polled(bench).segments["mihu_trunk_info"] == pieces(second)
    assert bench.series("mihu_trunk_info") == len(api.rows)


def test_a_shorter_list_keeps_the_pieces_before_its_end() -> None:
    api = Listing([row(index) for index in range(2 * PIECE)], per_page=1)
    bench = Bench(api)
    first = polled(bench)
    del api.rows[-1]
    second = polled(bench)
    # The total stands in no row, so that pages stay the same although it changes.
    assert [one is other for one, other in zip(pieces(first), pieces(second), strict=True)] == [True, False]
    assert bench.series("mihu_trunk_info") == len(api.rows)


def test_the_text_of_pages_is_that_of_the_pieces() -> None:
    snapshot = polled(Bench(Listing([row(index) for index in range(50)], per_page=10)))
    for page in snapshot.pages:
        for segment in page.rendered.segments:
            assert any(segment.source is piece.data for column in snapshot.segments.values() for piece in column)
