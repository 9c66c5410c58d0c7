"""Buckets: the trunks of a workspace, split by their keys, so that a change costs one bucket and not the fleet.

Which bucket a trunk is in depends on its key alone: all rows of a trunk are in one bucket, and a list that moves
changes nothing. Buckets, and the trunks within each, are in the order of the keys' CRC-32, so that a fleet is exposed
in one order, whatever the number of its buckets.
"""

from binascii import crc32
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec
from isal import isal_zlib
from msgspec import UNSET

from exporter.api.errors import ApiError, Reason
from exporter.api.wire import read_items
from exporter.config.settings import Filter, Metrics, Workspace
from exporter.metrics.gzip_segments import Segment
from exporter.metrics.render import Renderer
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES, Tally
from exporter.trunks.changes import State, States, state_of
from exporter.trunks.description import line_of, pack_lines
from exporter.trunks.out_of_service import Judge, Judged, Remark
from exporter.trunks.rows import Group, Row, digits
from exporter.trunks.trunk import CHANNELS, Trunk, merge, trunk_from

BUCKET_SIZE = 32  # trunks that a bucket should have at most
_HASH_BITS = 32
_NONE_INVALID: Mapping[str, int] = {}


class Remarked(msgspec.Struct, frozen=True, gc=False):
    """A trunk to be looked at; ``number`` is as the configuration lets it be seen, the most urgent remark is first."""

    key: str
    uuid: str
    number: str
    location: str
    out_of_service: bool
    remarks: tuple[Remark, ...]


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """The trunks of one bucket.

    Attributes:
        rows: in the order of their keys' CRC-32.
        items: the JSON of each row, compressed.
        states: what changes are found by, compressed.
        tallies: what the trunks add to each of WORKSPACE_FAMILIES, encoded: a tenth of the memory.
        series: the number of series of single trunks.
        invalid_fields: the number of each field that could not be read.
        lines: what lists show of the trunks, compressed.
    """

    rows: tuple[Row, ...]
    items: bytes
    states: bytes
    tallies: bytes
    series: int
    invalid_fields: Mapping[str, int]
    remarked: tuple[Remarked, ...]
    lines: bytes

    def json(self) -> list[bytes]:
        """Return the JSON of each row."""
        return list(map(bytes, _decode_items(isal_zlib.decompress(self.items))))

    def unpacked_tallies(self) -> Sequence[Tally]:
        return _decode_tallies(self.tallies)


class Surroundings(msgspec.Struct, frozen=True, gc=False):
    """What judging a trunk depends on beside its own rows.

    Attributes:
        bindings_known: whether any row of the fleet states a binding; if none does, nothing is known about them.
        bound_elsewhere: by key, a bit for each channel that other trunks with the same number are bound on.
    """

    bindings_known: bool
    bound_elsewhere: Mapping[str, int]


