"""What a file of --storage.path holds, read without the exporter's own code."""

import hashlib
import zlib
from pathlib import Path
from typing import Any

import msgspec


def stored(file: Path) -> dict[str, Any]:
    """Return the content of a file, with the trunks unpacked; fails where it is not whole."""
    header, _, rest = file.read_bytes().partition(b"\n")
    assert header == b"mihu-trunk-exporter storage 1"
    checksum, payload = rest[:32], rest[32:]
    assert hashlib.blake2b(payload, digest_size=32).digest() == checksum
    content: dict[str, Any] = msgspec.msgpack.decode(payload)
    content["states"] = [
        state for packed in content["states"] for state in msgspec.msgpack.decode(zlib.decompress(packed))
    ]
    return content


def only_file(folder: Path) -> Path:
    (file,) = folder.glob("*.state")
    return file
