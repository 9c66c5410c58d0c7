"""On which channels a trunk is expected to be bound."""

from collections.abc import Sequence
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.trunks import bindings, bound, trunk

from exporter.config.patterns import compile_pattern
from exporter.config.settings import Channel, ExpectRule, Filter, Match
from exporter.trunks.out_of_service import Expectation
from exporter.trunks.trunk import Trunk

ALL: tuple[Channel, ...] = ("call", "sms", "whatsapp")
AUTO = ExpectRule(channels=None)

FilterChannel = Literal["call", "whatsapp"] | None


def rule(*channels: Channel, **match: str) -> ExpectRule:
    """Return a rule for the trunks that match, each field with patterns parted by commas."""
    patterns = {name: tuple(compile_pattern(pattern) for pattern in value.split(",")) for name, value in match.items()}
    return ExpectRule(match=Match(**patterns), channels=channels)


def expected(
    on: Trunk,
    *rules: ExpectRule,
    channel: FilterChannel = None,
    agent_uuid: str | None = None,
) -> tuple[str, ...]:
    return Expectation(rules, Filter(channel=channel, agent_uuid=agent_uuid)).of(on)[0]


def services(*, voice: object, inbound: object) -> dict[str, Any]:
    return {"voice": {"enabled": voice}, "inbound": {"enabled": inbound}, "sms": {"enabled": True}}


@pytest.mark.parametrize("rules", [(), (AUTO,)], ids=["no rule", "auto"])
class TestAuto:
    def test_expects_calls(self, rules: Sequence[ExpectRule]) -> None:
        assert expected(trunk(), *rules) == ("call",)

    def test_expects_them_where_nothing_is_said(self, rules: Sequence[ExpectRule]) -> None:
        silent = trunk(channel_settings=None, bindings=None, capabilities=None)
        assert expected(silent, *rules) == ("call",)

    @pytest.mark.parametrize(
        ("voice", "inbound", "channels"),
        [
            pytest.param(False, False, (), id="both disabled"),
            pytest.param(True, False, ("call",), id="voice enabled"),
            pytest.param(False, True, ("call",), id="inbound enabled"),
            pytest.param(False, None, ("call",), id="inbound unknown"),
            pytest.param(None, False, ("call",), id="voice unknown"),
            pytest.param(None, None, ("call",), id="both unknown"),
            pytest.param(False, "no", ("call",), id="inbound unreadable"),
        ],
    )
    def test_expects_none_where_voice_and_inbound_are_explicitly_disabled(
        self, rules: Sequence[ExpectRule], voice: object, inbound: object, channels: tuple[str, ...]
    ) -> None:
        on = trunk(channel_settings=services(voice=voice, inbound=inbound))
        assert expected(on, *rules) == channels

    @pytest.mark.parametrize(
        ("bindings_", "channels"),
        [
            pytest.param(bindings(whatsapp=bound("Ada")), (), id="whatsapp alone"),
            pytest.param({"whatsapp": bound("Ada")}, (), id="whatsapp, call left out"),
            pytest.param(bindings(whatsapp=bound("Ada"), call=bound("Ada")), ("call",), id="whatsapp and call"),
            pytest.param(bindings(whatsapp=bound("Ada"), call={"bound": 7}), ("call",), id="call unreadable"),
            pytest.param(bindings(whatsapp={"bound": 7}), ("call",), id="whatsapp unreadable"),
            pytest.param(bindings(sms=bound("Ada")), ("call",), id="sms alone"),
            pytest.param(bindings(), ("call",), id="nothing"),
        ],
    )
    def test_expects_none_where_only_whatsapp_is_bound(
        self, rules: Sequence[ExpectRule], bindings_: dict[str, Any], channels: tuple[str, ...]
    ) -> None:
        assert expected(trunk(bindings=bindings_), *rules) == channels

    def test_can_expect_nothing_but_calls(self, rules: Sequence[ExpectRule]) -> None:
        assert Expectation(rules, Filter()).channels == ("call",)


