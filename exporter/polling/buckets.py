"""Buckets: the trunks of a workspace, split by their keys, so that a change costs one bucket and not the fleet.

The hash of its key decides the bucket of a trunk: all rows of a trunk are in one bucket, and a list that moves
changes nothing. Buckets, and the trunks within each, are in the order of the keys' CRC-32, so that a fleet is exposed
in one order, however many buckets it has.
"""

from binascii import crc32
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from sys import intern
from typing import NamedTuple

import msgspec
from isal import isal_zlib
from msgspec.structs import replace

from exporter.api.errors import ApiError, Reason
from exporter.config.settings import Filter, Metrics, Workspace
from exporter.metrics.gzip_segments import Segment
from exporter.metrics.render import Renderer
from exporter.metrics.workspace_families import WORKSPACE_FAMILIES, Tally
from exporter.trunks.changes import State, States, state_of
from exporter.trunks.lines import Harm, key_of, kinds_of, line_of, pack, pack_lines, rank, unpack_lines, without_names
from exporter.trunks.out_of_service import ATTRIBUTES, Concern, Judge, Judged, differing
from exporter.trunks.rows import Group, Surroundings, digits
from exporter.trunks.trunk import CHANNELS, UNREADABLE, Trunk, merge, without_agent_names

BUCKET_SIZE = 64  # the number of trunks that a bucket should have, roughly
PARTS = 64  # of the range of hashes; each lies in one bucket, or consists of whole ones
_HASH_BITS = 32

# Attributes of trunks, as in ATTRIBUTES, on which parts of a bucket depend.
_IDENTITY = {"trunk.uuid", "trunk.number"}
_OF_STATES = {*(f"trunk.{name}" for name in State.__struct_fields__), "left_out", "since", "reason", "served"}
_IN_LINES = ("location", "status", "country_code", "type", "bindings")
_OF_LINES = {*(f"trunk.{name}" for name in _IN_LINES), "concerns", "since"}


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """The trunks of one bucket, in the order of their keys' CRC-32."""

    trunks: bytes  # judged, encoded and compressed
    states: bytes  # for finding changes, encoded and compressed
    # Amounts for each of WORKSPACE_FAMILIES, the trunks to be looked at by concern, "" for any, and the number of each
    # field that could not be read; encoded: a tenth of the memory.
    tallies: bytes
    lines: bytes  # for lists of trunks, sorted and compressed
    kinds: tuple[str, ...]  # of the lines
    first: str  # the first line

    def unpacked_trunks(self) -> list[Judged]:
        return _decode_trunks(isal_zlib.decompress(self.trunks))

    def without_agent_names(self) -> "Bucket":
        """Return the bucket without the names in its lines; its trunks keep them, and are shown without."""
        lines = sorted(map(without_names, unpack_lines(self.lines)))
        return replace(self, lines=pack_lines(lines), first=lines[0] if lines else "")

    def unpacked_tallies(self) -> Sequence[Tally]:
        return _decode_tallies(self.tallies)


class Inputs(NamedTuple):
    """The data of a poll that buckets are made of."""

    trunks: Mapping[bytes, Trunk]  # of rows, by digest; a trunk may have several rows
    json: Mapping[bytes, bytes]  # of these rows
    around: Surroundings
    known: States  # of trunks that were listed, by key, where the buckets before do not have them
    absent: States  # of trunks that may come back
    served: int | None  # of trunks of which nothing is remembered
    now: float  # Unix time

    def remembered(self, key: str) -> State | None:
        return self.known.get(key) or self.absent.get(key)

    def past(self, key: str, before: Judged | None) -> tuple[float, Concern | None, int | None]:
        """Return since when a trunk is out of service, if it is now; why, and what it served; ``before`` as it was."""
        since, reason, served = None, None, self.served
        if before is not None:
            since, reason, served = before.since, before.reason, before.served
        elif (state := self.remembered(key)) is not None:
            since, reason, served = state.out_of_service_since, state.reason, state.served
        return self.now if since is None else min(since, self.now), reason, served  # the clock may have been set back


