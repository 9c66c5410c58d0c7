"""One trunk in, its series out."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from support.exposed import exposed, of_family, samples, workspace
from support.trunks import bindings, bound, row, unbound

from exporter.config.patterns import compile_pattern
from exporter.config.settings import ExpectRule, Filter, Match, Metrics, NumberStyle
from exporter.metrics.rendering import masked
from exporter.metrics.trunk_families import TRUNK_FAMILIES

T = 'workspace="acme",phone_number_uuid="9bcb8f00-c0c5-4ee1-9b75-000000000000",number="+12084439178"'

HEALTHY = """\
# HELP mihu_trunk_info The trunk exists in the workspace; its descriptive attributes are labels.
# TYPE mihu_trunk_info gauge
mihu_trunk_info{T,country_code="US",location="Boise, Idaho",type="local",source="external",is_external="true"} 1
# HELP mihu_trunk_status 1 for the status that the trunk has; other statuses have no series.
# TYPE mihu_trunk_status gauge
mihu_trunk_status{T,status="active"} 1
# HELP mihu_trunk_compliance_status 1 for the compliance status that the trunk has; other statuses have no series.
# TYPE mihu_trunk_compliance_status gauge
mihu_trunk_compliance_status{T,status="completed"} 1
# HELP mihu_trunk_compliance_requirements Compliance requirements listed for the trunk.
# TYPE mihu_trunk_compliance_requirements gauge
mihu_trunk_compliance_requirements{T} 0
# HELP mihu_trunk_capability Whether the carrier reports the capability (1) or denies it (0).
# TYPE mihu_trunk_capability gauge
mihu_trunk_capability{T,capability="voice"} 1
mihu_trunk_capability{T,capability="sms"} 1
mihu_trunk_capability{T,capability="mms"} 0
mihu_trunk_capability{T,capability="local_calling"} 1
# HELP mihu_trunk_channel_bound Whether an agent is bound on the channel (1) or none is (0).
# TYPE mihu_trunk_channel_bound gauge
mihu_trunk_channel_bound{T,channel="call"} 1
mihu_trunk_channel_bound{T,channel="sms"} 0
mihu_trunk_channel_bound{T,channel="whatsapp"} 0
# HELP mihu_trunk_channel_unbound Whether the channel is expected and not bound (1) or expected and bound (0).
# TYPE mihu_trunk_channel_unbound gauge
mihu_trunk_channel_unbound{T,channel="call"} 0
# HELP mihu_trunk_channel_agent_info The agent that is named for the channel.
# TYPE mihu_trunk_channel_agent_info gauge
mihu_trunk_channel_agent_info{T,channel="call",agent_uuid="agent-ada",agent_name="Ada"} 1
# HELP mihu_trunk_service_enabled Whether the service is enabled (1) or disabled (0).
# TYPE mihu_trunk_service_enabled gauge
mihu_trunk_service_enabled{T,service="voice"} 1
mihu_trunk_service_enabled{T,service="inbound"} 1
mihu_trunk_service_enabled{T,service="sms"} 0
# HELP mihu_trunk_service_channel_limit Concurrent channels that the service allows.
# TYPE mihu_trunk_service_channel_limit gauge
mihu_trunk_service_channel_limit{T,service="voice"} 10
mihu_trunk_service_channel_limit{T,service="inbound"} 20
mihu_trunk_service_channel_limit{T,service="sms"} 1
# HELP mihu_trunk_service_whitelisted_destinations Destinations that the service may reach.
# TYPE mihu_trunk_service_whitelisted_destinations gauge
mihu_trunk_service_whitelisted_destinations{T,service="voice"} 2
mihu_trunk_service_whitelisted_destinations{T,service="sms"} 1
# HELP mihu_trunk_monthly_fee List-price monthly fee of the trunk, not the amount charged.
# TYPE mihu_trunk_monthly_fee gauge
mihu_trunk_monthly_fee{T,currency="EUR"} 1.5
# HELP mihu_trunk_purchased_timestamp_seconds When the trunk was purchased, in Unix time.
# TYPE mihu_trunk_purchased_timestamp_seconds gauge
mihu_trunk_purchased_timestamp_seconds{T} 1699335116
# HELP mihu_trunk_updated_timestamp_seconds When the API last updated the trunk, in Unix time.
# TYPE mihu_trunk_updated_timestamp_seconds gauge
mihu_trunk_updated_timestamp_seconds{T} 1699421516
"""


def trunk_text(*rows: object, metrics: Metrics | None = None, **settings: Any) -> str:  # noqa: ANN401 - of a workspace
    """Return the per-trunk families of some rows, each trunk's identity as T."""
    text = exposed(rows, workspace(**settings), metrics)
    families = text[text.find("# HELP mihu_trunk_") :] if "# HELP mihu_trunk_" in text else ""
    return families.replace(T, "T")


