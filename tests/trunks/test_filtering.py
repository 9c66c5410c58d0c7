"""Whether the API filtered as asked: only what a row states counts against it."""

import pytest
from support.trunks import bindings, bound, trunk, unbound

from exporter.config.settings import Filter
from exporter.polling.buckets import violation


def test_without_a_filter_every_trunk_obeys() -> None:
    assert violation(trunk(bindings=None, number=None), Filter()) is None


class TestByChannel:
    @pytest.mark.parametrize(
        "channels",
        [
            pytest.param(bindings(whatsapp=bound("Ada")), id="bound on it"),
            pytest.param(bindings(whatsapp=bound("Ada"), call=bound("Bob")), id="bound on others too"),
            pytest.param({}, id="nothing said"),
            pytest.param(None, id="null"),
            pytest.param({"call": {}, "whatsapp": {"bound": None}}, id="nothing said of any channel"),
            pytest.param(bindings(whatsapp={"bound": "yes"}), id="unreadable"),
            pytest.param("bound", id="all unreadable"),
            pytest.param({"call": {"bound": "yes"}}, id="another unreadable, nothing else said"),
        ],
    )
    def test_a_row_obeys(self, channels: object) -> None:
        assert violation(trunk(bindings=channels), Filter(channel="whatsapp")) is None

    @pytest.mark.parametrize(
        "channels",
        [
            pytest.param(bindings(), id="bound nowhere"),
            pytest.param(bindings(call=bound("Ada")), id="bound elsewhere"),
            pytest.param({"call": bound("Ada")}, id="bound elsewhere, nothing said of this"),
            pytest.param({"whatsapp": unbound()}, id="not bound, nothing said of others"),
            pytest.param({"whatsapp": unbound(), "call": {"bound": "yes"}}, id="not bound, another unreadable"),
        ],
    )
    def test_a_row_disobeys(self, channels: object) -> None:
        assert violation(trunk(bindings=channels), Filter(channel="whatsapp")) == (
            "filter.channel is whatsapp, but a row is not bound on it"
        )

    def test_each_channel_is_looked_at_for_itself(self) -> None:
        on_call = trunk(bindings=bindings(call=bound("Ada")))
        assert violation(on_call, Filter(channel="call")) is None
        assert violation(on_call, Filter(channel="whatsapp")) is not None


class TestByAgent:
    @pytest.mark.parametrize(
        "channels",
        [
            pytest.param(bindings(call=bound("Ada")), id="on call"),
            pytest.param(bindings(sms=bound("Ada")), id="on sms"),
            pytest.param(bindings(whatsapp=bound("Ada"), call=bound("Bob")), id="on one of two"),
            pytest.param(bindings(), id="nobody named"),
            pytest.param(None, id="nothing said"),
            pytest.param(bindings(call={"bound": True, "agent_uuid": ""}), id="an empty name"),
        ],
    )
    def test_a_row_obeys(self, channels: object) -> None:
        assert violation(trunk(bindings=channels), Filter(agent_uuid="agent-ada")) is None

    @pytest.mark.parametrize("wanted", ["AGENT-ADA", "agent-ada", "Agent-Ada"])
    def test_the_case_of_letters_does_not_matter(self, wanted: str) -> None:
        assert violation(trunk(), Filter(agent_uuid=wanted)) is None

    def test_a_row_disobeys(self) -> None:
        on_others = trunk(bindings=bindings(call=bound("Bob"), sms=bound("Cyd")))
        assert violation(on_others, Filter(agent_uuid="agent-ada")) == (
            "filter.agent_uuid is agent-ada, but a row names other agents only"
        )


class TestByNumber:
    @pytest.mark.parametrize("number", ["+393331234567", "393331234567", "+39 333 123-4567", "00393331234567"])
    @pytest.mark.parametrize("search", ["+39", "39", "333 12", "+39 (333)", "4567"])
    def test_a_row_obeys(self, number: str, search: str) -> None:
        assert violation(trunk(number=number), Filter(search=search)) is None

    @pytest.mark.parametrize("number", [None, "", 39], ids=["null", "empty", "unreadable"])
    def test_a_row_without_number_obeys(self, number: object) -> None:
        assert violation(trunk(number=number), Filter(search="+39")) is None

    def test_a_search_for_no_digits_tells_nothing(self) -> None:
        assert violation(trunk(), Filter(search="Rome")) is None

    def test_the_plus_sign_does_not_matter(self) -> None:
        """A number may come without it."""
        assert violation(trunk(number="12084439178"), Filter(search="+39")) is None

    def test_a_row_disobeys(self) -> None:
        assert violation(trunk(number="+12084440000"), Filter(search="+39")) == (
            "filter.search is +39, but a row's number does not contain it"
        )


def test_a_row_must_obey_every_filter() -> None:
    wanted = Filter(channel="call", agent_uuid="agent-ada", search="+1208")
    assert violation(trunk(), wanted) is None
    assert violation(trunk(bindings=bindings(sms=bound("Ada"))), wanted) is not None
    assert violation(trunk(bindings=bindings(call=bound("Bob"))), wanted) is not None
    assert violation(trunk(number="+39"), wanted) is not None