class Made(NamedTuple):
    bucket: Bucket
    rendered: Mapping[str, Segment]  # for each family whose series may differ
    states_before: States  # of trunks that changed
    states: States


class BucketMaker:
    """Makes the buckets of one workspace; each should have about ``size`` trunks."""

    def __init__(self, workspace: Workspace, metrics: Metrics, size: int = BUCKET_SIZE) -> None:
        self.metrics = metrics
        self._size = size
        self.renderer = Renderer(workspace, metrics)
        self.judge = Judge(workspace)
        self._shows_all = metrics.agent_names and self.renderer.shows_numbers
        self._workspace = workspace.name
        self._filter = workspace.filter
        self.max_trunks = workspace.max_trunks
        self.empty = Bucket(
            trunks=_pack([]),
            states=_pack([]),
            tallies=_encode([{} for _ in (*WORKSPACE_FAMILIES, "concerns", "invalid fields")]),
            lines=pack_lines([]),
            kinds=(),
            first="",
        )

    def make(self, bucket: Bucket, changed: Mapping[str, Group], inputs: Inputs) -> Made:
        """Make a bucket anew after changes.

        ``changed`` are, by key, the rows of trunks that changed, came or went, or whose surroundings changed.

        Raises:
            ApiError: ``invalid_response``, a row disobeys the filter.
        """
        old = {one.trunk.key: one for one in bucket.unpacked_trunks()}
        new = self._judged(old, changed, inputs)
        stayed = [key for key in changed if key in old and key in new]
        differ = differing([old[key] for key in stayed], [new[key] for key in stayed])
        if len(stayed) < len(changed) or not _IDENTITY.isdisjoint(differ):
            differ = set(ATTRIBUTES)  # every part of a bucket has its trunks, or their identities
        shown = {key: self.shown(one.trunk) for key, one in new.items() if key in changed}
        with_series = {key: one for key, one in new.items() if self.renderer.has_series(one.trunk.uuid)}
        families = [family for family in self.renderer.families if not differ.isdisjoint(family.attributes)]
        trunks = [*new.values()]
        made = replace(bucket, trunks=_pack(trunks), tallies=_encode([*_tallies(bucket, trunks, differ)]))
        if not _OF_LINES.isdisjoint(differ):
            lines = [self._line(key, new[key], trunk) for key, trunk in shown.items()]
            if len(shown) < len(new):
                lines += [line for line in unpack_lines(bucket.lines) if key_of(line) not in changed]
            lines.sort()
            kinds, first = tuple(map(intern, kinds_of(lines))), lines[0] if lines else ""
            made = replace(made, lines=pack_lines(lines), kinds=kinds, first=first)
        before, after = dict[str, State](), dict[str, State]()
        if not _OF_STATES.isdisjoint(differ):
            known = inputs.known  # where the bucket begins empty
            states = unpack_states(bucket.states) or {key: known[key] for key in new if key in known}
            before = {key: state for key, state in states.items() if key in changed}
            for key, trunk in shown.items():
                if key in with_series:
                    after[key] = state_of(new[key], trunk, before.get(key) or inputs.remembered(key))
            states |= after
            made = replace(made, states=_pack([states[key] for key in with_series]))
        return Made(made, self.renderer.trunks([*with_series.values()], families), before, after)

    def _judged(self, old: Mapping[str, Judged], changed: Mapping[str, Group], inputs: Inputs) -> Mapping[str, Judged]:
        """Return the trunks of a bucket after changes, in the order of the bucket."""
        new = dict(old)
        for key, group in changed.items():
            if group:
                trunk = self._merged(group, inputs) or old[key].trunk
                elsewhere = inputs.around.bound_elsewhere.get(key, 0)
                new[key] = self.judge.judge(trunk, elsewhere, *inputs.past(key, old.get(key)))
            else:
                new.pop(key, None)
        if new.keys() == old.keys():
            return new
        return {key: new[key] for key in sorted(new, key=lambda key: (crc32(key.encode(errors="surrogatepass")), key))}

    def _merged(self, group: Group, inputs: Inputs) -> Trunk | None:
        """Merge the rows of a trunk; return None where none of them is new, because only its surroundings changed."""
        rows: list[tuple[Trunk, bytes]] = []
        for row in group:
            trunk = inputs.trunks.get(row.digest)
            if trunk is None:
                return None
            if contradiction := violation(trunk, self._filter):
                problem = f"the API does not filter as asked: {contradiction}"
                raise ApiError(Reason.INVALID_RESPONSE, problem, "check filter")
            if not inputs.around.bindings_known:
                unknown = tuple(replace(binding, bound=UNREADABLE) for binding in trunk.bindings)
                trunk = replace(trunk, bindings=unknown, invalid=(*trunk.invalid, "bindings"))
            rows.append((trunk, inputs.json.get(row.digest, b"")))
        return merge(rows)

    def bucket_count(self, trunks: int, before: int | None) -> int:
        """Return how many buckets trunks are split into; as many as ``before`` while that is not far off.

        A fleet that grows and shrinks about a border would else be rendered whole at each poll.
        """
        if before is not None and before * self._size // 4 <= trunks <= before * self._size * 3 // 2:
            return before
        wanted = max(1, -(-trunks // self._size))
        return 1 << (wanted - 1).bit_length() if wanted <= PARTS else round(wanted / PARTS) * PARTS

    def shown(self, trunk: Trunk) -> Trunk:
        """Return a trunk without what the configuration hides."""
        if self._shows_all:
            return trunk
        if not self.metrics.agent_names:
            trunk = replace(trunk, bindings=without_agent_names(trunk.bindings))
        number = self.renderer.shown_number(trunk.number)
        return trunk if number == trunk.number else replace(trunk, number=number)

    def _line(self, key: str, judged: Judged, shown: Trunk) -> str:
        reasons: tuple[str, ...] = judged.concerns
        if judged.outage:
            reasons = (*reasons, Concern.OUT_OF_SERVICE)
            place = rank(Harm.OUT_OF_SERVICE, judged.since if self.renderer.has_series(shown.uuid) else None)
        else:
            place = rank(Harm.OPEN if reasons else Harm.NONE)
        return line_of(self._workspace, shown, key, place, reasons)


def _tallies(bucket: Bucket, trunks: Sequence[Judged], differ: AbstractSet[str]) -> Iterator[Tally]:
    """Yield the tallies of a bucket whose trunks differ in some attributes."""
    *tallies, concerns, invalid = bucket.unpacked_tallies()
    for family, tally in zip(WORKSPACE_FAMILIES, tallies, strict=True):
        yield tally if differ.isdisjoint(family.attributes) else family.tally(trunks)
    if "concerns" in differ:
        concerns = Counter(concern for one in trunks if one.concerns for concern in ("", *one.concerns))
    yield concerns
    yield Counter(path for one in trunks for path in one.trunk.invalid) if "trunk.invalid" in differ else invalid


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


def bucket_of(key: str, count: int) -> int:
    """Return the index of a trunk's bucket, given the number of buckets."""
    return crc32(key.encode(errors="surrogatepass")) * count >> _HASH_BITS


def unpack_states(*packed: bytes) -> dict[str, State]:
    return {state.key: state for part in packed for state in _decode_states(isal_zlib.decompress(part))}


def _pack(structs: Sequence[msgspec.Struct]) -> bytes:
    return pack(_encode(structs))


_encode = msgspec.msgpack.Encoder().encode
_decode_states = msgspec.msgpack.Decoder(list[State]).decode
_decode_tallies = msgspec.msgpack.Decoder(list[dict[str, int | Decimal]]).decode
_decode_trunks = msgspec.msgpack.Decoder(list[Judged]).decode
