"""Text compressed once, so that any number of segments join into one gzip file without compressing again.

A segment is raw deflate data (RFC 1951) that ends on a byte boundary with an empty stored block, as zlib's
Z_SYNC_FLUSH leaves it, and refers to nothing before itself. Segments one after another, a last empty
block and a checksum combined from theirs are one gzip member (RFC 1952). Several members in a row would be
simpler, but many clients stop silently after the first.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby

import msgspec
from isal import isal_zlib

_LEVEL = 1
_RAW = -15  # zlib's window bits for the largest window without a wrapper
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # deflate, no name, no time, unknown system
_LAST_BLOCK = b"\x03\x00"  # final, with fixed codes, holding nothing but its end
_LARGE = 64 * 1024  # bytes of data
_PART = 256 * 1024  # bytes of text inflated at a time


class Segment(msgspec.Struct, frozen=True, gc=False):
    """Compressed text that can stand anywhere in a body."""

    data: bytes  # raw deflate data
    crc: int  # CRC-32 of the text
    length: int  # bytes of the text
    lines: int  # of the text


EMPTY = Segment(b"", 0, 0, 0)


def compress(text: str) -> Segment:
    if not text:
        return EMPTY
    plain = text.encode()
    compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _RAW)
    data = compressor.compress(plain) + compressor.flush(isal_zlib.Z_SYNC_FLUSH)
    return Segment(data, isal_zlib.crc32(plain), len(plain), text.count("\n"))


def join(segments: Iterable[Segment]) -> Segment:
    data, crc, length, lines = [], 0, 0, 0
    for segment in segments:
        data.append(segment.data)
        crc = isal_zlib.crc32_combine(crc, segment.crc, segment.length)
        length += segment.length
        lines += segment.lines
    return Segment(b"".join(data), crc, length, lines)


class Column:
    """The segments of one family, joined, so that a scrape has few parts to join."""

    __slots__ = ("figures", "whole")

    def __init__(self, data: bytes, figures: "Sequence[array[int]]") -> None:
        self.figures = figures  # of each segment: bytes of data, checksum, bytes and lines of text
        _, crcs, lengths, lines = figures
        crc = 0
        for segment_crc, length in zip(crcs, lengths, strict=True):
            crc = isal_zlib.crc32_combine(crc, segment_crc, length)
        self.whole = Segment(data, crc, sum(lengths), sum(lines))

    @classmethod
    def of_empty(cls, count: int) -> "Column":
        """Return a column of empty segments."""
        return cls(b"", [array("I", [0] * count)] * 4)


class ColumnCopy:
    """A copy of a column in the making; ``replace`` is called in the order of the indexes, and keeps no segment."""

    def __init__(self, column: Column) -> None:
        self._old = memoryview(column.whole.data)
        self._copied = 0  # bytes of the old data
        self._ends = list(accumulate(column.figures[0]))
        self._figures = [of_each[:] for of_each in column.figures]
        self._data = bytearray()

    def replace(self, index: int, segment: Segment) -> None:
        sizes, crcs, lengths, lines = self._figures
        end = self._ends[index]
        self._data += self._old[self._copied : end - sizes[index]]
        self._data += segment.data
        self._copied = end
        sizes[index], crcs[index] = len(segment.data), segment.crc
        lengths[index], lines[index] = segment.length, segment.lines

    def finish(self) -> Column:
        self._data += self._old[self._copied :]
        return Column(bytes(self._data), self._figures)


def coalesce(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Join small segments; copying a large one would cost more than sending it by itself."""
    for are_small, group in groupby(segments, lambda segment: len(segment.data) < _LARGE):
        if are_small:
            yield join(group)
        else:
            yield from group


def gzip_parts(segments: Iterable[Segment]) -> list[bytes]:
    """Return the parts of a gzip file that holds the segments' text."""
    parts, crc, length = [_HEADER], 0, 0
    for segment in segments:
        parts.append(segment.data)
        crc = isal_zlib.crc32_combine(crc, segment.crc, segment.length)
        length += segment.length
    return [*parts, _LAST_BLOCK + crc.to_bytes(4, "little") + (length % 2**32).to_bytes(4, "little")]


def inflated_parts(segments: Iterable[Segment]) -> Iterator[bytes]:
    """Yield the segments' text in parts of bounded size."""
    for segment in segments:
        inflater = isal_zlib.decompressobj(_RAW)
        data = segment.data
        left = segment.length
        while left:
            part = inflater.decompress(data, _PART)
            data = inflater.unconsumed_tail
            left -= len(part)
            yield part
