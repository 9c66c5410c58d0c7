"""What the progress bar counts."""

from collections.abc import Iterable

from exporter.api.wire import Number, Position
from exporter.once.progress import Pages
from exporter.polling.walk import Answer, Page


def page(number: int, last: int | None = None) -> Page:
    position = Position(current_page=Number(number), last_page=None if last is None else Number(last), has_more=True)
    return Page(number, Answer(position, ()), b"", b"")


def counted(*told: tuple[str, Page]) -> Iterable[tuple[int, int]]:
    pages = Pages()
    for workspace, one in told:
        pages.count(workspace, one)
        yield pages.read, pages.known


def test_pages_of_all_workspaces_are_added_up() -> None:
    told = (("acme", page(1, 3)), ("globex", page(1, 2)), ("acme", page(3, 3)), ("globex", page(2, 2)))
    assert list(counted(*told)) == [(1, 3), (2, 5), (3, 5), (4, 5)]


def test_another_walk_begins_anew() -> None:
    told = (("acme", page(1, 3)), ("acme", page(2, 3)), ("acme", page(1, 2)), ("acme", page(2, 2)))
    assert list(counted(*told)) == [(1, 3), (2, 3), (1, 2), (2, 2)]


def test_where_the_api_does_not_say_how_many_there_are_they_become_known_one_by_one() -> None:
    told = (("acme", page(1)), ("acme", page(2)), ("acme", page(3)))
    assert list(counted(*told)) == [(1, 1), (2, 2), (3, 3)]
