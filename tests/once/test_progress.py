"""What the progress bar counts."""

import pytest

from exporter.api.wire import Number, Position
from exporter.once.progress import PageCount
from exporter.polling.walk import Page


def page(number: int, last: int | None = None) -> Page:
    position = Position(current_page=Number(number), last_page=None if last is None else Number(last), has_more=True)
    return Page(number, b"", position, ())


@pytest.mark.parametrize(
    ("pages_read", "counts"),
    [
        pytest.param(
            [("acme", page(1, 3)), ("globex", page(1, 2)), ("acme", page(3, 3)), ("globex", page(2, 2))],
            [(1, 3), (2, 5), (3, 5), (4, 5)],
            id="all workspaces are added up",
        ),
        pytest.param(
            [("acme", page(1, 3)), ("acme", page(2, 3)), ("acme", page(1, 2)), ("acme", page(2, 2))],
            [(1, 3), (2, 3), (1, 2), (2, 2)],
            id="another walk begins anew",
        ),
        pytest.param(
            [("acme", page(1)), ("acme", page(2)), ("acme", page(3))],
            [(1, 1), (2, 2), (3, 3)],
            id="the API does not say how many there are",
        ),
    ],
)
def test_pages_are_counted(pages_read: list[tuple[str, Page]], counts: list[tuple[int, int]]) -> None:
    pages = PageCount()
    assert [pages.count(workspace, one) for workspace, one in pages_read] == counts
