"""What an address asks the status page for."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.status.query import Query, Sort
from exporter.trunks.out_of_service import Concern


def test_nothing_asks_for_everything() -> None:
    assert Query.parse({}) == Query()
    assert Query().link() == "?"


def test_every_parameter() -> None:
    asked = Query.parse(
        {"search": " +39 ", "workspace": "acme", "concern": "blocked", "sort": "number", "page": "3", "cards": "2"}
    )
    assert asked == Query("+39", "acme", Concern.BLOCKED, Sort.NUMBER, 3, 2)


@pytest.mark.parametrize(
    "params",
    [
        {"page": "0"},
        {"page": "-1"},
        {"page": "1.5"},
        {"page": "9" * 40},
        {"page": "²"},
        {"cards": "x"},
        {"concern": "everything"},
        {"sort": "size"},
        {"unknown": "1"},
    ],
)
def test_what_makes_no_sense_is_as_if_it_were_not_there(params: dict[str, str]) -> None:
    assert Query.parse(params) == Query()


def test_a_search_is_bounded() -> None:
    assert len(Query.parse({"search": "x" * 10_000}).search) == 200


class TestLinks:
    ASKED = Query("+39", "a&b", Concern.UNBOUND, Sort.NUMBER, 3, 2)

    def test_they_keep_what_was_asked_for(self) -> None:
        expected = "?search=%2B39&workspace=a%26b&concern=unbound&sort=number&page=4&cards=2"
        assert self.ASKED.link(page=4) == expected

    def test_of_another_list_the_first_page_is_shown(self) -> None:
        assert self.ASKED.link(concern=None) == "?search=%2B39&workspace=a%26b&sort=number&cards=2"

    def test_paging_through_the_workspaces_changes_nothing_else(self) -> None:
        assert Query(page=3).link(cards=2, page=3) == "?page=3&cards=2"


@given(
    st.builds(
        Query,
        st.text(max_size=50).map(str.strip),
        st.text(max_size=50),
        st.none() | st.sampled_from(Concern),
        st.sampled_from(Sort),
        st.integers(1, 999_999_999),
        st.integers(1, 999_999_999),
    )
)
def test_a_link_leads_to_what_it_was_made_of(query: Query) -> None:
    address = query.link(page=query.page).removeprefix("?")
    assert Query.parse(dict(parse_qsl(address, keep_blank_values=True))) == query
