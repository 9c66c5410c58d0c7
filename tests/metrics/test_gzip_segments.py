"""Texts compressed apart are one gzip file together."""

import gzip
import zlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.gzip_segments import (
    EMPTY,
    Column,
    ColumnCopy,
    Segment,
    compress,
    gzip_length,
    gzip_parts,
    inflated_parts,
    join,
)

PART = 256 * 1024

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), max_size=8)


def zipped(*segments: Segment) -> bytes:
    return b"".join(gzip_parts(segments))


def one_member(file: bytes) -> bytes:
    """Return what a gzip file holds; a client that reads one member only must get all of it."""
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    text = inflater.decompress(file)
    assert inflater.eof
    assert inflater.unused_data == b""
    assert text == gzip.decompress(file)
    return text


@given(texts=TEXTS)
def test_any_texts_are_one_gzip_member(texts: list[str]) -> None:
    segments = [compress(text) for text in texts]
    file = zipped(*segments)
    assert one_member(file) == "".join(texts).encode()
    assert gzip_length(segments) == len(file)


@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1, max_size=8),
    others=st.dictionaries(st.integers(0, 7), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
)
def test_a_column_with_some_segments_replaced_is_the_column_of_the_new_ones(
    texts: list[str], others: dict[int, str]
) -> None:
    others = {index: text for index, text in others.items() if index < len(texts)}
    column = replaced(Column.of_empty(len(texts)), dict(enumerate(texts)))
    changed = replaced(column, others)
    expected = [others.get(index, text) for index, text in enumerate(texts)]
    assert changed.whole == join(map(compress, expected))
    again = replaced(changed, {index: texts[index] for index in others})
    assert again.whole == column.whole


def replaced(column: Column, texts: Mapping[int, str]) -> Column:
    copy = ColumnCopy(column)
    for index, text in sorted(texts.items()):
        copy.replace(index, compress(text))
    return copy.finish()


@pytest.mark.parametrize("length", [0, 1, PART - 1, PART, PART + 1, 3 * PART + 17], ids="{} bytes".format)
def test_text_is_inflated_in_parts_of_bounded_size(length: int) -> None:
    for text in ("a" * length, "".join(f"{index * 7919} " for index in range(length))[:length]):
        parts = list(inflated_parts([compress(text), EMPTY, compress("end")]))
        assert b"".join(parts) == text.encode() + b"end"
        assert all(0 < len(part) <= PART for part in parts)


def test_the_recorded_length_is_modulo_4_gib() -> None:
    huge = Segment(b"", 0, 2**32 + 5, 0)
    assert zipped(huge)[-4:] == (5).to_bytes(4, "little")
