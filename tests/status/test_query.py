"""What addresses ask for."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.status.query import Lookup
from exporter.trunks.lines import Why


def test_nothing_asks_for_everything() -> None:
    assert Lookup.parse({}) == Lookup()
    assert not Lookup(page=3).limits_anything


def test_every_parameter_of_a_lookup() -> None:
    address = "search=+39 &workspace=acme&reason=lost&status=active&country=IT&type=mobile&agent=Ada&page=3"
    asked = Lookup.parse(dict(part.split("=") for part in address.split("&")))
    assert asked == Lookup("+39", "acme", Why.LOST, "active", "IT", "mobile", "Ada", 3)
    assert asked.limits_anything


def test_a_lookup_knows_its_reason_by_the_name_that_the_document_has_for_it() -> None:
    assert Lookup.parse({"concern": "blocked"}).reason is Why.BLOCKED


@pytest.mark.parametrize(
    "params",
    [
        {"page": "0"},
        {"page": "-1"},
        {"page": "1.5"},
        {"page": "9" * 40},
        {"page": "²"},
        {"concern": "everything"},
        {"reason": "everything"},
        {"unknown": "1"},
    ],
)
def test_what_makes_no_sense_is_as_if_it_were_not_there(params: dict[str, str]) -> None:
    assert Lookup.parse(params) == Lookup()


def test_a_search_is_bounded() -> None:
    assert len(Lookup.parse({"search": "x" * 10_000}).search) == 200


def test_a_link_keeps_what_was_asked_for_and_begins_with_the_first_page() -> None:
    asked = Lookup("+39", "a&b", Why.UNBOUND, page=3)
    assert asked.link(page=4) == "trunks?search=%2B39&workspace=a%26b&reason=unbound&page=4"
    assert asked.link("trunks.csv", reason=None) == "trunks.csv?search=%2B39&workspace=a%26b"


_TEXT = st.text(max_size=50)


@given(
    st.builds(
        Lookup,
        _TEXT.map(str.strip),
        _TEXT,
        st.none() | st.sampled_from(Why),
        _TEXT,
        _TEXT,
        _TEXT,
        _TEXT.map(str.strip),
        st.integers(1, 999_999_999),
    )
)
def test_a_link_leads_to_what_it_was_made_of(lookup: Lookup) -> None:
    address = lookup.link(page=lookup.page).removeprefix("trunks?")
    assert Lookup.parse(dict(parse_qsl(address, keep_blank_values=True))) == lookup