def lines(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"{name}{{")]


def test_a_healthy_trunk() -> None:
    assert trunk_text(row()) == HEALTHY


def test_families_come_in_one_piece_and_trunks_in_the_order_of_the_list() -> None:
    text = exposed([row(2), row(0), row(1)], workspace())
    assert [re.findall(r'number="([^"]*)"', line)[0] for line in lines(text, "mihu_trunk_status")] == [
        "+12084439180",
        "+12084439178",
        "+12084439179",
    ]
    headers = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(headers) == len(set(headers))


def test_nothing_known_but_the_number() -> None:
    text = trunk_text({"number": "+39"})
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        (
            'mihu_trunk_info{workspace="acme",phone_number_uuid="",number="+39",'
            'country_code="",location="",type="",source="",is_external=""} 1'
        ),
        'mihu_trunk_channel_unbound{workspace="acme",phone_number_uuid="",number="+39",channel="call"} 1',
    ]


OBJECTS = ("compliance", "capabilities", "channel_settings", "billing", "bindings")
TEXTS = ("country_code", "location", "type", "source", "status")
NEITHER = ("purchased_at", "updated_at", "is_external")


@pytest.mark.parametrize(
    ("nothing", "no_text"),
    [
        pytest.param(None, None, id="nulls"),
        pytest.param([], "", id="empty, as PHP sends it"),
        pytest.param({}, "", id="empty objects"),
    ],
)
def test_what_the_api_does_not_say_has_no_series(nothing: object, no_text: str | None) -> None:
    empty = {**dict.fromkeys(OBJECTS, nothing), **dict.fromkeys(TEXTS, no_text), **dict.fromkeys(NEITHER)}
    shown = samples(trunk_text(row() | empty).replace("{T", f"{{{T}"))
    assert sorted({name for name, _ in shown}) == ["mihu_trunk_channel_unbound", "mihu_trunk_info"]


@pytest.mark.parametrize(
    ("changed", "lost"),
    [
        pytest.param({"status": 7}, "mihu_trunk_status", id="status"),
        pytest.param(
            {"compliance": {"status": "completed", "requirements": 7}},
            "mihu_trunk_compliance_requirements",
            id="requirements",
        ),
        pytest.param({"capabilities": "all"}, "mihu_trunk_capability", id="capabilities"),
        pytest.param(
            {"billing": {"monthly_fee": "1.50", "currency": "EUR"}}, "mihu_trunk_monthly_fee", id="fee as a text"
        ),
        pytest.param(
            {"billing": {"monthly_fee": True, "currency": "EUR"}}, "mihu_trunk_monthly_fee", id="fee as a truth value"
        ),
        pytest.param({"purchased_at": "long ago"}, "mihu_trunk_purchased_timestamp_seconds", id="no time"),
        pytest.param({"updated_at": 1699421516}, "mihu_trunk_updated_timestamp_seconds", id="time as a number"),
    ],
)
def test_a_field_of_the_wrong_type_costs_its_own_series_alone(changed: dict[str, Any], lost: str) -> None:
    left = "".join(
        line for line in HEALTHY.splitlines(keepends=True) if line.startswith("#") or not line.startswith(f"{lost}{{")
    )
    assert trunk_text(row(**changed)) == left


@pytest.mark.parametrize("invalid", [None, 7, "row", [], {}, row(phone_number_uuid=None, number=None)], ids=repr)
def test_a_row_that_is_about_no_trunk_has_no_series(invalid: object) -> None:
    assert trunk_text(row(), invalid) == HEALTHY


