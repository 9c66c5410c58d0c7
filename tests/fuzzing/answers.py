"""What an API may answer: lists as the simulated one has them, damaged."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
from fuzzing.damage import damaged, torn, written
from hypothesis import strategies as st
from support.trunks import page

from exporter.simulator.behaviour import RowPer
from exporter.simulator.fleet import Fleet

PER_PAGE = 2


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answers:
    """An API that answers page by page, and 404 beyond the last."""

    pages: Sequence[Answer]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        if number > len(self.pages):
            return httpx.Response(404)
        status, headers, body = self.pages[number - 1]
        return httpx.Response(status, headers=headers, content=body)


def _documents(listing: RowPer, seed: int, rows: int) -> list[Any]:
    listed = Fleet.generate(30, seed).rows(listing)[:rows]
    starts = range(0, max(rows, 1), PER_PAGE)
    return [
        json.loads(page(listed[start : start + PER_PAGE], number, total=len(listed), per_page=PER_PAGE))
        for number, start in enumerate(starts, start=1)
    ]


_LISTS = [_documents(listing, seed, rows) for listing in RowPer for seed in range(4) for rows in (5, 5, 2, 0)]
_STATUSES = st.sampled_from([200] * 40 + [201, 204, 302, 401, 404, 422, 429, 500, 503])
_MORE_HEADERS: st.SearchStrategy[dict[str, str]] = st.dictionaries(
    st.sampled_from(["Retry-After", "X-RateLimit-Remaining", "Location", "Content-Type", "Content-Encoding"]),
    st.sampled_from(
        ["0", "5", "-1", "9" * 30, "1e3", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "//[", "gzip", "br", ""]
    ),
    max_size=2,
)


@st.composite
def _answers(draw: st.DrawFn) -> Answers:
    documents = draw(damaged(_LISTS))
    listed = documents if isinstance(documents, list) else [documents]
    bodies = [written(document).encode("utf-8", "surrogatepass") for document in listed]
    return Answers([_answer(draw, body) for body in bodies])


def _answer(draw: st.DrawFn, body: bytes) -> Answer:
    headers = {}
    if draw(st.booleans()):
        body, headers = gzip.compress(body, 1), {"Content-Encoding": "gzip"}
    if draw(_RARELY):
        body = draw(torn(st.just(body)))
    if draw(_RARELY):
        headers |= draw(_MORE_HEADERS)
    return Answer(draw(_STATUSES), headers, body)


_RARELY = st.sampled_from([False, False, False, True])

GOOD_ANSWERS = st.sampled_from(_LISTS).map(
    lambda documents: Answers([Answer(200, {}, json.dumps(document).encode()) for document in documents])
)
ODD_ANSWERS = _answers()
