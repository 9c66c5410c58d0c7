"""On which channels a trunk is expected to be bound; tests/metrics holds `auto` against the oracle."""

from typing import Any, Literal

import pytest
from support.trunks import bindings, bound, trunk

from exporter.config.settings import Channel, ExpectRule, Filter, Match
from exporter.config.values import compile_pattern
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
    """Return what is different about a trunk with these services."""
    enabled = {"voice": voice, "inbound": inbound, "sms": True}
    return {"channel_settings": {name: {"enabled": value} for name, value in enabled.items()}}


WHATSAPP = bindings(whatsapp=bound("Ada"))


class TestRules:
    def test_hold_whatever_the_trunk_allows(self) -> None:
        on = trunk(**services(voice=False, inbound=False), bindings=WHATSAPP)
        assert expected(on, rule("call", "sms")) == ("call", "sms")

    @pytest.mark.parametrize(
        ("match", "matches"),
        [
            ({}, True),
            ({"number": r"\+1208.*"}, True),
            ({"number": r"\+39.*"}, False),
            ({"status": "active"}, True),
            ({"status": "suspended"}, False),
            ({"type": "mobile,local"}, True),
            ({"type": "mobile,national"}, False),
            ({"type": "local", "country_code": "US"}, True),
            ({"type": "local", "country_code": "IT"}, False),
            ({"type": "loc|local"}, True),  # anchored together, at both ends
            ({"type": "loc|ocal"}, False),
            ({"type": "LOCAL"}, False),
        ],
        ids=str,
    )
    def test_hold_where_they_match(self, match: dict[str, str], matches: bool) -> None:  # noqa: FBT001 - parametrised
        assert expected(trunk(), rule("sms", **match), rule("whatsapp")) == (("sms",) if matches else ("whatsapp",))

    def test_may_name_auto(self) -> None:
        auto_for_local = ExpectRule(match=Match(type=(compile_pattern("local"),)), channels=None)
        assert expected(trunk(bindings=WHATSAPP), auto_for_local, rule(*ALL)) == ()


@pytest.mark.parametrize(
    ("rules", "channels"),
    [
        pytest.param((), ("call",), id="of auto without a rule"),
        pytest.param((rule("whatsapp", "call"),), ("call", "whatsapp"), id="of one rule"),
        pytest.param((rule("sms", type="local"), rule("whatsapp")), ("sms", "whatsapp"), id="of every rule"),
        pytest.param((rule("sms", type="local"),), ("call", "sms"), id="of auto, which is what is left"),
        pytest.param((rule(),), (), id="of a rule that expects nothing"),
        pytest.param((rule("call"), rule("sms")), ("call",), id="not of a rule after one that matches everything"),
        pytest.param((AUTO, rule("sms")), ("call",), id="not of a rule after auto"),
    ],
)
def test_channels_can_be_expected_by_rules_in_force(rules: tuple[ExpectRule, ...], channels: tuple[str, ...]) -> None:
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