class TestRules:
    def test_hold_whatever_the_trunk_allows(self) -> None:
        on = trunk(channel_settings=services(voice=False, inbound=False), bindings=bindings(whatsapp=bound("Ada")))
        assert expected(on, rule("call", "sms")) == ("call", "sms")

    @pytest.mark.parametrize(
        ("match", "matches"),
        [
            pytest.param({"number": r"\+1208.*"}, True, id="number"),
            pytest.param({"number": r"\+39.*"}, False, id="another number"),
            pytest.param({"type": "local"}, True, id="type"),
            pytest.param({"type": "mobile"}, False, id="another type"),
            pytest.param({"country_code": "US"}, True, id="country"),
            pytest.param({"country_code": "IT"}, False, id="another country"),
            pytest.param({"status": "active"}, True, id="status"),
            pytest.param({"status": "suspended"}, False, id="another status"),
            pytest.param({"type": "mobile,local"}, True, id="one of several"),
            pytest.param({"type": "mobile,national"}, False, id="none of several"),
            pytest.param({"type": "local", "country_code": "US"}, True, id="both"),
            pytest.param({"type": "local", "country_code": "IT"}, False, id="one of the two"),
            pytest.param({"type": "loc"}, False, id="anchored at the end"),
            pytest.param({"type": "ocal"}, False, id="anchored at the start"),
            pytest.param({"type": "loc|local"}, True, id="alternatives are anchored together"),
            pytest.param({"type": "LOCAL"}, False, id="letters as they are"),
            pytest.param({}, True, id="nothing to match"),
        ],
    )
    def test_hold_where_they_match(self, match: dict[str, str], matches: bool) -> None:  # noqa: FBT001 - parametrised
        assert expected(trunk(), rule("sms", **match), rule("whatsapp")) == (("sms",) if matches else ("whatsapp",))

    @pytest.mark.parametrize("field", ["type", "country_code", "status", "number"])
    def test_do_not_match_what_the_api_does_not_say(self, field: str) -> None:
        assert expected(trunk(**{field: None}), rule("sms", **{field: ".+"}), rule("whatsapp")) == ("whatsapp",)

    def test_are_tried_in_their_order(self) -> None:
        rules = (rule("sms", type="local"), rule("whatsapp", country_code="US"), rule("call"))
        assert expected(trunk(), *rules) == ("sms",)
        assert expected(trunk(type="mobile"), *rules) == ("whatsapp",)
        assert expected(trunk(type="mobile", country_code="IT"), *rules) == ("call",)

    def test_may_name_auto(self) -> None:
        only_whatsapp = trunk(bindings=bindings(whatsapp=bound("Ada")))
        auto_for_local = ExpectRule(match=Match(type=(compile_pattern("local"),)), channels=None)
        assert expected(only_whatsapp, auto_for_local, rule(*ALL)) == ()


class TestTheChannelsThatCanBeExpected:
    @pytest.mark.parametrize(
        ("rules", "channels"),
        [
            pytest.param((rule("whatsapp", "call"),), ("call", "whatsapp"), id="of one rule"),
            pytest.param((rule("sms", type="local"), rule("whatsapp")), ("sms", "whatsapp"), id="of every rule"),
            pytest.param((rule("sms", type="local"),), ("call", "sms"), id="of auto, which is what is left"),
            pytest.param((rule(),), (), id="of a rule that expects nothing"),
            pytest.param((rule("call"), rule("sms")), ("call",), id="not of a rule after one that matches everything"),
            pytest.param((AUTO, rule("sms")), ("call",), id="not of a rule after auto"),
        ],
    )
    def test_are_those_of_the_rules_in_force(self, rules: tuple[ExpectRule, ...], channels: tuple[str, ...]) -> None:
        assert Expectation(rules, Filter()).channels == channels


class TestAFilter:
    """A trunk that loses the binding filtered on leaves the list, so nothing could show it as unbound."""

    @pytest.mark.parametrize(
        ("channel", "judged"), [("call", ("sms", "whatsapp")), ("whatsapp", ("call", "sms")), (None, ALL)]
    )
    def test_by_channel_leaves_that_channel_out(self, channel: FilterChannel, judged: tuple[str, ...]) -> None:
        assert expected(trunk(), rule(*ALL), channel=channel) == judged
        assert Expectation([rule(*ALL)], Filter(channel=channel)).channels == judged

    def test_by_agent_leaves_every_channel_out(self) -> None:
        assert expected(trunk(), rule(*ALL), agent_uuid="a-1") == ()
        assert Expectation([rule(*ALL)], Filter(agent_uuid="a-1")).channels == ()

    def test_by_channel_may_leave_auto_nothing_to_expect(self) -> None:
        assert expected(trunk(), channel="call") == ()
        assert expected(trunk(), channel="whatsapp") == ("call",)


RULES = st.lists(
    st.builds(
        ExpectRule,
        match=st.sampled_from(
            [Match(), Match(type=(compile_pattern("local"),)), Match(type=(compile_pattern("x.*"),))]
        ),
        channels=st.none() | st.lists(st.sampled_from(ALL), unique=True).map(tuple),
    ),
    max_size=4,
)


@given(rules=RULES, channel=st.sampled_from(["call", "whatsapp", None]), type_=st.sampled_from(["local", "xy", None]))
def test_nothing_is_expected_that_no_rule_in_force_can_expect(
    rules: list[ExpectRule],
    channel: FilterChannel,
    type_: str | None,
) -> None:
    expectation = Expectation(rules, Filter(channel=channel))
    assert set(expectation.of(trunk(type=type_))[0]) <= set(expectation.channels)
