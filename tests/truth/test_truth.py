"""Whatever happens to the list while it is read, a scrape shows no fleet that there never was.

Every moment of the list is known here, and every sample of every scrape is held against it (see Watcher). The list
changes at most once between two requests: trunks are added, removed and changed, and moved by that. What the contract
("A poll") promises then:

*However often it changes*, a trunk is shown by rows that were listed during the poll, each as it was at some moment of
it. Where the list has a row for each number, that is a state that the trunk really had. Where it has a row for each of
a number's channels, they may be of different moments, since they may be on different pages, and no single answer of
the API shows the trunk whole. As many rows are taken as the list had at some moment, so that no fleet looks smaller
than it was. Their number differs from the last total, by ``mihu_poll_drift``, only after three walks in which the total
moved. Only then may a trunk be missing that was listed throughout: it moved to where every walk had been already, and
others that are gone by now make up for it in number. A poll that cannot promise as much fails, and what was shown
before stays.

*If it changes once in a poll*, and has an order, one of two walks is undisturbed: every trunk that was listed
throughout is shown, without drift, and no poll fails.

*Without any order* rows that come twice may be the API's way of listing, if two walks return the same. What they hide
is counted as duplicates, unless the total moves.
"""

from random import Random

import pytest
from truth.changing import ChangingApi, Order, last_update_first, last_update_last, newest_purchase_first, no_order
from truth.watching import watch

from exporter.simulator.behaviour import Listing

ORDERED = pytest.mark.parametrize(
    "order", [newest_purchase_first, last_update_last, last_update_first], ids=lambda order: order.__name__
)
LISTINGS = pytest.mark.parametrize("listing", Listing, ids=lambda listing: f"a row for each {listing.value}")


def once(random: Random) -> list[int]:
    """Change the list while it is walked through, or after that."""
    return [random.randint(1, 5)]


def often(random: Random) -> list[int]:
    return [request for request in range(1, 20) if random.random() < 0.4]


@LISTINGS
@ORDERED
def test_a_list_that_changes_once_is_published_whole(order: Order, listing: Listing) -> None:
    published = watch(ChangingApi(order, listing), 200, once)
    assert len(published) == 200
    for poll in published:
        assert not poll.missing
        assert not poll.drift


@LISTINGS
@ORDERED
def test_a_list_that_changes_often_misses_something_only_while_its_total_moves(order: Order, listing: Listing) -> None:
    published = watch(ChangingApi(order, listing), 160, often)
    assert len(published) > 80
    for poll in published:
        assert not poll.missing or (poll.total_moved and not poll.settled)


@LISTINGS
def test_a_list_without_an_order_hides_no_more_than_is_counted(listing: Listing) -> None:
    published = watch(ChangingApi(no_order, listing, size=12, per_page=8), 60, once)
    assert len(published) > 15
    for poll in published:
        assert len(poll.missing) <= poll.repeated or poll.total_moved
