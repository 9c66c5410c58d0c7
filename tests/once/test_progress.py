"""What the progress bar counts."""

from collections.abc import Iterable

from exporter.api.wire import Position
from exporter.once.progress import PageCount
from exporter.polling.page import Answer, Page


def page(number: int, last: int | None = None) -> Page:
    position = Position(current_page=number, per_page=25, total=None, last_page=last, has_more=True)
    return Page(number, Answer(position, ()), b"", b"")


def counted(*pages_read: tuple[str, Page]) -> Iterable[tuple[int, int]]:
    pages = PageCount()
    for workspace, one in pages_read:
        pages.count(workspace, one)
        yield pages.read, pages.total


def test_pages_of_all_workspaces_are_added_up() -> None:
    pages_read = (("acme", page(1, 3)), ("globex", page(1, 2)), ("acme", page(3, 3)), ("globex", page(2, 2)))
    assert list(counted(*pages_read)) == [(1, 3), (2, 5), (3, 5), (4, 5)]


def test_another_walk_begins_anew() -> None:
    pages_read = (("acme", page(1, 3)), ("acme", page(2, 3)), ("acme", page(1, 2)), ("acme", page(2, 2)))
    assert list(counted(*pages_read)) == [(1, 3), (2, 3), (1, 2), (2, 2)]


def test_where_the_api_does_not_say_how_many_there_are_they_become_known_one_by_one() -> None:
    pages_read = (("acme", page(1)), ("acme", page(2)), ("acme", page(3)))
    assert list(counted(*pages_read)) == [(1, 1), (2, 2), (3, 3)]
