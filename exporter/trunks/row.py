"""A row of the list: what it says, and what tells it from other rows.

The vendor keeps one trunk row per number and channel, so a number may be listed once per channel (the
vendor's documentation). Rows of one trunk that are bound on different channels are therefore siblings. Any other two
rows of one trunk are the same row seen twice, perhaps changed in between.
"""

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from exporter.mihu.leniency import ReadItem, read_items
from exporter.trunks.trunk import Trunk, trunk_from


class Row(msgspec.Struct, frozen=True, order=True, gc=False):
    """What a walk needs to know of a row; it holds nothing that could hold it, which spares looking after 100,000.

    Attributes:
        key: the trunk it is about; of a row that is about none, a text that no trunk has.
        channels: the channels it is bound on, as a set of bits.
        content: a hash of its JSON, good for comparing within this process.
    """

    key: str
    channels: int
    content: int

    @property
    def is_trunk(self) -> bool:
        """Tell whether the row says which trunk it is about."""
        return not self.key.startswith(_NO_TRUNK)


class Rows:
    """The rows of a page, in less than two thirds of their memory: they are kept as long as the page is shown."""

    __slots__ = ("_channels", "_contents", "_keys")

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        keys, channels, contents = [], bytearray(), array("q")
        for row in rows:
            keys.append(row.key)
            channels.append(row.channels)
            contents.append(row.content)
        self._keys, self._channels, self._contents = tuple(keys), bytes(channels), contents

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Row]:
        return map(Row, self._keys, self._channels, self._contents)

    def __getitem__(self, index: int) -> Row:
        return Row(self._keys[index], self._channels[index], self._contents[index])


Group = tuple[Row, ...]  # the rows of one trunk, sorted


class RowText(msgspec.Struct, frozen=True, gc=False):
    """A row as it came.

    Attributes:
        content: a hash of it, good for comparing within this process.
        lasting: a hash of it without the last ``updated_at`` in it; where that is the same, nothing else has changed.
    """

    json: bytes
    content: int
    lasting: int


class ReadRow(NamedTuple):
    """A row together with what was decoded from it; ``trunk`` is None for an invalid item."""

    row: Row
    text: RowText
    trunk: Trunk | None
    invalid_fields: tuple[str, ...]


_NO_TRUNK = "\0"  # no key holds a control character
# Nothing is read from under this key but the row's own time, so that another, in an unknown part of a row, may go too.
_UPDATED_AT = b'"updated_at":'
_UPDATE = re.compile(_UPDATED_AT + rb'\s*"[^"]*"')


def row_text(json: bytes) -> RowText:
    """Tell a row from others by its JSON."""
    update = _UPDATE.match(json, max(0, json.rfind(_UPDATED_AT)))
    if update is None:
        content = hash(json)
        return RowText(json, content, content)
    lasting = hash((json[: update.start()], json[update.end() :]))
    return RowText(json, hash((lasting, update[0])), lasting)


def read_rows(texts: Sequence[RowText]) -> list[ReadRow]:
    """Decode rows."""
    return list(map(_read_row, texts, read_items([text.json for text in texts])))


def _read_row(text: RowText, read: ReadItem | None) -> ReadRow:
    trunk = None if read is None else trunk_from(read[0])
    if read is None or trunk is None:
        return ReadRow(Row(f"{_NO_TRUNK}{text.content}", 0, text.content), text, None, ())
    call, sms, whatsapp = trunk.bindings
    channels = (call.bound is True) + 2 * (sms.bound is True) + 4 * (whatsapp.bound is True)
    return ReadRow(Row(trunk.key, channels, text.content), text, trunk, read[1])


def siblings(one: Row, other: Row) -> bool:
    """Tell whether two rows of one trunk stand for different channels of it."""
    return bool(one.channels and other.channels) and not one.channels & other.channels


def repeats(rows: Iterable[Row]) -> dict[str, Group]:
    """Return the rows of each trunk that are more than siblings, by key."""
    first: dict[str, Row] = {}
    several: dict[str, list[Row]] = {}
    for row in rows:
        if row.key in first:
            several.setdefault(row.key, [first[row.key]]).append(row)
        else:
            first[row.key] = row
    return {key: tuple(sorted(same)) for key, same in several.items() if not _all_siblings(same)}


def _all_siblings(rows: Sequence[Row]) -> bool:
    return all(siblings(one, other) for index, one in enumerate(rows) for other in rows[:index])


def distinct(rows: Iterable[Row]) -> list[int]:
    """Return the positions of the rows left when each comes once; of the same row, the first stays."""
    kept: list[int] = []
    by_key: dict[str, list[Row]] = defaultdict(list)
    for position, row in enumerate(rows):
        same = by_key[row.key]
        if all(siblings(row, other) for other in same):
            same.append(row)
            kept.append(position)
    return kept
