"""A server of trunks that costs as little as possible, so that the program that polls it is measured.

It answers with gzip, as every client here asks for.

``python -m benchmarks.api PORT TRUNKS WORKSPACES`` lists so many trunks in each workspace. ``POST /change/KIND``
changes the lists; after ``POST /restless/on`` every list changes whole whenever its first page is asked for.
"""

import asyncio
import itertools
import json
import random
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import cast
from urllib.parse import parse_qs, urlsplit

import uvloop
from isal import igzip

from exporter.simulator.behaviour import RowPer
from exporter.simulator.fleet import Fleet
from exporter.simulator.generator import TrunkGenerator

_PER_PAGE = 100
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
_MARK = "@updated@"
_STATUS = re.compile(rb'"status": "[^"]*"')  # the first of a row is the trunk's own
_ACTIVE, _SUSPENDED = b'"status": "active"', b'"status": "suspended"'


class Listed:
    """The list of one workspace: each row as JSON in two halves, between which its last change stands."""

    def __init__(self, trunks: Sequence[object], moments: Callable[[], bytes]) -> None:
        self._moments = moments
        self._halves = [_halves(trunk) for trunk in trunks]
        first = moments()
        self._changed = [first] * len(self._halves)

    def change(self, kind: str) -> None:
        moment = self._moments()
        match kind:
            case "nothing":
                pass
            case "one":
                self._change([len(self._changed) // 2], moment)
            case "front":
                self._halves.insert(0, _halves(_GENERATOR.trunk()))
                self._changed.insert(0, moment)
            case "percent":
                rows = range(len(self._changed))
                self._change(random.Random(moment).sample(rows, len(rows) // 100), moment)  # noqa: S311 - picks rows
            case "updates":
                self._changed = [moment] * len(self._changed)
            case "all":
                self._change(range(len(self._changed)), moment)
            case _:
                raise ValueError(kind)

    def _change(self, indices: Iterable[int], moment: bytes) -> None:
        """Change the status of rows, as a suspension and its end do, and with it when they were updated."""
        for index in indices:
            before, after = self._halves[index]
            now = _ACTIVE if _SUSPENDED in before else _SUSPENDED
            self._halves[index] = _STATUS.sub(now, before, count=1), after
            self._changed[index] = moment

    def page(self, number: int) -> bytes:
        start = (number - 1) * _PER_PAGE
        rows = zip(self._halves[start : start + _PER_PAGE], self._changed[start : start + _PER_PAGE], strict=True)
        items = b",".join(before + moment + after for (before, after), moment in rows)
        total = len(self._halves)
        last = max(1, -(-total // _PER_PAGE))
        pagination = {"current_page": number, "per_page": _PER_PAGE, "total": total, "last_page": last}
        pagination |= {"has_more": number < last}
        return (
            b'{"success":true,"data":{"items":[' + items + b'],"pagination":' + json.dumps(pagination).encode() + b"}}"
        )


_GENERATOR = TrunkGenerator(seed=99)


def _halves(trunk: object) -> tuple[bytes, bytes]:
    assert isinstance(trunk, dict)
    before, after = json.dumps(trunk | {"updated_at": _MARK}).encode().split(_MARK.encode())
    return before, after


def _moments() -> Callable[[], bytes]:
    counter = itertools.count()

    def moment() -> bytes:
        return f"2024-01-01T00:00:00.{next(counter):06}Z".encode()

    return moment


class Api(asyncio.Protocol):
    lists: dict[str, Listed]
    restless = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            body = igzip.compress(self._answer(head.split(b"\r\n", 1)[0].decode()), 1)
            self._transport.write(_HEAD % len(body) + body)

    def _answer(self, line: str) -> bytes:
        method, target, _ = line.split(" ")
        parts = urlsplit(target)
        _, first, second = parts.path.split("/")[:3]
        if method == "POST":
            if first == "restless":
                Api.restless = second == "on"
            else:
                for listed in Api.lists.values():
                    listed.change(second)
            return b"{}"
        number = int(parse_qs(parts.query)["page"][0])
        if Api.restless and number == 1:
            Api.lists[first].change("all")
        return Api.lists[first].page(number)


async def _serve(port: int, trunks: int, workspaces: int) -> None:
    rows = Fleet.generate(trunks * workspaces, seed=1).rows(RowPer.NUMBER)
    moments = _moments()
    Api.lists = {
        f"w{index}": Listed(rows[index * trunks : (index + 1) * trunks], moments) for index in range(workspaces)
    }
    server = await asyncio.get_running_loop().create_server(Api, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(*map(int, sys.argv[1:])))
