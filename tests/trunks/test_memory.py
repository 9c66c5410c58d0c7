"""What the past of a fleet means for its present: what is lost, gone, disabled, and since when."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.past import DAY, HOUR, Past, PastInParts, days, key_of
from support.trunks import Row, bindings, bound, row

from exporter.config.patterns import compile_pattern
from exporter.config.settings import ExpectRule, Filter, Match
from exporter.trunks.changes import Kind
from exporter.trunks.memory import HISTORY

NUMBER = row()["number"]
ADA = bindings(call=bound("Ada"))
NOBODY = bindings()
UNREADABLE = bindings(call={"bound": "maybe"}, sms={"bound": "maybe"}, whatsapp={"bound": "maybe"})
OTHER = row(1)  # a trunk that stays as it is, so that something is known about bindings
LOST = [(NUMBER, "call", "Ada", 2 * HOUR)]
GONE = [(NUMBER, 2 * HOUR)]


def answered(**changed: Any) -> Row:  # noqa: ANN401 - any field may be anything
    return row(bindings=ADA, **changed)


def unanswered(**changed: Any) -> Row:  # noqa: ANN401 - any field may be anything
    return row(bindings=NOBODY, **changed)


def polled(*polls: list[Row], **settings: Any) -> Past:  # noqa: ANN401 - any of a workspace
    """Return what is remembered after polls an hour apart."""
    past = Past(**settings)
    for rows in polls:
        past.poll(*rows)
    return past


def kinds(past: Past) -> list[str]:
    return [change.change.value for change in past.changes]


def test_of_a_workspace_that_nothing_is_remembered_of_nothing_has_changed() -> None:
    past = polled([answered(), unanswered(phone_number_uuid="other")])
    assert (past.changes, past.lost(), past.gone(), past.disabled()) == ([], [], [], [])


def test_of_a_fleet_that_was_empty_all_trunks_are_new() -> None:
    assert kinds(polled([], [answered(), OTHER])) == ["added", "added"]


class TestLost:
    def test_a_channel_that_was_bound_and_is_not_is_lost_since_the_poll_that_found_it(self) -> None:
        past = polled([answered(), OTHER], [unanswered(), OTHER])
        assert past.lost() == LOST
        past.poll(unanswered(), OTHER)
        assert past.lost() == LOST

    def test_it_has_its_last_agent(self) -> None:
        handed_over = row(bindings=bindings(call=bound("Bea")))
        past = polled([answered(), OTHER], [handed_over, OTHER], [unanswered(), OTHER])
        assert past.lost() == [(NUMBER, "call", "Bea", 3 * HOUR)]
        assert [entry.agent_uuid for entry in past.memory.lost] == ["agent-bea"]

    def test_it_has_the_last_agent_that_was_named(self) -> None:
        unnamed = row(bindings=bindings(call={"bound": True}))
        past = polled([answered(), OTHER], [unnamed, OTHER], [unanswered(), OTHER])
        assert past.lost() == [(NUMBER, "call", "Ada", 3 * HOUR)]

    def test_where_agents_are_not_to_be_named_none_is(self) -> None:
        past = Past(agent_names=False)
        past.poll(answered(), OTHER)
        past.poll(unanswered(), OTHER)
        assert [(entry.agent_uuid, entry.agent_name) for entry in past.memory.lost] == [("agent-ada", "")]
        assert "Ada" not in repr(past.memory)

    @pytest.mark.parametrize("after", [answered(), row(bindings=bindings(call=bound("Bea")))])
    def test_it_ends_when_the_channel_is_bound_again_by_any_agent(self, after: Row) -> None:
        past = polled([answered(), OTHER], [unanswered(), OTHER], [after, OTHER])
        assert past.lost() == []
        assert kinds(past) == ["bound"]

    def test_each_channel_is_lost_by_itself(self) -> None:
        both = row(bindings=bindings(call=bound("Ada"), sms=bound("Bea")))
        past = polled([both, OTHER], [unanswered(), OTHER], [answered(), OTHER])
        assert past.lost() == [(NUMBER, "sms", "Bea", 2 * HOUR)]

    def test_it_does_not_end_when_the_service_of_the_same_name_is_enabled(self) -> None:
        texts = row(bindings=bindings(sms=bound("Bea")), channel_settings=services(sms=False))
        nobody = unanswered(channel_settings=services(sms=False))
        past = polled([texts, OTHER], [nobody, OTHER], [unanswered(channel_settings=services()), OTHER])
        assert past.lost() == [(NUMBER, "sms", "Bea", 2 * HOUR)]

    def test_it_ends_when_the_trunk_leaves_the_list_and_is_gone(self) -> None:
        past = polled([answered(), OTHER], [unanswered(), OTHER], [OTHER])
        assert past.lost() == []
        assert past.gone() == [(NUMBER, 3 * HOUR)]

    def test_it_ends_when_remember_lost_is_over(self) -> None:
        past = polled([answered(), OTHER], [unanswered(), OTHER], remember=days(lost=2))
        past.poll(unanswered(), OTHER, after=2 * DAY - 1)
        assert past.lost() == LOST
        past.poll(unanswered(), OTHER, after=1)
        assert past.lost() == []

    @pytest.mark.parametrize("twin", [answered(phone_number_uuid="twin"), answered(phone_number_uuid=None)])
    def test_it_ends_when_the_number_is_bound_on_the_channel_elsewhere(self, twin: Row) -> None:
        past = polled([answered(), OTHER], [unanswered(), OTHER], [unanswered(), OTHER, twin])
        assert past.lost() == []

    def test_it_never_begins_where_the_number_is_bound_on_the_channel_elsewhere(self) -> None:
        twin = answered(phone_number_uuid="twin")
        past = polled([answered(), OTHER, twin], [unanswered(), OTHER, twin])
        assert past.lost() == []
        assert kinds(past) == ["lost"]  # it is a change all the same

    def test_elsewhere_counts_on_the_same_channel_only(self) -> None:
        twin = row(phone_number_uuid="twin", bindings=bindings(sms=bound("Bea")))
        past = polled([answered(), OTHER, twin], [unanswered(), OTHER, twin])
        assert past.lost() == LOST

    def test_two_trunks_of_a_number_that_lose_it_at_once_have_both_lost_it(self) -> None:
        twin = {"phone_number_uuid": "twin"}
        past = polled([answered(), answered(**twin), OTHER], [unanswered(), unanswered(**twin), OTHER])
        assert past.lost() == LOST * 2

    def test_it_never_begins_where_a_rule_leaves_the_channel_out(self) -> None:
        rules = (
            ExpectRule(match=Match(type=(compile_pattern("local"),)), channels=("sms",)),
            ExpectRule(channels=None),
        )
        past = polled([answered(), OTHER], [unanswered(), OTHER], expect=rules)
        assert past.lost() == []
        assert kinds(past) == ["lost"]

    def test_it_ends_when_another_rule_that_leaves_the_channel_out_comes_to_match(self) -> None:
        rules = (ExpectRule(match=Match(status=(compile_pattern("retired"),)), channels=()), ExpectRule(channels=None))
        past = polled([answered(), OTHER], [unanswered(), OTHER], expect=rules)
        assert past.lost() == LOST
        past.poll(unanswered(status="retired"), OTHER)
        assert past.lost() == []

    @pytest.mark.parametrize(
        "rules", [(), (ExpectRule(channels=None),), (ExpectRule(channels=("call",)),)], ids=["none", "auto", "call"]
    )
    def test_it_begins_where_no_rule_leaves_the_channel_out(self, rules: tuple[ExpectRule, ...]) -> None:
        assert polled([answered(), OTHER], [unanswered(), OTHER], expect=rules).lost() == LOST

    def test_automatic_expectation_leaves_no_channel_out(self) -> None:
        """It expects calls alone, and a number that loses one of two bindings is caught by its past."""
        both = row(bindings=bindings(call=bound("Ada"), whatsapp=bound("Bea")))
        assert polled([both, OTHER], [answered(), OTHER]).lost() == [(NUMBER, "whatsapp", "Bea", 2 * HOUR)]

    @pytest.mark.parametrize(
        ("hidden", "lost"),
        [
            (Filter(channel="call"), [(NUMBER, "sms", "Bea", 2 * HOUR)]),
            (Filter(agent_uuid="agent-ada"), []),
            (Filter(search="1208"), [(NUMBER, "call", "Ada", 2 * HOUR), (NUMBER, "sms", "Bea", 2 * HOUR)]),
        ],
    )
    def test_what_a_filter_hides_is_not_lost(self, hidden: Filter, lost: list[tuple[str, str, str, float]]) -> None:
        both = row(bindings=bindings(call=bound("Ada"), sms=bound("Bea")))
        assert polled([both, OTHER], [unanswered(), OTHER], filter=hidden).lost() == lost

    def test_a_channel_that_cannot_be_read_is_not_lost_and_a_loss_meanwhile_is_found_after(self) -> None:
        unreadable = row(bindings=UNREADABLE)
        past = polled([answered(), OTHER], [unreadable, OTHER])
        assert (kinds(past), past.lost()) == ([], [])
        past.poll(unanswered(), OTHER)
        assert past.lost() == [(NUMBER, "call", "Ada", 3 * HOUR)]

    def test_a_lost_channel_that_cannot_be_read_stays_lost(self) -> None:
        past = polled([answered(), OTHER], [unanswered(), OTHER], [row(bindings=UNREADABLE), OTHER])
        assert past.lost() == LOST

    def test_a_list_without_any_binding_loses_nothing_and_a_loss_meanwhile_is_found_after(self) -> None:
        silent = [row(bindings=None), row(1, bindings=None)]
        past = polled([answered(), OTHER], silent)
        assert (kinds(past), past.lost()) == ([], [])
        past.poll(unanswered(), OTHER)
        assert past.lost() == [(NUMBER, "call", "Ada", 3 * HOUR)]

    def test_a_list_without_any_binding_ends_no_loss(self) -> None:
        silent = [row(bindings=None), row(1, bindings=None)]
        assert polled([answered(), OTHER], [unanswered(), OTHER], silent).lost() == LOST

    def test_one_of_two_listings_of_a_trunk_that_leaves_the_list_is_lost(self) -> None:
        calls, texts = answered(), row(bindings=bindings(sms=bound("Bea")))
        past = polled([calls, texts, OTHER], [calls, OTHER])
        assert past.lost() == [(NUMBER, "sms", "Bea", 2 * HOUR)]
        assert past.gone() == []


class TestGone:
    def test_a_trunk_that_was_bound_and_is_not_listed_is_gone_since_the_poll_that_found_it(self) -> None:
        past = polled([answered(), OTHER], [OTHER])
        assert past.gone() == GONE
        past.poll(OTHER)
        assert past.gone() == GONE

    def test_a_trunk_that_was_bound_nowhere_only_leaves_the_list(self) -> None:
        past = polled([unanswered(), OTHER], [OTHER])
        assert (kinds(past), past.gone()) == (["removed"], [])

    def test_a_trunk_whose_channel_was_lost_before_is_gone_too(self) -> None:
        assert polled([answered(), OTHER], [unanswered(), OTHER], [OTHER]).gone() == [(NUMBER, 3 * HOUR)]

    def test_it_ends_when_the_trunk_is_back(self) -> None:
        past = polled([answered(), OTHER], [OTHER], [answered(), OTHER])
        assert (kinds(past), past.gone(), past.lost()) == (["added"], [], [])

    def test_a_trunk_that_comes_back_without_its_agent_has_lost_it(self) -> None:
        past = polled([answered(), OTHER], [OTHER], [unanswered(), OTHER])
        assert kinds(past) == ["added", "lost"]
        assert (past.gone(), past.lost()) == ([], [(NUMBER, "call", "Ada", 3 * HOUR)])

    def test_a_trunk_that_comes_back_unreadable_and_without_its_agent_has_lost_it(self) -> None:
        past = polled([answered(), OTHER], [OTHER], [row(bindings=UNREADABLE), OTHER], [unanswered(), OTHER])
        assert past.lost() == [(NUMBER, "call", "Ada", 4 * HOUR)]

    def test_it_ends_when_remember_gone_is_over(self) -> None:
        past = polled([answered(), OTHER], [OTHER], remember=days(gone=2))
        past.poll(OTHER, after=2 * DAY - 1)
        assert past.gone() == GONE
        past.poll(OTHER, after=1)
        assert past.gone() == []

    @pytest.mark.parametrize("uuid", ["new", None])
    @pytest.mark.parametrize("number", [NUMBER, NUMBER.removeprefix("+")])
    def test_it_never_begins_where_the_number_answers_under_another_uuid(self, uuid: str, number: str) -> None:
        past = polled([answered(), OTHER], [answered(phone_number_uuid=uuid, number=number), OTHER])
        assert sorted(kinds(past)) == ["added", "removed"]
        assert past.gone() == []

    def test_it_never_begins_where_another_trunk_answers_the_number(self) -> None:
        twin = row(phone_number_uuid="twin", bindings=bindings(sms=bound("Bea")))
        assert polled([answered(), OTHER, twin], [OTHER, twin]).gone() == []

    def test_it_begins_where_another_trunk_has_the_number_and_does_not_answer_it(self) -> None:
        twin = unanswered(phone_number_uuid="twin")
        past = polled([answered(), OTHER, twin], [OTHER, twin])
        assert past.gone() == GONE
        past.poll(OTHER, twin)
        assert past.gone() == GONE

    def test_it_begins_where_the_number_changes_its_uuid_and_loses_its_agent(self) -> None:
        twin = unanswered(phone_number_uuid="twin")
        past = polled([answered(), OTHER], [OTHER, twin], [OTHER, twin])
        assert past.gone() == GONE
        past.poll(OTHER, answered(phone_number_uuid="twin"))
        assert past.gone() == []

    @pytest.mark.parametrize("back", [answered(phone_number_uuid="new"), unanswered(phone_number_uuid="new")])
    def test_it_ends_when_the_number_is_back_under_another_uuid(self, back: Row) -> None:
        assert polled([answered(), OTHER], [OTHER], [back, OTHER]).gone() == []

    def test_it_does_not_begin_while_the_list_says_nothing_of_bindings_and_has_the_number(self) -> None:
        silent = [row(phone_number_uuid="new", bindings=None), row(1, bindings=None)]
        assert polled([answered(), OTHER], silent).gone() == []

    def test_a_trunk_that_one_walk_alone_did_not_see_is_neither_removed_nor_gone(self) -> None:
        past = polled([answered(), OTHER])
        past.poll(OTHER, unconfirmed=[row()])
        assert (kinds(past), past.gone()) == ([], [])

    def test_a_trunk_that_the_next_poll_does_not_see_either_is_gone(self) -> None:
        past = polled([answered(), OTHER])
        past.poll(OTHER, unconfirmed=[row()])
        past.poll(OTHER)
        assert (kinds(past), past.gone()) == (["removed"], [(NUMBER, 3 * HOUR)])
        past.poll(OTHER, answered(phone_number_uuid="new"))
        assert past.gone() == []

    def test_a_trunk_that_the_next_poll_sees_again_was_never_away(self) -> None:
        past = polled([answered(), OTHER])
        past.poll(OTHER, unconfirmed=[row()])
        past.poll(answered(), OTHER)
        assert (kinds(past), past.gone()) == ([], [])

    def test_what_a_trunk_lost_while_it_was_not_seen_is_found_when_it_is_seen_again(self) -> None:
        past = polled([answered(), OTHER])
        past.poll(OTHER, unconfirmed=[row()])
        past.poll(unanswered(), OTHER)
        assert (kinds(past), past.lost()) == (["lost"], [(NUMBER, "call", "Ada", 3 * HOUR)])

    def test_a_lost_channel_stays_lost_while_its_trunk_is_not_seen(self) -> None:
        past = polled([answered(), OTHER], [unanswered(), OTHER])
        past.poll(OTHER, unconfirmed=[row()])
        assert past.lost() == LOST


def services(**enabled: bool) -> dict[str, Any]:
    """Return settings in which services are enabled but for those that are said not to be."""
    settings: dict[str, Any] = row()["channel_settings"]
    return {name: service | {"enabled": enabled.get(name, True)} for name, service in settings.items()}


class TestDisabled:
    DISABLED = (NUMBER, "inbound", 2 * HOUR)

    def past(self, *after: dict[str, Any], **settings: Any) -> Past:  # noqa: ANN401 - any of a workspace
        """Return what is remembered of a trunk on which inbound was disabled, and of what came after."""
        polls = [{}, {"channel_settings": services(inbound=False)}, *after]
        return polled(*([row(**{"channel_settings": services(), **changed})] for changed in polls), **settings)

    def test_a_service_that_carries_a_bound_channel_and_was_enabled_is_disabled(self) -> None:
        past = self.past({"channel_settings": services(inbound=False)})
        assert past.disabled() == [self.DISABLED]

    def test_it_ends_when_it_is_enabled_again(self) -> None:
        assert self.past({}).disabled() == []

    @pytest.mark.parametrize("setting", [None, {}, {"inbound": {"enabled": None}}])
    def test_it_goes_on_while_nothing_is_said_of_the_service(self, setting: dict[str, Any] | None) -> None:
        assert self.past({"channel_settings": setting}).disabled() == [self.DISABLED]

    def test_it_ends_when_the_channel_is_no_longer_bound(self) -> None:
        after = {"channel_settings": services(inbound=False), "bindings": bindings(sms=bound("Bea"))}
        assert self.past(after).disabled() == []

    def test_it_goes_on_while_the_channel_cannot_be_read(self) -> None:
        after = {"channel_settings": services(inbound=False), "bindings": UNREADABLE}
        assert self.past(after).disabled() == [self.DISABLED]

    def test_it_ends_when_the_trunk_leaves_the_list(self) -> None:
        past = self.past()
        past.poll(OTHER)
        assert past.disabled() == []

    def test_it_ends_when_remember_lost_is_over(self) -> None:
        past = self.past(remember=days(lost=2))
        off = row(channel_settings=services(inbound=False))
        past.poll(off, after=2 * DAY - 1)
        assert past.disabled() == [self.DISABLED]
        past.poll(off, after=1)
        assert past.disabled() == []

    def test_the_first_of_two_stays_when_the_other_follows_which_blocks_the_channel(self) -> None:
        off = {"channel_settings": services(inbound=False, voice=False)}
        assert self.past(off).disabled() == [self.DISABLED]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            pytest.param(services(), services(inbound=False, voice=False), id="both at once, which blocks calls"),
            pytest.param(services(), services(sms=False), id="what alone carries its channel"),
            pytest.param(services(inbound=False), services(inbound=False), id="what was disabled from the start"),
            pytest.param(
                services() | {"inbound": {}}, services(inbound=False), id="what was never known to be enabled"
            ),
        ],
    )
    def test_it_does_not_begin_with(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        both = bindings(call=bound("Ada"), sms=bound("Bea"))
        past = polled(
            [row(bindings=both, channel_settings=before)],
            [row(bindings=both, channel_settings=after)],
        )
        assert past.disabled() == []

    def test_it_does_not_begin_where_the_channel_is_not_bound(self) -> None:
        texts = bindings(sms=bound("Bea"))
        past = polled(
            [row(bindings=texts, channel_settings=services())],
            [row(bindings=texts, channel_settings=services(inbound=False))],
        )
        assert past.disabled() == []


class TestOutOfService:
    def test_it_lasts_since_the_first_poll_that_found_it(self) -> None:
        past = polled([answered(), OTHER], [answered(status="suspended"), OTHER], [unanswered(), OTHER])
        assert past.out_of_service() == [(NUMBER, 2 * HOUR)]

    def test_it_ends_with_the_last_reason_and_begins_anew(self) -> None:
        past = polled([unanswered(), OTHER], [answered(), OTHER])
        assert past.out_of_service() == []
        past.poll(unanswered(), OTHER)
        assert past.out_of_service() == [(NUMBER, 3 * HOUR)]

    def test_a_trunk_that_is_not_listed_is_not_out_of_service(self) -> None:
        assert polled([unanswered(), OTHER], [OTHER]).out_of_service() == []


class TestAClockThatJumps:
    def all_three(self) -> Past:
        off: dict[str, Any] = {"channel_settings": services(inbound=False)}
        on: dict[str, Any] = {"channel_settings": services()}
        before = [row(**on), row(1, **on), row(2)]
        return polled(before, [row(bindings=NOBODY), row(1, **off)])

    def poll(self, past: Past, after: float) -> None:
        past.poll(row(bindings=NOBODY), row(1, channel_settings=services(inbound=False)), after=after)

    def since(self, past: Past) -> set[float]:
        memory = past.memory
        remembered = (*memory.lost, *memory.gone, *memory.disabled, *memory.out_of_service.values())
        assert len(remembered) == 4
        return {entry.since for entry in remembered}

    def test_what_is_so_since_the_future_is_so_since_now(self) -> None:
        past = self.all_three()
        self.poll(past, after=-5 * DAY)
        assert self.since(past) == {past.now}

    def test_forth_by_less_than_it_is_remembered_and_back_changes_nothing(self) -> None:
        past = self.all_three()
        before = self.since(past)
        self.poll(past, after=12 * HOUR)
        self.poll(past, after=-11 * HOUR)
        assert self.since(past) == before

    def test_what_is_found_while_it_is_far_ahead_is_remembered_from_when_it_is_right_again(self) -> None:
        past = polled([answered(), OTHER])
        past.poll(unanswered(), OTHER, after=1000 * DAY)
        past.poll(unanswered(), OTHER, after=-1000 * DAY)
        assert past.lost() == [(NUMBER, "call", "Ada", HOUR)]
        past.poll(unanswered(), OTHER, after=7 * DAY)
        assert past.lost() == []


def test_the_history_is_the_last_changes_the_newest_last() -> None:
    past = Past()
    statuses = [f"status-{number}" for number in range(HISTORY + 6)]
    for status in statuses:
        past.poll(row(status=status))
    history = past.memory.history
    assert len(history) == HISTORY == 1000
    assert [change.after for change in history] == statuses[-HISTORY:]
    assert [change.time for change in history] == sorted(change.time for change in history)


def test_a_poll_may_change_more_than_the_history_holds() -> None:
    past = Past()
    past.poll()
    past.poll(*(row(index) for index in range(HISTORY + 1)))
    assert len(past.changes) == HISTORY + 1
    assert [change.change for change in past.memory.history] == [Kind.ADDED] * HISTORY


LISTED = st.builds(
    lambda index, uuid, channels, inbound: row(
        index,
        phone_number_uuid=f"{uuid}-{index}" if uuid else None,
        bindings=channels,
        channel_settings=services(inbound=inbound),
    ),
    st.integers(0, 2),
    st.sampled_from(["one", "other", None]),
    st.sampled_from([ADA, NOBODY, UNREADABLE, bindings(sms=bound("Bea")), None]),
    st.booleans(),
)
LISTS = st.lists(
    st.lists(LISTED, max_size=4, unique_by=lambda one: (one["phone_number_uuid"], one["number"])), max_size=6
)


@given(LISTS, st.data())
def test_it_does_not_matter_in_which_parts_trunks_are_compared(lists: list[list[Row]], data: st.DataObject) -> None:
    """A poll compares the buckets that changed, one after the other."""
    whole, parts = Past(), PastInParts()
    for rows in lists:
        listed = set(map(key_of, rows))
        missing = [found for found in whole.listed if key_of(found) not in listed and data.draw(st.booleans())]
        for past in (whole, parts):
            past.poll(*rows, unconfirmed=missing)
        for remembered in (
            Past.lost,
            Past.gone,
            Past.disabled,
            Past.out_of_service,
            lambda past: map(repr, past.changes),
        ):
            assert sorted(remembered(parts)) == sorted(remembered(whole))


def test_what_did_not_change_is_remembered_as_it_was() -> None:
    past = polled([answered(), OTHER], [unanswered(), OTHER])
    before = past.memory
    past.poll(unanswered(), OTHER)
    assert past.memory == before
