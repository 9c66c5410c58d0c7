"""A row of the list: the trunk that it is about, and a digest that identifies it.

The vendor keeps one trunk row per number and channel, so a number may be listed once per channel (the vendor's
documentation). Rows of one trunk that are bound on different channels are therefore siblings. Any other two rows of one
trunk are the same row seen twice, perhaps changed in between.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from hashlib import sha256
from operator import attrgetter, or_

import msgspec

from exporter.trunks.items import read_trunks
from exporter.trunks.trunk import bits_of_bound

_NOT_A_DIGIT = re.compile(r"\D")
_NO_TRUNK = "\0"  # no key holds a control character
_NOT_STATED = (None, None, None)
DIGEST_SIZE = 15  # bytes; as an object, one more would take 16 more


class Row(msgspec.Struct, frozen=True, gc=False):
    """The part of a row that is read before the list is known to be whole."""

    key: str  # of the trunk: its uuid, or its number; where the row names no trunk, a text that no trunk has
    number: str  # the digits of its number
    # A bit for each channel that it is bound on, in the order of CHANNELS; None where it says nothing of any, not even
    # unreadably.
    channels: int | None
    digest: bytes  # the beginning of the SHA-256 of its JSON


Group = tuple[Row, ...]  # the rows of one trunk, in the order of their digests
RowsByTrunk = Mapping[str, Group]  # the rows of each trunk, by its key


class Surroundings(msgspec.Struct, frozen=True, gc=False):
    """Facts about the other trunks on which the judgement of a trunk depends."""

    bindings_known: bool  # whether any row states a binding; if none does, nothing is known about them
    bound_elsewhere: Mapping[str, int]  # by key, a bit for each channel that other trunks with its number are bound on


_encode = msgspec.msgpack.Encoder().encode
_number_and_channels = attrgetter("number", "channels")


def read_rows(
    items: Sequence[bytes], earlier: Mapping[bytes, Row], listed: RowsByTrunk
) -> tuple[tuple[Row, ...], list[tuple[Row, bytes]]]:
    """Return rows, given the JSON of each; and the new ones, not among the ``earlier``, with their trunks encoded.

    Rows of trunks that were ``listed`` before share their texts.
    """
    digests = [sha256(json).digest()[:DIGEST_SIZE] for json in items]
    new = {digest: json for digest, json in zip(digests, items, strict=True) if digest not in earlier}
    rows: dict[bytes, Row] = {}
    trunks: list[tuple[Row, bytes]] = []
    for digest, trunk in zip(new, read_trunks([*new.values()]), strict=True):
        if trunk is None:
            rows[digest] = Row(f"{_NO_TRUNK}{digest.hex()}", "", None, digest)
        else:
            bound, key, number = trunk.bound, trunk.key, digits(trunk.number)
            if before := listed.get(key):
                key, number = before[0].key, before[0].number if before[0].number == number else number
            row = Row(key, number, None if bound == _NOT_STATED else bits_of_bound(bound), digest)
            rows[digest] = row
            trunks.append((row, _encode(trunk)))
    return tuple(earlier.get(digest) or rows[digest] for digest in digests), trunks


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
        groups = {key: tuple(sorted(group, key=attrgetter("digest"))) for key, group in together.items()}
    return groups


def names_trunk(key: str) -> bool:
    return not key.startswith(_NO_TRUNK)


def count_trunks(trunks: Mapping[str, Group]) -> int:
    return sum(key[0] != _NO_TRUNK for key in trunks)


def are_siblings(rows: Group) -> bool:
    channels = [row.channels or 0 for row in rows]
    return all(channels) and sum(channels) == reduce(or_, channels, 0)  # no bit comes twice


def stand_alike(one: Group, other: Group) -> bool:
    """Return whether rows have the same numbers and channels, which are all that other trunks depend on."""
    return [*map(_number_and_channels, one)] == [*map(_number_and_channels, other)]


def surroundings(trunks: RowsByTrunk) -> Surroundings:
    bindings_known = not trunks or any(row.channels is not None for group in trunks.values() for row in group)
    counts = Counter(row.number for group in trunks.values() for row in group)
    several = {number for number, count in counts.items() if count > 1 and number}
    # By number, the trunks that share it, by key, with the channels that each is bound on.
    sharing: dict[str, dict[str, int]] = {}
    for key, group in trunks.items() if several else ():
        numbers = {row.number for row in group} & several
        channels = reduce(or_, (row.channels or 0 for row in group)) if numbers else 0
        for number in numbers:
            sharing.setdefault(number, {})[key] = channels
    elsewhere: dict[str, int] = {}
    for bound in sharing.values():
        once = twice = 0  # the channels that a trunk is bound on, and those that several are
        for channels in bound.values():
            twice |= once & channels
            once |= channels
        for key, channels in bound.items():
            elsewhere[key] = elsewhere.get(key, 0) | once & ~channels | twice
    return Surroundings(bindings_known, {key: channels for key, channels in elsewhere.items() if channels})
