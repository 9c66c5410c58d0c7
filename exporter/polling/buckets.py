"""Buckets: the trunks of a workspace, split by their keys, so that a change costs one bucket and not the fleet.

Which bucket a trunk is in depends on its key alone. All rows of a trunk are in one bucket, and a list that moves
changes nothing. Buckets, and the trunks within each, are in the order of the keys' CRC-32, so that a fleet is exposed
in one order, whatever the number of its buckets.
"""

from binascii import crc32
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from isal import isal_zlib
from msgspec import UNSET

from exporter.api.errors import ApiError, Reason
from exporter.api.wire import read_items
from exporter.config.settings import Filter, Metrics, Workspace
from exporter.metrics.gzip_segments import Segment
from exporter.metrics.render import Renderer
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES, Tally
from exporter.trunks.filtering import violation
from exporter.trunks.merging import merge
from exporter.trunks.out_of_service import Judge, Judged, Remark
from exporter.trunks.rows import Group, Row
from exporter.trunks.state import State, state_of
from exporter.trunks.trunk import Trunk, trunk_from

BUCKET_SIZE = 64  # trunks that a bucket should have at most
_HASH_BITS = 32


class Remarked(msgspec.Struct, frozen=True, gc=False):
    """A trunk that somebody should look at, as people may see it; ``remarks`` has why, the most urgent first."""

    key: str
    uuid: str
    number: str
    location: str
    out_of_service: bool
    remarks: tuple[Remark, ...]


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """What is kept of the trunks of one bucket.

    Attributes:
        rows: in the order of their keys' CRC-32.
        items: the JSON of each row, compressed.
        states: what changes are found by, compressed.
        series: how many series of single trunks there are.
        totals: what the trunks add to each of WORKSPACE_FAMILIES.
        invalid_fields: how many of each could not be read.
        remarked: the trunks that somebody should look at.
    """

    rows: tuple[Row, ...]
    items: bytes
    states: bytes
    series: int
    totals: tuple[Tally, ...]
    invalid_fields: Mapping[str, int]
    remarked: tuple[Remarked, ...]

    def json(self) -> list[bytes]:
        """Return the JSON of each row."""
        return unpack_items(self.items)


class Surroundings(msgspec.Struct, frozen=True, gc=False):
    """What judging a trunk depends on beside its own rows.

    Attributes:
        bindings_known: whether any row of the fleet states a binding; if none does, nothing is known about them.
        bound_elsewhere: by key, a bit for each channel that other trunks with the same number are bound on.
    """

    bindings_known: bool
    bound_elsewhere: Mapping[str, int]


class BucketMaker:
    """Makes the buckets of one workspace, as its configuration says; each should have ``size`` trunks at most."""

    def __init__(self, workspace: Workspace, metrics: Metrics, size: int = BUCKET_SIZE) -> None:
        self.metrics = metrics
        self._size = size
        self.renderer = Renderer(workspace, metrics)
        self.judge = Judge(workspace)
        self._filter: Filter = workspace.filter

    def make(
        self, groups: Sequence[Group], items: Mapping[bytes, bytes], before: Mapping[str, State], around: Surroundings
    ) -> tuple[Bucket, list[Segment]]:
        """Make a bucket of trunks, and a segment for each family in force.

        Args:
            groups: the rows of each trunk, in the order of the bucket.
            items: the JSON of rows, by their digests.
            before: the states that the trunks had, for what cannot be told now.
            around: the rest of the fleet, as far as it matters.

        Raises:
            ApiError: ``invalid_response``, a row disobeys the filter.
        """
        rows = tuple(row for group in groups for row in group)
        json = [items[row.digest] for row in rows]
        judged, invalid_fields = self._read(rows, json, around)
        segments, series = self.renderer.trunks(judged)
        states = [
            state_of(
                one,
                before.get(one.trunk.key),
                number=self.renderer.shown_number(one.trunk.number),
                agent_names=self.metrics.agent_names,
            )
            for one in judged
            if self.renderer.has_series(one.trunk.uuid)
        ]
        bucket = Bucket(
            rows=rows,
            items=_pack(b"[%b]" % b",".join(json)),
            states=_pack(msgspec.msgpack.encode(states)),
            series=series,
            totals=tuple(family.tally(judged) for family in WORKSPACE_FAMILIES),
            invalid_fields=invalid_fields,
            remarked=tuple(
                Remarked(
                    one.trunk.key,
                    one.trunk.uuid,
                    self.renderer.shown_number(one.trunk.number),
                    one.trunk.location,
                    one.is_out_of_service,
                    remarks,
                )
                for one in judged
                if (remarks := self.judge.remarks(one))
            ),
        )
        return bucket, segments

    def bits(self, trunks: int, before: int | None) -> int:
        """Return how many bits of a key's hash name its bucket; as many as ``before`` while that is not far off.

        A fleet that grows and shrinks about a border would else be rendered anew with each poll.
        """
        if before is not None and (1 << before) * self._size // 4 <= trunks <= (1 << before) * self._size * 3 // 2:
            return before
        return max(0, (trunks - 1) // self._size).bit_length()

    def judged(self, bucket: Bucket, around: Surroundings) -> list[Judged]:
        """Return the trunks of a bucket."""
        return self._read(bucket.rows, bucket.json(), around)[0]

    def _read(
        self, rows: Sequence[Row], json: Sequence[bytes], around: Surroundings
    ) -> tuple[list[Judged], Mapping[str, int]]:
        """Decode rows and merge those of one trunk; count the fields that could not be read."""
        by_key: dict[str, list[tuple[Trunk, bytes]]] = {}
        invalid_fields: Counter[str] = Counter()
        for row, text, read in zip(rows, json, read_items(json), strict=True):
            trunk = read and trunk_from(read[0])
            if read is None or trunk is None:
                continue
            if contradiction := violation(trunk, self._filter):
                raise ApiError(
                    Reason.INVALID_RESPONSE, f"the API does not filter as asked: {contradiction}", "check filter"
                )
            invalid_fields.update(read[1])
            if not around.bindings_known:
                unknown = tuple(msgspec.structs.replace(binding, bound=UNSET) for binding in trunk.bindings)
                trunk = msgspec.structs.replace(trunk, bindings=unknown)
            by_key.setdefault(row.key, []).append((trunk, text))
        if not around.bindings_known and by_key:
            invalid_fields["bindings"] += sum(map(len, by_key.values()))
        elsewhere = around.bound_elsewhere
        return [self.judge.judge(merge(same), elsewhere.get(key, 0)) for key, same in by_key.items()], invalid_fields


def bucket_of(key: str, bits: int) -> int:
    """Return the index of the bucket that a trunk is in."""
    return crc32(key.encode(errors="surrogatepass")) >> (_HASH_BITS - bits)


def in_order(keys: Iterable[str]) -> list[str]:
    """Return keys in the order of a bucket."""
    return sorted(keys, key=lambda key: (crc32(key.encode(errors="surrogatepass")), key))


def unpack_states(packed: bytes) -> list[State]:
    """Return the states that a bucket keeps."""
    return _decode_states(isal_zlib.decompress(packed))


def unpack_items(packed: bytes) -> list[bytes]:
    """Return the JSON of the rows that a bucket keeps."""
    return list(map(bytes, _decode_items(isal_zlib.decompress(packed))))


_decode_states = msgspec.msgpack.Decoder(list[State]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _pack(plain: bytes) -> bytes:
    return isal_zlib.compress(plain, 1)
