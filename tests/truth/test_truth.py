"""Whatever happens to the list while it is read, a scrape shows no fleet that there never was.

Every moment of the list is known here, and every sample of every scrape is held against it (see Watcher). The list
changes at most once between two requests: a trunk is added, removed or changed, one goes as another comes, an agent
moves to another channel, and what an order moves by that moves. What the contract ("A poll") promises then:

*However often it changes*, a trunk is shown by rows that were listed during the poll, each as it was at some moment of
it. Where the list has a row for each number, that is a state that the trunk really had; it takes an agent that moves to
and fro, as its row does, in two walks of one poll to be shown on both channels. Where the list has a row for each of a
number's channels, they may be of different moments, since they may be on different pages, and no single answer of the
API shows the trunk whole. No fewer rows are taken than the list had at some moment, so that no fleet looks smaller than
it was; and no more, but for those of trunks that went while the list was read. A poll that cannot promise as much
fails, and what was shown before stays.

*A trunk that the poll before showed* and that is listed throughout is shown if any walk of the poll sees it. There are
three, unless one is whole and has all such trunks and rows, or two list the same trunks on the same channels. Those
would both have to miss it, and that they cannot: a walk that adds up and misses something has a trunk that went and one
that came while it went on, and the other walk does not have one of them.

*Of other trunks* - all at a first poll, and those added since the last - one that is listed throughout may be missing
without any sign, until the next poll: when it moves to where the walk has been already, and one that goes as another
comes, so that the total stays, makes up for it in number. While the total moves, one may be missing after three walks.

*If it changes once in a poll*, and has an order, one of two walks is undisturbed: no poll fails, every trunk that the
poll before showed is shown if it was listed throughout, and every other, too, unless one went as another came. Nothing
but trunks that went meanwhile makes up the drift.

*Without any order* rows that come twice may be the API's way of listing, if two walks return the same. What they hide
is counted as duplicates, unless the total moves. Walks through such a list are united, and where one trunk goes as
another comes these may make up for a third in number. Rows of one trunk are never put together from several walks:
where they seldom come in one, few polls succeed.
"""

import pytest
from truth.changing import EVENTS, ORDERS, ChangingApi, ChangingList, Order, no_order
from truth.watching import often, once, watch

from exporter.simulator.behaviour import RowPer

ORDERED = pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
LISTINGS = pytest.mark.parametrize("listing", RowPer, ids=lambda listing: f"a row for each {listing.value}")


@LISTINGS
@ORDERED
def test_a_list_that_changes_once_is_published_whole(order: Order, listing: RowPer) -> None:
    published = watch(ChangingApi(order, listing, [ChangingList.churn, ChangingList.move_agent]), 25, once)
    assert len(published) == 25
    for poll in published:
        assert not poll.wrong
        assert not poll.missing
        assert poll.drift <= poll.left


@LISTINGS
@ORDERED
def test_where_one_goes_as_another_comes_only_a_trunk_that_is_new_can_be_missed(order: Order, listing: RowPer) -> None:
    published = watch(ChangingApi(order, listing, [ChangingList.swap]), 25, once)
    assert len(published) == 25
    for poll in published:
        assert not poll.wrong
        assert not poll.missing_known
        assert poll.drift <= poll.left


@LISTINGS
@ORDERED
def test_a_list_that_changes_often_loses_no_trunk_that_was_shown(order: Order, listing: RowPer) -> None:
    published = watch(ChangingApi(order, listing, EVENTS), 40, often)
    assert len(published) > 35
    for poll in published:
        assert not poll.wrong
        assert not poll.missing_known


@LISTINGS
def test_a_list_without_an_order_hides_no_more_than_is_counted(listing: RowPer) -> None:
    per_page = {RowPer.NUMBER: 8, RowPer.CHANNEL: 14}[listing]
    published = watch(ChangingApi(no_order, listing, size=12, per_page=per_page), 60, once)
    assert len(published) > 15
    for poll in published:
        assert not poll.wrong
        assert len(poll.missing) <= poll.repeated or poll.total_moved