def test_fee_without_currency() -> None:
    text = trunk_text(row(billing={"monthly_fee": 0.1, "currency": None}))
    assert lines(text, "mihu_trunk_monthly_fee") == ['mihu_trunk_monthly_fee{T,currency="unknown"} 0.1']


def test_currency_without_fee() -> None:
    assert lines(trunk_text(row(billing={"currency": "EUR"})), "mihu_trunk_monthly_fee") == []


@pytest.fixture(params=["UTC", "Asia/Tokyo"])
def machine_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run a test on a machine whose clock shows another zone, too."""
    with monkeypatch.context() as environment:
        environment.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("machine_zone")
@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        pytest.param("2023-11-07T05:31:56Z", "1699335116", id="UTC"),
        pytest.param("2023-11-07T05:31:56", "1699335116", id="no zone is UTC"),
        pytest.param("2023-11-07T06:31:56+01:00", "1699335116", id="another zone"),
        pytest.param("2023-11-07T05:31:56.250000Z", "1699335116.25", id="fraction"),
        pytest.param("1969-12-31T23:59:59Z", "-1", id="before the epoch"),
    ],
)
def test_times(written: str, seconds: str) -> None:
    text = trunk_text(row(purchased_at=written))
    assert lines(text, "mihu_trunk_purchased_timestamp_seconds") == [
        f"mihu_trunk_purchased_timestamp_seconds{{T}} {seconds}"
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param('the "best"', r"the \"best\"", id="quotes"),
        pytest.param("back\\slash", r"back\\slash", id="backslash"),
        pytest.param("two\nlines", "two\ufffdlines", id="newline"),
        pytest.param("bell\x07 delete\x7f next\x85", "bell\ufffd delete\ufffd next\ufffd", id="control characters"),
        pytest.param("left\u202eright\u2066", "left\ufffdright\ufffd", id="directional overrides"),
        pytest.param("\ud800", "\ufffd", id="half a character"),
        pytest.param("Città 🦊", "Città 🦊", id="letters and emoji"),
        pytest.param("x" * 129, "x" * 128, id="too long"),
        pytest.param("🦊" * 129, "🦊" * 128, id="too long, in characters, not bytes"),
    ],
)
def test_label_values_are_safe_and_escaped(text: str, shown: str) -> None:
    [line] = lines(trunk_text(row(location=text)), "mihu_trunk_info")
    assert f',location="{shown}",' in line


def test_statuses_pass_through_as_they_come() -> None:
    text = trunk_text(row(status="Port-In pending", compliance={"status": "näher zu prüfen"}))
    assert lines(text, "mihu_trunk_status") == ['mihu_trunk_status{T,status="Port-In pending"} 1']
    assert lines(text, "mihu_trunk_compliance_status") == ['mihu_trunk_compliance_status{T,status="näher zu prüfen"} 1']


class TestIdentity:
    def test_without_uuid_the_number_is_the_identity(self) -> None:
        text = trunk_text(row(0, phone_number_uuid=None), row(1, phone_number_uuid=""))
        assert lines(text, "mihu_trunk_status") == [
            'mihu_trunk_status{workspace="acme",phone_number_uuid="",number="+12084439178",status="active"} 1',
            'mihu_trunk_status{workspace="acme",phone_number_uuid="",number="+12084439179",status="active"} 1',
        ]

    def test_without_number(self) -> None:
        [line] = lines(trunk_text(row(number=None)), "mihu_trunk_status")
        assert ',number="",' in line

    @pytest.mark.parametrize("field", ["phone_number_uuid", "number"])
    def test_one_that_is_too_long_to_be_shown_whole_is_invalid(self, field: str) -> None:
        assert lines(trunk_text(row() | {field: "1" * 129}), "mihu_trunk_info") == []
        assert len(lines(trunk_text(row() | {field: "1" * 128}), "mihu_trunk_info")) == 1

    @pytest.mark.parametrize(
        ("style", "shown"),
        [(NumberStyle.FULL, "+12084439178"), (NumberStyle.MASKED, "+1208*****78"), (NumberStyle.HIDDEN, "")],
    )
    def test_number_styles(self, style: NumberStyle, shown: str) -> None:
        text = trunk_text(row(), metrics=Metrics(number=style))
        identity = f'workspace="acme",phone_number_uuid="9bcb8f00-c0c5-4ee1-9b75-000000000000",number="{shown}"'
        assert text.replace(identity, "T") == HEALTHY

    @pytest.mark.parametrize(("style", "series"), [("full", 1), ("masked", 0), ("hidden", 0)])
    def test_without_uuid_only_the_full_number_can_tell_trunks_apart(self, style: str, series: int) -> None:
        text = exposed([row(phone_number_uuid=None)], workspace(), Metrics(number=NumberStyle(style)))
        assert len(lines(text, "mihu_trunk_info")) == series
        assert lines(text, "mihu_trunks") == ['mihu_trunks{workspace="acme",status="active"} 1']

    @pytest.mark.parametrize(
        ("number", "shown"),
        [
            ("+12084439178", "+1208*****78"),
            ("12084439178", "12084****78"),
            ("+3933312", "+3933*12"),
            ("+393331", "*******"),
            ("112", "***"),
            ("", ""),
        ],
    )
    def test_masks_keep_the_length(self, number: str, shown: str) -> None:
        assert masked(number) == shown
        assert len(masked(number)) == len(number)


class TestBindings:
    def test_no_agent_is_named_where_none_is_known(self) -> None:
        text = trunk_text(row(bindings=bindings(call={"bound": True})))
        assert lines(text, "mihu_trunk_channel_agent_info") == []
        assert lines(text, "mihu_trunk_channel_bound")[0] == 'mihu_trunk_channel_bound{T,channel="call"} 1'

    def test_agent_with_half_a_name(self) -> None:
        text = trunk_text(row(bindings=bindings(call={"agent_uuid": "a"}, sms={"agent_name": "Grace"})))
        assert lines(text, "mihu_trunk_channel_agent_info") == [
            'mihu_trunk_channel_agent_info{T,channel="call",agent_uuid="a",agent_name=""} 1',
            'mihu_trunk_channel_agent_info{T,channel="sms",agent_uuid="",agent_name="Grace"} 1',
        ]

    def test_agents_without_names(self) -> None:
        text = trunk_text(row(), metrics=Metrics(agent_names=False))
        assert lines(text, "mihu_trunk_channel_agent_info") == [
            'mihu_trunk_channel_agent_info{T,channel="call",agent_uuid="agent-ada"} 1'
        ]
        assert "Ada" not in text

    @pytest.mark.parametrize(
        ("changed", "series"),
        [
            pytest.param({"bindings": bindings(call=bound("Ada"))}, {"call": 0}, id="bound"),
            pytest.param({"bindings": bindings()}, {"call": 1}, id="not bound"),
            pytest.param({"bindings": None}, {"call": 1}, id="nothing said of bindings"),
            pytest.param({"bindings": bindings(whatsapp=bound("Ada"))}, {}, id="whatsapp instead"),
            pytest.param(
                {"bindings": bindings(call=bound("Ada"), whatsapp=bound("Ada"))}, {"call": 0}, id="whatsapp beside"
            ),
            pytest.param(
                {"channel_settings": {"voice": {"enabled": False}, "inbound": {"enabled": False}}}, {}, id="no calls"
            ),
            pytest.param(
                {"channel_settings": {"voice": {"enabled": False}, "inbound": {"enabled": None}}},
                {"call": 0},
                id="inbound calls perhaps",
            ),
            pytest.param({"bindings": {"call": {"bound": "yes"}}}, {}, id="unreadable"),
            pytest.param({"bindings": "none"}, {}, id="bindings unreadable"),
        ],
    )
    def test_unbound_where_no_rule_says_what_is_expected(self, changed: dict[str, Any], series: dict[str, int]) -> None:
        shown = of_family(exposed([row(**changed)], workspace()), "mihu_trunk_channel_unbound")
        assert shown == {frozenset({("channel", channel)}): value for channel, value in series.items()}

    def test_unbound_by_a_rule(self) -> None:
        text = trunk_text(row(), expect=(ExpectRule(channels=("whatsapp", "call")),))
        assert sorted(lines(text, "mihu_trunk_channel_unbound")) == [
            'mihu_trunk_channel_unbound{T,channel="call"} 0',
            'mihu_trunk_channel_unbound{T,channel="whatsapp"} 1',
        ]

    @pytest.mark.parametrize(
        ("pattern", "applies"),
        [(r"\+1208\d*", True), (r"\+1208", False), ("1208.*", False)],
        ids=["whole", "start", "rest"],
    )
    def test_a_rule_matches_whole_values(self, pattern: str, applies: bool) -> None:  # noqa: FBT001 - a parameter
        rule = ExpectRule(match=Match(number=(compile_pattern(pattern),)), channels=("sms",))
        shown = of_family(exposed([row()], workspace(expect=(rule,))), "mihu_trunk_channel_unbound")
        assert shown == {frozenset({("channel", "sms" if applies else "call")}): int(applies)}

    @pytest.mark.parametrize(
        "wanted", [Filter(channel="call"), Filter(agent_uuid="agent-ada")], ids=["channel", "agent"]
    )
    def test_a_channel_that_the_list_is_filtered_by_is_not_judged(self, wanted: Filter) -> None:
        assert lines(trunk_text(row(), filter=wanted), "mihu_trunk_channel_unbound") == []

    def test_rows_of_one_trunk_are_one_trunk(self) -> None:
        older = row(bindings=bindings(call=bound("Ada")), updated_at="2023-01-01T00:00:00Z", location="Boise")
        newer = row(bindings=bindings(whatsapp=bound("Eve")), updated_at="2024-01-01T00:00:00Z", location="Sassari")
        text = trunk_text(older, newer)
        assert lines(text, "mihu_trunk_channel_bound") == [
            'mihu_trunk_channel_bound{T,channel="call"} 1',
            'mihu_trunk_channel_bound{T,channel="sms"} 0',
            'mihu_trunk_channel_bound{T,channel="whatsapp"} 1',
        ]
        assert lines(text, "mihu_trunk_channel_agent_info") == [
            'mihu_trunk_channel_agent_info{T,channel="call",agent_uuid="agent-ada",agent_name="Ada"} 1',
            'mihu_trunk_channel_agent_info{T,channel="whatsapp",agent_uuid="agent-eve",agent_name="Eve"} 1',
        ]
        [info] = lines(text, "mihu_trunk_info")
        assert 'location="Sassari"' in info

    def test_a_fault_on_one_row_is_not_hidden_by_another(self) -> None:
        older = row(status="suspended", compliance={"status": "rejected"}, updated_at="2023-01-01T00:00:00Z")
        text = trunk_text(row(bindings=bindings(sms=unbound())), older)
        assert lines(text, "mihu_trunk_status") == ['mihu_trunk_status{T,status="suspended"} 1']
        assert lines(text, "mihu_trunk_compliance_status") == ['mihu_trunk_compliance_status{T,status="rejected"} 1']


class TestWhitelist:
    def test_what_comes_in_has_no_destination(self) -> None:
        text = trunk_text(row(channel_settings={"inbound": {"whitelisted_destinations": ["US"]}}))
        assert lines(text, "mihu_trunk_service_whitelisted_destinations") == []

    def test_none_allowed_is_zero(self) -> None:
        text = trunk_text(row(channel_settings={"voice": {"whitelisted_destinations": []}}))
        assert lines(text, "mihu_trunk_service_whitelisted_destinations") == [
            'mihu_trunk_service_whitelisted_destinations{T,service="voice"} 0'
        ]


class TestFewerFamilies:
    def test_no_details(self) -> None:
        assert trunk_text(row(), metrics=Metrics(trunk_details=False)) == ""

    def test_denied_by_whole_name(self) -> None:
        denied = (
            compile_pattern("mihu_trunk_(info|status)"),
            compile_pattern("mihu_trunk_compliance"),
            compile_pattern(".*fee"),
        )
        text = trunk_text(row(), metrics=Metrics(deny=denied))
        left = re.findall("^# TYPE (mihu_trunk_[a-z_]*)", text, re.MULTILINE)
        gone = {"mihu_trunk_info", "mihu_trunk_status", "mihu_trunk_monthly_fee"}
        assert left == [family.name for family in TRUNK_FAMILIES if family.name not in gone]

    def test_agents_denied_with_and_without_their_names(self) -> None:
        deny = (compile_pattern("mihu_trunk_channel_agent_info"),)
        for agent_names in (True, False):
            assert "agent_info" not in trunk_text(row(), metrics=Metrics(deny=deny, agent_names=agent_names))
