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
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))  # which httpx leaves compressed


def _paged(rows: Sequence[Any]) -> list[Any]:
    documents = []
    for number, start in enumerate(range(0, max(len(rows), 1), PER_PAGE), start=1):
        documents.append(json.loads(page([], number, total=len(rows), per_page=PER_PAGE)))
        documents[-1]["data"]["items"] = rows[start : start + PER_PAGE]  # may be what JSON has no value for
    return documents


_ROWS = [
    Fleet.generate(30, seed).rows(listing)[:rows] for listing in RowPer for seed in range(4) for rows in (5, 5, 2, 0)
]
_LISTS = [*map(_paged, _ROWS)]
_STATUSES = st.sampled_from([201, 204, 302, 401, 404, 422, 429, 500, 503])
_MORE_HEADERS: st.SearchStrategy[dict[str, str]] = st.dictionaries(
    st.sampled_from(["Retry-After", "X-RateLimit-Remaining", "Location", "Content-Type", "Content-Encoding"]),
    st.sampled_from(
        ["0", "5", "-1", "9" * 30, "1e3", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "//[", "gzip", "br", ""]
    ),
    max_size=2,
)


@st.composite
def _answers(draw: st.DrawFn) -> Answers:
    of_rows, rarely = draw(st.booleans()), draw(_HOW_RARELY)  # few polls succeed if all of it is damaged
    found = draw(damaged(_ROWS if of_rows else _LISTS))
    listed = found if isinstance(found, list) else [found]
    documents = _paged(listed) if of_rows else listed
    bodies = [written(document).encode("utf-8", "surrogatepass") for document in documents]
    return Answers([_answer(draw, body, rarely) for body in bodies])


def _answer(draw: st.DrawFn, body: bytes, rarely: st.SearchStrategy[bool]) -> Answer:
    headers = {}
    if draw(rarely):
        body = draw(torn(st.just(body)))
    if draw(st.booleans()):
        body, headers = gzip.compress(body, 1), {"Content-Encoding": "gzip"}
    if draw(rarely):
        body = draw(torn(st.just(body)))
    if draw(rarely):
        headers |= draw(_MORE_HEADERS)
    return Answer(draw(_STATUSES) if draw(rarely) else 200, headers, body)


_HOW_RARELY = st.sampled_from([st.sampled_from(choices) for choices in ([False], [False] * 7 + [True])])

GOOD_ANSWERS = st.sampled_from(_LISTS).map(
    lambda documents: Answers([Answer(200, {}, json.dumps(document).encode()) for document in documents])
)
ODD_ANSWERS = _answers()
