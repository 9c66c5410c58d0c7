"""JSON, as ``once``, ``doctor`` and the status page write it."""

from decimal import Decimal

import msgspec


def to_json(document: object, *, indent: int = 0) -> bytes:
    """Encode a document in UTF-8; with ``indent``, for people too, and a line break at its end."""
    encoded = msgspec.json.encode(document)
    return msgspec.json.format(encoded, indent=indent) + b"\n" if indent else encoded


def exact_number(amount: float | Decimal | None) -> float | None:
    """Return a number as JSON should have it: without a fraction where that is 0."""
    if amount is None:
        return None
    as_float = float(amount)
    return int(as_float) if as_float.is_integer() else as_float
