"""What changed about trunks from poll to poll, and what their past means: what is lost, gone, disabled, since when."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.past import DAY, HOUR, START, OneWalk, Past, days, polled
from support.trunks import Row, bindings, bound, row, rows

from exporter.config.settings import ExpectRule, Filter, Match, Metrics
from exporter.config.values import compile_pattern
from exporter.trunks.changes import Change, ChangeKind
from exporter.trunks.memory import HISTORY

NUMBER = row()["number"]
ADA = bindings(call=bound("Ada"))
NOBODY = bindings()
UNREADABLE = bindings(call={"bound": "maybe"}, sms={"bound": "maybe"}, whatsapp={"bound": "maybe"})


def unanswered(**changed: Any) -> Row:  # noqa: ANN401 - any field may be anything
    return row(bindings=NOBODY, **changed)


def services(**enabled: bool) -> dict[str, Any]:
    settings: dict[str, Any] = row()["channel_settings"]
    return {name: service | {"enabled": enabled.get(name, True)} for name, service in settings.items()}


OTHER = row(1)  # a trunk that stays as it is, so that something is known about bindings
A, U = [row(), OTHER], [unanswered(), OTHER]
BEA, UNNAMED = ([row(bindings=bindings(call=call)), OTHER] for call in (bound("Bea"), {"bound": True}))
ALONE = [OTHER]  # the trunk is not listed
UNSEEN = OneWalk([OTHER])  # which does not see the trunk
NAMELESS = [row(phone_number_uuid=7, number=None), OTHER]
UNCLEAR = [row(bindings=UNREADABLE), OTHER]
SILENT = [row(bindings=None), row(1, bindings=None)]  # no row has any binding
TWIN, TWIN_U = row(phone_number_uuid="twin"), unanswered(phone_number_uuid="twin")
SILENT_TWIN = [SILENT[1], TWIN | {"bindings": None}]
ON_BOTH = row(bindings=bindings(call=bound("Ada"), sms=bound("Bea")))
ON_SMS = row(bindings=bindings(sms=bound("Bea")))
TWIN_SMS = ON_SMS | {"phone_number_uuid": "twin"}
RENUMBERED = [unanswered(number="+39061"), OTHER]
ENABLED, SMS_OFF = ({"channel_settings": services(sms=sms)} for sms in (True, False))
SMS_ENABLED_LATER = [[one, OTHER] for one in (ON_SMS | SMS_OFF, unanswered(**SMS_OFF), unanswered(**ENABLED))]


def lost(channel: str = "call", agent: str = "Ada", poll: int = 2) -> tuple[str, str, str, float]:
    return NUMBER, channel, agent, poll * HOUR


@pytest.mark.parametrize(
    ("polls", "remembered"),
    [
        pytest.param([A, U], [lost()], id="a bound channel is not bound"),
        pytest.param([A, U, U], [lost()], id="since the poll that found it"),
        pytest.param([A, BEA, U], [lost(agent="Bea", poll=3)], id="last agent"),
        pytest.param([A, UNNAMED, U], [lost(poll=3)], id="last named agent"),
        pytest.param([A, U, A], [], id="bound again"),
        pytest.param([A, U, BEA], [], id="bound again, to another agent"),
        pytest.param([[ON_BOTH, OTHER], U, A], [lost("sms", "Bea")], id="channel by channel"),
        pytest.param(SMS_ENABLED_LATER, [lost("sms", "Bea")], id="the service of the same name is enabled"),
        pytest.param([A, U, ALONE], [], id="the trunk is gone"),
        pytest.param([A, U, UNSEEN], [lost()], id="the trunk is not seen"),
        pytest.param([A, U, RENUMBERED], [("+39061", "call", "Ada", 2 * HOUR)], id="the trunk gets another number"),
        pytest.param([A, ALONE, U], [lost(poll=3)], id="the trunk comes back without its agent"),
        pytest.param([A, ALONE, UNCLEAR, U], [lost(poll=4)], id="the trunk comes back unreadable"),
        pytest.param([A, UNSEEN, U], [lost(poll=3)], id="lost while it was not seen"),
        # The number may be bound on the channel elsewhere.
        pytest.param([A, U, [*U, TWIN]], [], id="bound elsewhere afterwards"),
        pytest.param([A, U, [*U, row(phone_number_uuid=None)]], [], id="bound elsewhere, without a uuid"),
        pytest.param([[*A, TWIN], [*U, TWIN]], [], id="bound elsewhere all the time"),
        pytest.param([[*A, TWIN_SMS], [*U, TWIN_SMS]], [lost()], id="another channel elsewhere"),
        pytest.param([[*A, TWIN], [*U, TWIN_U]], [lost()] * 2, id="two trunks of a number at once"),
        # What cannot be read is not unbound.
        pytest.param([A, UNCLEAR], [], id="unreadable"),
        pytest.param([A, UNCLEAR, U], [lost(poll=3)], id="lost while it was unreadable"),
        pytest.param([A, U, UNCLEAR], [lost()], id="unreadable once it was lost"),
        pytest.param([A, SILENT], [], id="no row has any binding"),
        pytest.param([A, SILENT, U], [lost(poll=3)], id="lost while no row had any binding"),
        pytest.param([A, U, SILENT], [], id="no row has any binding once it was lost"),
        pytest.param([A, U, SILENT, U], [lost()], id="which is not forgotten"),
        pytest.param([[row(), ON_SMS, OTHER], A], [lost("sms", "Bea")], id="one of two rows of a trunk"),
    ],
)
def test_lost(polls: list[list[Row]], remembered: list[tuple[str, str, str, float]]) -> None:
    past = polled(*polls)
    assert sorted(past.lost()) == sorted(remembered)
    assert {entry.agent_uuid for entry in past.memory.lost} <= {"agent-ada", "agent-bea"}


LOCAL, RETIRED = Match(type=(compile_pattern("local"),)), Match(status=(compile_pattern("retired"),))
AUTO = ExpectRule(channels=None)
GIVEN_UP = [unanswered(status="retired"), OTHER]


@pytest.mark.parametrize(
    ("settings", "polls", "remembered"),
    [
        ({"expect": (AUTO,)}, [A, U], [lost()]),
        ({"expect": (ExpectRule(channels=("call",)),)}, [A, U], [lost()]),
        ({"expect": (ExpectRule(match=LOCAL, channels=("sms",)), AUTO)}, [A, U], []),
        ({"expect": (ExpectRule(match=RETIRED, channels=()), AUTO)}, [A, U], [lost()]),
        ({"expect": (ExpectRule(match=RETIRED, channels=()), AUTO)}, [A, U, GIVEN_UP], []),
        ({"expect": (ExpectRule(match=RETIRED, channels=()), AUTO)}, [A, U, GIVEN_UP, U], [lost()]),
        # ``auto`` expects calls alone: a number that loses one of two bindings is caught by its past.
        ({}, [[ON_BOTH, OTHER], A], [lost("sms", "Bea")]),
        ({"filter": Filter(channel="call")}, [[ON_BOTH, OTHER], A], [lost("sms", "Bea")]),
        ({"filter": Filter(agent_uuid="agent-ada")}, [[ON_BOTH, OTHER], A], []),
        ({"filter": Filter(search="1208")}, [[ON_BOTH, OTHER], U], [lost(), lost("sms", "Bea")]),
    ],
)
def test_lost_where_neither_a_rule_nor_a_filter_leaves_the_channel_out(
    settings: dict[str, Any], polls: list[list[Row]], remembered: list[tuple[str, str, str, float]]
) -> None:
    assert sorted(polled(*polls, **settings).lost()) == sorted(remembered)


@pytest.mark.parametrize(
    ("polls", "changes", "since"),
    [
        pytest.param([A, ALONE], ["removed"], 2, id="a bound trunk leaves the list"),
        pytest.param([A, ALONE, ALONE], [], 2, id="since the poll that found it"),
        pytest.param([U, ALONE], ["removed"], None, id="one that was bound nowhere"),
        pytest.param([A, U, ALONE], ["removed"], 3, id="one whose channel was lost before"),
        pytest.param([A, ALONE, A], ["added"], None, id="back"),
        pytest.param([A, ALONE, U], ["added", "lost"], None, id="back without its agent"),
        # Another trunk may have the number.
        pytest.param([A, [TWIN, OTHER]], ["removed", "added"], None, id="another uuid"),
        pytest.param([A, [row(phone_number_uuid=None), OTHER]], ["removed", "added"], None, id="no uuid any more"),
        pytest.param([A, [TWIN | {"number": NUMBER[1:]}, OTHER]], ["removed", "added"], None, id="no plus sign"),
        pytest.param([[*A, TWIN_SMS], [OTHER, TWIN_SMS]], ["removed"], None, id="answered"),
        pytest.param([[*A, TWIN_U], [OTHER, TWIN_U], [OTHER, TWIN_U]], [], 2, id="not answered"),
        pytest.param([[*A, TWIN_U], [OTHER, TWIN_U], SILENT_TWIN, [OTHER, TWIN_U]], [], 2, id="nor while unknown"),
        pytest.param([A, [OTHER, TWIN_U], [OTHER, TWIN_U]], [], 2, id="another uuid, and not answered"),
        pytest.param([A, [OTHER, TWIN_U], [OTHER, TWIN]], ["bound"], None, id="another uuid, answered later"),
        pytest.param([A, ALONE, [TWIN, OTHER]], ["added"], None, id="back under another uuid"),
        pytest.param([A, ALONE, [TWIN_U, OTHER]], ["added"], None, id="back under another uuid, and not answered"),
        pytest.param([A, [row(phone_number_uuid="new", bindings=None), SILENT[1]]], ["removed", "added"], None, id="?"),
        # One walk alone may have missed it.
        pytest.param([A, UNSEEN], [], None, id="not seen"),
        pytest.param([A, UNSEEN, ALONE], ["removed"], 3, id="not seen by the next poll either"),
        pytest.param([A, UNSEEN, ALONE, [OTHER, TWIN]], ["added"], None, id="not seen, then back under another uuid"),
        pytest.param([A, UNSEEN, A], [], None, id="seen again"),
        pytest.param([A, UNSEEN, U], ["lost"], None, id="seen again without its agent"),
        # A row that names no trunk may be its, unless it was there before.
        pytest.param([A, NAMELESS, NAMELESS], [], None, id="perhaps nameless"),
        pytest.param([A, NAMELESS, U], ["lost"], None, id="nameless for a while"),
        pytest.param([A, NAMELESS, ALONE], ["removed"], 3, id="no longer nameless"),
        pytest.param([[*A, NAMELESS[0]], NAMELESS], ["removed"], 2, id="another was nameless before"),
    ],
)
def test_gone(polls: list[list[Row]], changes: list[str], since: int | None) -> None:
    past = polled(*polls)
    assert past.changes == sorted(changes)
    assert past.gone() == ([] if since is None else [(NUMBER, since * HOUR)])


ON: dict[str, Any] = {"channel_settings": services()}
OFF: dict[str, Any] = {"channel_settings": services(inbound=False)}
SAYING_NOTHING = [{"channel_settings": said} for said in (None, {}, {"inbound": {"enabled": None}})]
VOICE_OFF, BOTH_OFF = ({"channel_settings": services(voice=False, inbound=inbound)} for inbound in (True, False))


@pytest.mark.parametrize(
    ("polls", "since"),
    [
        pytest.param([ON, OFF], 2, id="one of two that carry a bound channel"),
        pytest.param([ON, OFF, OFF], 2, id="since the poll that found it"),
        pytest.param([ON, OFF, ON], None, id="enabled again"),
        pytest.param([ON, OFF, BOTH_OFF], 2, id="the other follows, which blocks the channel"),
        pytest.param([ON, BOTH_OFF], None, id="both at once, which blocks the channel"),
        pytest.param([ON, BOTH_OFF, OFF], 2, id="both at once, then the other alone is enabled again"),
        pytest.param([ON, VOICE_OFF, BOTH_OFF, OFF], 3, id="after the other, which alone is enabled again"),
        pytest.param([ON, OFF, None, OFF], 2, id="the trunk is gone and comes back"),
        pytest.param([OFF, OFF], None, id="from the start"),
        pytest.param([{"channel_settings": services() | {"inbound": {}}}, OFF], None, id="never known to be enabled"),
        pytest.param([ON, {"channel_settings": services(sms=False)}], None, id="what alone carries its channel"),
        pytest.param([ON, OFF, *SAYING_NOTHING, OFF | {"bindings": UNREADABLE}], 2, id="nothing said, or unreadable"),
        pytest.param([ON, OFF, OFF | {"bindings": bindings(sms=bound("Bea"))}], None, id="no longer bound"),
        pytest.param([one | {"bindings": bindings(sms=bound("Bea"))} for one in (ON, OFF)], None, id="never bound"),
    ],
)
def test_disabled(polls: list[dict[str, Any] | None], since: int | None) -> None:
    past = polled(*([OTHER if changed is None else ON_BOTH | changed] for changed in polls))
    assert past.disabled() == ([] if since is None else [(NUMBER, "inbound", since * HOUR)])
    past.poll(OTHER)
    assert past.disabled() == []


@pytest.mark.parametrize(
    ("polls", "remembered"),
    [([A, U], Past.lost), ([A, ALONE], Past.gone), ([[row(**ON)], [row(**OFF)]], Past.disabled)],
    ids=["lost", "gone", "disabled"],
)
def test_each_is_remembered_for_as_long_as_is_configured(
    polls: list[list[Row]], remembered: Callable[[Past], Sequence[object]]
) -> None:
    past = polled(*polls, remember=days(lost=2, gone=2))
    past.poll(*polls[-1], after=2 * DAY - 1)
    assert len(remembered(past)) == 1
    past.poll(*polls[-1], after=1)
    assert len(remembered(past)) == 0


@pytest.mark.parametrize(
    ("polls", "since"),
    [
        pytest.param([A, [row(status="suspended"), OTHER], U], 2, id="since the first poll that found any reason"),
        pytest.param([U, A], None, id="in service again"),
        pytest.param([U, A, U], 3, id="once more"),
        pytest.param([U, ALONE], None, id="not listed"),
    ],
)
def test_out_of_service(polls: list[list[Row]], since: int | None) -> None:
    assert polled(*polls).out_of_service() == ([] if since is None else [(NUMBER, since * HOUR)])


class TestAClockThatJumps:
    FOUND = (row(bindings=NOBODY), row(1, **OFF))

    def since(self, past: Past) -> set[float]:
        found = past.lost(), past.gone(), past.disabled(), past.out_of_service()
        times: list[float] = [since for entries in found for *_, since in entries]
        assert len(times) == 4
        return set(times)

    def test_forth_by_less_than_it_is_remembered_and_back_changes_nothing_but_what_is_so_since_the_future(self) -> None:
        past = polled([row(**ON), row(1, **ON), row(2)], [*self.FOUND])  # all four
        before = self.since(past)
        past.poll(*self.FOUND, after=12 * HOUR)
        past.poll(*self.FOUND, after=-11 * HOUR)
        assert self.since(past) == before
        past.poll(*self.FOUND, after=-5 * DAY)
        assert self.since(past) == {past.now}

    def test_what_is_found_while_it_is_far_ahead_is_remembered_from_when_it_is_right_again(self) -> None:
        past = polled(A)
        past.poll(unanswered(), OTHER, after=1000 * DAY)
        past.poll(unanswered(), OTHER, after=-1000 * DAY)
        assert past.lost() == [lost(poll=1)]
        assert {change.time for change in past.memory.history} == {START + past.now}
        past.poll(unanswered(), OTHER, after=7 * DAY)
        assert past.lost() == []


def test_the_history_is_the_last_changes_the_newest_last() -> None:
    past = polled([], rows(HISTORY + 1))  # a poll may change more than the history holds
    assert len(past.changes) == HISTORY + 1
    assert [change.change for change in past.memory.history] == [ChangeKind.ADDED] * HISTORY
    past.poll(*rows(100))
    statuses = [f"status-{number}" for number in range(HISTORY // 100 + 1)]
    for status in statuses:
        past.poll(*(row(index, status=status) for index in range(100)))
    history = past.memory.history
    assert len(history) == HISTORY == 1000
    assert [change.after for change in history[::100]] == statuses[1:]
    assert [change.time for change in history] == sorted(change.time for change in history)


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
LISTS = st.lists(LISTED, max_size=4, unique_by=lambda one: (one["phone_number_uuid"], one["number"]))


@given(st.lists(st.tuples(LISTS, st.booleans()), max_size=6))
@settings(max_examples=settings().max_examples * 2 // 5)
def test_it_does_not_matter_in_which_parts_trunks_are_compared(polls: list[tuple[list[Row], bool]]) -> None:
    """A poll compares the buckets that changed, one after the other."""
    whole, parts = Past(bucket_size=1000), Past(bucket_size=1)
    for listed, in_time in polls:
        for past in (whole, parts):
            past.poll(*listed, in_time=in_time)
        assert parts.changes == whole.changes
        for remembered in (Past.lost, Past.gone, Past.disabled, Past.out_of_service):
            assert sorted(remembered(parts)) == sorted(remembered(whole))


UUID = row()["phone_number_uuid"]
ILLEGIBLE = {"bound": "maybe", "agent_uuid": 7}


def changes(*found: Row | None, **chosen: Any) -> Sequence[Change]:  # noqa: ANN401 - any of a bench
    """Return the changes of a trunk that polls find one after the other; None is a poll that does not list it."""
    past = polled(*([OTHER] if one is None else [one, OTHER] for one in found), **chosen)
    return past.memory.history


def told(changes: Sequence[Change]) -> list[str]:
    """Return changes of the trunk as text: the kind, what it is about, before and after."""
    assert {(one.uuid, one.number) for one in changes} <= {(UUID, NUMBER)}
    about = [one.channel or one.carrier_service or "" for one in changes]
    return sorted(f"{one.change} {name}: {one.before} > {one.after}" for one, name in zip(changes, about, strict=True))


def with_service(name: str, **changed: object) -> dict[str, Any]:
    given: dict[str, Any] = row()["channel_settings"]
    return {"channel_settings": given | {name: given[name] | changed}}


def fee(amount: float, currency: str) -> dict[str, Any]:
    return {"billing": {"monthly_fee": amount, "currency": currency}}


ON_CALL, NOWHERE = {"bindings": bindings(call=bound("Ada"))}, {"bindings": bindings()}

# What changes, and what is found.
CHANGES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({}, {}, []),
    (ON_CALL, NOWHERE, ["lost call: Ada > None"]),
    (ON_CALL, {"bindings": None}, ["lost call: Ada > None"]),
    (NOWHERE, {"bindings": bindings(sms=bound("Ada"))}, ["bound sms: None > Ada"]),
    (ON_CALL, {"bindings": bindings(call=bound("Ada") | {"agent_name": "Ada Lovelace"})}, []),
    (ON_CALL, {"bindings": bindings(call=bound("Bea"))}, ["agent call: Ada > Bea"]),
    (ON_CALL, {"bindings": bindings(sms=bound("Bea"))}, ["lost call: Ada > None", "bound sms: None > Bea"]),
    ({}, {"status": "suspended"}, ["status : active > suspended"]),
    ({}, {"compliance": {"status": "rejected", "requirements": []}}, ["compliance : completed > rejected"]),
    ({}, with_service("voice", enabled=False), ["service voice: enabled > disabled"]),
    ({}, with_service("sms", enabled=True), ["service sms: disabled > enabled"]),
    ({}, with_service("inbound", channel_limit=0), ["limit inbound: 20.0 > 0.0"]),
    ({}, fee(2.25, "EUR"), ["fee : 1.5 EUR > 2.25 EUR"]),
    ({}, fee(1.5, "USD"), ["fee : 1.5 EUR > 1.5 USD"]),
    (fee(1234567.5, "JPY"), fee(1234567.75, "JPY"), ["fee : 1234567.5 JPY > 1234567.75 JPY"]),
    ({}, {"status": "suspended", **NOWHERE}, ["lost call: Ada > None", "status : active > suspended"]),
]


@pytest.mark.parametrize("status", ["active", None])
def test_a_trunk_that_comes_or_goes_does_so_with_its_status(status: str | None) -> None:
    assert told(changes(None, row(status=status))) == [f"added : None > {status}"]
    assert told(changes(row(status=status), None)) == [f"removed : {status} > None"]


def test_without_a_uuid_the_number_tells_which_trunk_it_is() -> None:
    (found,) = changes(row(phone_number_uuid=None), row(phone_number_uuid=None, status="suspended"))
    assert (found.change, found.uuid, found.number) == (ChangeKind.STATUS, "", NUMBER)


@pytest.mark.parametrize(
    "silent",
    [
        *({"status": None}, {"compliance": {"status": None}}, {"channel_settings": None}),
        {"channel_settings": {"voice": {"enabled": None, "channel_limit": "many"}}},
        *({"billing": {"monthly_fee": fee, "currency": currency}} for fee, currency in ((1.5, None), (None, "USD"))),
        {"bindings": bindings(call=ILLEGIBLE)},
        {"bindings": bindings(call={"bound": True, "agent_uuid": None, "agent_name": None})},
        *({"bindings": bindings(call=bound("Ada") | {f"agent_{part}": None})} for part in ("name", "uuid")),
    ],
)
def test_what_is_not_said_or_unreadable_has_not_changed(silent: dict[str, Any]) -> None:
    """What is not known now is as it was, and what was not known has not changed."""
    assert changes(row(), row(**silent)) == ()
    assert changes(row(**silent), row()) == ()


@pytest.mark.parametrize(("before", "after", "found"), CHANGES)
def test_each_kind_of_change_is_found_and_after_nothing_was_readable_too(
    before: dict[str, Any], after: dict[str, Any], found: list[str]
) -> None:
    assert told(changes(row(**before), row(**after))) == sorted(found)
    mute: dict[str, Any] = dict.fromkeys(("status", "compliance", "channel_settings", "billing"))
    meanwhile = row(bindings=bindings(call=ILLEGIBLE, sms=ILLEGIBLE, whatsapp=ILLEGIBLE), **mute)
    assert changes(row(**before), meanwhile) == ()
    assert told(changes(row(**before), meanwhile, row(**after))) == sorted(found)


@pytest.mark.parametrize(
    ("agent", "agent_names", "shown"),
    [
        (bound("Ada"), True, "Ada"),
        (bound("Ada"), False, "agent-ada"),
        ({"bound": True, "agent_uuid": "agent-ada"}, True, "agent-ada"),
        ({"bound": True}, True, "unknown"),
    ],
)
def test_an_agent_is_called_by_name_or_else_by_uuid(agent: dict[str, Any], shown: str, *, agent_names: bool) -> None:
    with_agent, metrics = row(bindings=bindings(call=agent)), Metrics(agent_names=agent_names)
    (lost, again) = changes(with_agent, row(bindings=bindings()), with_agent, metrics=metrics)
    assert lost.before == again.after == shown
