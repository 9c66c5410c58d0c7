"""Keeps the trunks that a poll has read until their buckets are made."""

from collections import deque
from collections.abc import Collection, Mapping

import msgspec
from isal import igzip

from exporter.api.wire import decode_page
from exporter.polling.buckets import PARTS, bucket_of
from exporter.polling.walk import EncodedTrunks, Page
from exporter.trunks.rows import DIGEST_SIZE, Group, read_rows
from exporter.trunks.trunk import Trunk

_MAP_32, _DIGEST = b"\xdf", bytes([0xC4, DIGEST_SIZE])  # MessagePack's heads of a map, and of a digest
_decode = msgspec.msgpack.Decoder(dict[bytes, Trunk]).decode


class TrunkBuffer:
    """The trunks of rows, encoded, in parts by the hash of their keys; as objects they would take much more memory."""

    def __init__(self) -> None:
        self.json: dict[bytes, bytes] = {}  # of rows that are one trunk together, by digest
        self._bodies = deque[tuple[Page, bytes]]()  # compressed
        self._digests: set[bytes] = set()
        self._parts = [bytearray() for _ in range(PARTS)]  # small objects would be left among lasting ones
        self._counts = [0] * len(self._parts)

    def add(self, page: Page, compressed: bytes, trunks: EncodedTrunks) -> None:
        """Add a page, its body, and the trunks of its new rows."""
        # Most rows of earlier polls that are needed are on pages that have new ones, too.
        (self._bodies.appendleft if trunks else self._bodies.append)((page, compressed))
        self._add(trunks)

    def _add(self, trunks: EncodedTrunks) -> None:
        for row, trunk in trunks:
            if row.digest not in self._digests:
                self._digests.add(row.digest)
                part = bucket_of(row.key, PARTS)
                self._parts[part] += _DIGEST + row.digest + trunk
                self._counts[part] += 1

    def complete(self, groups: Collection[Group]) -> None:
        """Add the rest of trunks, given the rows of each: rows that came before, and the JSON of those in several."""
        several = {row.digest for group in groups if len(group) > 1 for row in group}
        left = several.union(row.digest for group in groups for row in group if row.digest not in self._digests)
        for page, compressed in self._bodies:
            if not left:
                break
            on_page = left.intersection(row.digest for row in page.rows)
            if on_page:
                left -= on_page
                jsons, _ = decode_page(igzip.decompress(compressed))  # type: ignore[no-untyped-call]
                items = [(row.digest, json) for row, json in zip(page.rows, jsons, strict=True)]
                self._add(read_rows([json for digest, json in items if digest in on_page], {}, {})[1])
                self.json |= {digest: json for digest, json in items if digest in several}
        self._bodies.clear()
        self._digests.clear()

    def take(self, index: int, count: int) -> Mapping[bytes, Trunk]:
        """Return by digest, and forget, the trunks of one of ``count`` buckets; there are PARTS at most."""
        each = PARTS // count
        parts = slice(index * each, (index + 1) * each)
        encoded = _MAP_32 + sum(self._counts[parts]).to_bytes(4, "big") + b"".join(self._parts[parts])
        self._parts[parts] = [bytearray()] * each
        return _decode(encoded)
