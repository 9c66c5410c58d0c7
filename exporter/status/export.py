"""Writes the trunks that a lookup finds as CSV and as JSON, in parts."""

from collections.abc import Iterator
from itertools import chain, groupby, islice
from operator import itemgetter

from exporter.documents import to_json
from exporter.listing import spreadsheet
from exporter.status.lookup import Found

_PART = 500  # trunks
_READ_AT_ONCE = 4096  # of which many are in the same bucket, which is decoded once for them


def csv_parts(found: Found) -> Iterator[bytes]:
    yield spreadsheet.header()
    lines = found.lines()
    while part := list(islice(lines, _READ_AT_ONCE)):
        by_listing = groupby(part, key=itemgetter(0))
        read = (listing.trunks([line for _, line in several]) for listing, several in by_listing)
        trunks = chain.from_iterable(read)
        while rows := list(islice(trunks, _PART)):
            yield spreadsheet.rows(rows)


def json_parts(found: Found) -> Iterator[bytes]:
    yield b'{"total":%d,"trunks":[' % found.total
    entries, separator = found.entries(), b""
    while part := list(islice(entries, _PART)):
        yield separator + to_json(part)[1:-1]
        separator = b","
    yield b"]}"