class BucketMaker:
    """Makes the buckets of one workspace; each should have ``size`` trunks at most."""

    def __init__(self, workspace: Workspace, metrics: Metrics, size: int = BUCKET_SIZE) -> None:
        self.metrics = metrics
        self._size = size
        self.renderer = Renderer(workspace, metrics)
        self.judge = Judge(workspace)
        self._filter = workspace.filter

    def make(
        self, groups: Sequence[Group], items: Mapping[bytes, bytes], before: States, around: Surroundings
    ) -> tuple[Bucket, list[Segment]]:
        """Return a bucket of trunks, and a segment for each family in force.

        Args:
            groups: the rows of each trunk, in the order of the bucket.
            items: the JSON of rows, by their digests.
            before: the states that the trunks had, for what the API does not say now.
            around: the rest of the fleet, as far as it matters.

        Raises:
            ApiError: ``invalid_response``, a row disobeys the filter.
        """
        rows = tuple(row for group in groups for row in group)
        json = [items[row.digest] for row in rows]
        judged, invalid_fields = self._read(rows, json, around)
        segments, series = self.renderer.trunks(judged)
        bucket = Bucket(
            rows=rows,
            items=isal_zlib.compress(b"[%b]" % b",".join(json), 1),
            states=isal_zlib.compress(msgspec.msgpack.encode(self._states(judged, before)), 1),
            tallies=msgspec.msgpack.encode([family.tally(judged) for family in WORKSPACE_FAMILIES]),
            series=series,
            invalid_fields=invalid_fields,
            remarked=tuple(self._remarked(judged)),
            lines=pack_lines(line_of(self.shown(one.trunk), one.trunk.key) for one in judged),
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

    def shown(self, trunk: Trunk) -> Trunk:
        """Return a trunk without what the configuration hides."""
        if not self.metrics.agent_names:
            call, sms, whatsapp = (msgspec.structs.replace(binding, agent_name=None) for binding in trunk.bindings)
            trunk = msgspec.structs.replace(trunk, bindings=(call, sms, whatsapp))
        number = self.renderer.shown_number(trunk.number)
        return trunk if number == trunk.number else msgspec.structs.replace(trunk, number=number)

    def _states(self, judged: Iterable[Judged], before: States) -> list[State]:
        return [
            state_of(
                one,
                before.get(one.trunk.key),
                number=self.renderer.shown_number(one.trunk.number),
                agent_names=self.metrics.agent_names,
            )
            for one in judged
            if self.renderer.has_series(one.trunk.uuid)
        ]

    def _remarked(self, judged: Iterable[Judged]) -> Iterable[Remarked]:
        for one in judged:
            if remarks := self.judge.remarks(one):
                trunk = one.trunk
                number = self.renderer.shown_number(trunk.number)
                yield Remarked(trunk.key, trunk.uuid, number, trunk.location, one.is_out_of_service, remarks)

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
            if read[1]:
                invalid_fields.update(read[1])
            if not around.bindings_known:
                unknown = tuple(msgspec.structs.replace(binding, bound=UNSET) for binding in trunk.bindings)
                trunk = msgspec.structs.replace(trunk, bindings=unknown)
                invalid_fields["bindings"] += 1
            by_key.setdefault(row.key, []).append((trunk, text))
        elsewhere = around.bound_elsewhere
        judged = [self.judge.judge(merge(same), elsewhere.get(key, 0)) for key, same in by_key.items()]
        return judged, invalid_fields or _NONE_INVALID


def violation(trunk: Trunk, filter_: Filter) -> str | None:
    """Return how a trunk contradicts the filter, or None: the API may ignore a parameter that it does not know.

    Only what a row states counts against it; what it leaves out may still obey.
    """
    if filter_.channel is not None:
        stated = any(isinstance(binding.bound, bool) for binding in trunk.bindings)
        if stated and trunk.bindings[CHANNELS.index(filter_.channel)].bound in {None, False}:
            return f"filter.channel is {filter_.channel}, but a row is not bound on it"
    if filter_.agent_uuid is not None:
        agents = {binding.agent_uuid.lower() for binding in trunk.bindings if binding.agent_uuid}
        if agents and filter_.agent_uuid.lower() not in agents:
            return f"filter.agent_uuid is {filter_.agent_uuid}, but a row names other agents only"
    if filter_.search is not None and trunk.number and digits(filter_.search) not in digits(trunk.number):
        return f"filter.search is {filter_.search}, but a row's number does not contain it"
    return None


def bucket_of(key: str, bits: int) -> int:
    """Return the index of the bucket that a trunk is in."""
    return crc32(key.encode(errors="surrogatepass")) >> (_HASH_BITS - bits)


def in_order(keys: Iterable[str]) -> list[str]:
    """Return keys in the order of a bucket."""
    return sorted(keys, key=lambda key: (crc32(key.encode(errors="surrogatepass")), key))


def unpack_states(packed: bytes) -> list[State]:
    return _decode_states(isal_zlib.decompress(packed))


_decode_states = msgspec.msgpack.Decoder(list[State]).decode
_decode_tallies = msgspec.msgpack.Decoder(list[dict[str, int | Decimal]]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
