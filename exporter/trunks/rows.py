"""A row of the list: the trunk that it is about, and a digest that identifies it.

The vendor keeps one trunk row per number and channel, so a number may be listed once per channel (the vendor's
documentation). Rows of one trunk that are bound on different channels are therefore siblings. Any other two rows of one
trunk are the same row seen twice, perhaps changed in between.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256

import msgspec

from exporter.api.wire import Bindings, EmptyArray, read_item
from exporter.trunks.trunk import bits_of_bound, identify, trunk_from

_NOT_A_DIGIT = re.compile(r"\D")
_NO_TRUNK = "\0"  # no key holds a control character


class Row(msgspec.Struct, frozen=True, gc=False):
    """The part of a row that is read before the list is known to be whole.

    Attributes:
        key: of the trunk: its uuid, or its number; where the row names no trunk, a text that no trunk has.
        number: the digits of its number.
        channels: a bit for each channel that it is bound on, in the order of CHANNELS.
        states_bindings: whether it says of any channel that it is bound or not, even unreadably.
        digest: 16 bytes of the SHA-256 of its JSON.
    """

    key: str
    number: str
    channels: int
    states_bindings: bool
    digest: bytes


Group = tuple[Row, ...]  # the rows of one trunk, in the order of their digests


class _Item(msgspec.Struct, gc=False):
    phone_number_uuid: str | None = None
    number: str | None = None
    bindings: Bindings | EmptyArray | None = None


_decode_items = msgspec.json.Decoder(list[_Item]).decode


def rows_of(items: Sequence[bytes], earlier: Mapping[bytes, Row]) -> tuple[Row, ...]:
    """Return rows, given the JSON of each; ``earlier`` ones, by digest, are not decoded again."""
    digests = [sha256(json).digest()[:16] for json in items]
    new = [(digest, json) for digest, json in zip(digests, items, strict=True) if digest not in earlier]
    decoded = _decode(new) if new else {}
    return tuple(earlier.get(digest) or decoded[digest] for digest in digests)


def _decode(items: Sequence[tuple[bytes, bytes]]) -> dict[bytes, Row]:
    try:
        decoded = _decode_items(b"[%b]" % b",".join(json for _, json in items))
    except (ValueError, RecursionError):
        return {digest: _row_field_by_field(digest, json) for digest, json in items}
    return {digest: _row(digest, item) for (digest, _), item in zip(items, decoded, strict=True)}


def _row(digest: bytes, item: _Item) -> Row:
    identity = identify(item.phone_number_uuid, item.number)
    if identity is None:
        return _no_trunk(digest)
    uuid, number = identity
    channels, stated = 0, False
    if bindings := item.bindings:
        for bit, binding in ((1, bindings.call), (2, bindings.sms), (4, bindings.whatsapp)):
            if binding and binding.bound is not None:
                stated = True
                channels |= bit * (binding.bound is True)
    return Row(uuid or number, digits(number), channels, stated, digest)


def _row_field_by_field(digest: bytes, json: bytes) -> Row:
    read = read_item(json)
    trunk = read and trunk_from(read[0])
    if trunk is None:
        return _no_trunk(digest)
    channels = bits_of_bound(trunk.bound)
    stated = any(bound is not None for bound in trunk.bound)
    return Row(trunk.key, digits(trunk.number), channels, stated, digest)


def _no_trunk(digest: bytes) -> Row:
    return Row(f"{_NO_TRUNK}{digest.hex()}", number="", channels=0, states_bindings=False, digest=digest)


def digits(number: str) -> str:
    """Return the digits of a number, by which numbers are compared: the plus sign may be left out."""
    bare = number.removeprefix("+")
    return bare if bare.isdecimal() else _NOT_A_DIGIT.sub("", bare)


def by_trunk(rows: Sequence[Row]) -> dict[str, Group]:
    groups: dict[str, Group] = {row.key: (row,) for row in rows}
    if len(groups) < len(rows):
        together: dict[str, list[Row]] = {}
        for row in rows:
            together.setdefault(row.key, []).append(row)
        groups |= {
            key: tuple(sorted(several, key=lambda row: row.digest))
            for key, several in together.items()
            if len(several) > 1
        }
    return groups


def names_trunk(key: str) -> bool:
    return not key.startswith(_NO_TRUNK)


def count_trunks(trunks: Mapping[str, Group]) -> int:
    return sum(key[0] != _NO_TRUNK for key in trunks)


def are_siblings(rows: Group) -> bool:
    seen = 0
    for row in rows:
        if not row.channels or row.channels & seen:
            return False
        seen |= row.channels
    return True
