"""Faults in the text of a page: JSON that ends too early, goes too deep, or is not quite JSON."""

import gzip
import re
from collections.abc import Callable

from starlette.responses import Response

from exporter.simulator.faults.effects import respond, rewriting
from exporter.simulator.faults.fault import Effect, Fault, Strike

_DEPTH = 100_000


def _replacing(pattern: bytes, replacement: bytes) -> Effect:
    compiled = re.compile(pattern)
    return rewriting(lambda page: compiled.sub(replacement, page))


def _half(page: bytes) -> bytes:
    return page[: len(page) // 2]


def _deep(page: bytes) -> bytes:
    return page.replace(b'"items":[', b'"items":[' + b"[" * _DEPTH + b"]" * _DEPTH + b",", 1)


def _bom(page: bytes) -> bytes:
    return b"\xef\xbb\xbf" + page


async def _half_of_gzip(strike: Strike) -> None:
    page = await strike.page()
    if page is not None:
        headers = {"Content-Encoding": "gzip"}
        await respond(strike, Response(_half(gzip.compress(page)), headers=headers, media_type="application/json"))


def _rewriting(name: str, description: str, change: Callable[[bytes], bytes]) -> Fault:
    return Fault(name, description, rewriting(change))


FAULTS = (
    _rewriting("truncated-json", "the first half of a page", _half),
    Fault("truncated-gzip", "the first half of a compressed page", _half_of_gzip),
    _rewriting("deep-json", f"JSON nested {_DEPTH:,} levels deep", _deep),
    _rewriting("bom", "a byte order mark before the page", _bom),
    Fault(
        "duplicate-keys",
        "keys that come twice, the last one right",
        _replacing(rb'"(status|number|success)":', rb'"\1":"first",\g<0>'),
    ),
    Fault("nan", "NaN for every channel limit", _replacing(rb'("channel_limit"):[0-9.]+', rb"\1:NaN")),
    Fault("infinity", "1e999 for every fee", _replacing(rb'("monthly_fee"):[0-9.]+', rb"\1:1e999")),
    Fault("surrogates", "lone surrogates in locations", _replacing(rb'"location":"', rb'"location":"\\ud83e')),
    Fault("invalid-utf8", "invalid UTF-8 in locations", _replacing(rb'"location":"', b'"location":"\xff')),
)
