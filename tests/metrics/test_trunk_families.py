"""One trunk in, its series out."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from support.exposed import exposed, workspace
from support.oracle import POLLED_AT
from support.samples import samples
from support.trunks import bindings, bound, row, unbound

from exporter.config.settings import Metrics, NumberStyle
from exporter.config.values import compile_pattern
from exporter.metrics.render import masked
from exporter.metrics.trunk_families import IDENTITY, TRUNK_FAMILIES

T = 'workspace="acme",phone_number_uuid="9bcb8f00-c0c5-4ee1-9b75-000000000000",number="+12084439178"'


def trunk_text(*rows: object, metrics: Metrics | None = None, **settings: Any) -> str:  # noqa: ANN401 - of a workspace
    """Return the per-trunk families of some rows, each trunk's identity as T."""
    text = exposed(rows, workspace(**settings), metrics)
    families = text[text.find("# HELP mihu_trunk_") :] if "# HELP mihu_trunk_" in text else ""
    return families.replace(T, "T")


def lines(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"{name}{{")]


def series(name: str, changed: Mapping[str, Any], **settings: Any) -> dict[str, float]:  # noqa: ANN401 - of a workspace
    """Return a family's series of a trunk, by the values of its own labels; another trunk of the list is well."""
    shown = samples(exposed([row(**changed), row(1)], workspace(**settings)))
    (own,) = (family.labels[len(IDENTITY) :] for family in TRUNK_FAMILIES if family.name == name)
    return {
        ", ".join(dict(labels)[label] for label in own): value
        for (found, labels), value in shown.items()
        if found == name and ("number", row()["number"]) in labels
    }


def test_the_same_trunks_are_the_same_text_in_whatever_order_they_are_listed() -> None:
    rows = [row(index) for index in range(150)]
    text = exposed(rows, workspace())
    assert exposed(rows[::-1], workspace(), page_count=3) == text
    headers = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(headers) == len(set(headers))


def service(name: str, **fields: object) -> dict[str, Any]:
    return {"channel_settings": {name: fields}}


NO_CALLS = {"voice": {"enabled": False}, "inbound": {"enabled": False}}
PERHAPS_CALLS = {"voice": {"enabled": False}, "inbound": {"enabled": None}}

# What is different about a trunk, and the series that a family has of it.
SPECIFIED: Mapping[str, Sequence[tuple[dict[str, Any], dict[str, float]]]] = {
    "mihu_trunk_info": [
        ({"location": "Città عمّان 👩\u200d💻"}, {"US, Città عمّان 👩\u200d💻, local, external, true": 1}),
        ({"location": "no\u00a0break", "source": "purchased"}, {"US, no\u00a0break, local, purchased, true": 1}),
        ({"is_external": False, "type": "mobile"}, {"US, Boise, Idaho, mobile, external, false": 1}),
        (dict.fromkeys(["country_code", "location", "type", "source", "is_external"]), {", , , , ": 1}),
    ],
    "mihu_trunk_status": [
        ({"status": "Port-In pending"}, {"Port-In pending": 1}),
        ({"status": ""}, {}),
        ({"status": None}, {}),
    ],
    "mihu_trunk_compliance_status": [
        ({"compliance": {"status": "näher zu prüfen"}}, {"näher zu prüfen": 1}),
        ({"compliance": {"status": None}}, {}),
        ({"compliance": []}, {}),
    ],
    "mihu_trunk_compliance_requirements": [
        ({"compliance": {"requirements": [{}, None, "anything"]}}, {"": 3}),
        ({"compliance": {"requirements": []}}, {"": 0}),
        ({"compliance": {"requirements": None}}, {}),
    ],
    "mihu_trunk_out_of_service": [
        ({}, {"unbound": 0, "not_active": 0, "blocked": 0}),
        ({"status": "suspended"}, {"unbound": 0, "not_active": 1, "blocked": 0}),
        ({"status": None}, {"unbound": 0, "blocked": 0}),
        ({"bindings": bindings()}, {"unbound": 1, "not_active": 0, "blocked": 0}),
        ({"bindings": {"call": {"bound": "?"}}}, {"not_active": 0, "blocked": 0}),
        ({"channel_settings": {"voice": {"enabled": False}}}, {"unbound": 0, "not_active": 0}),
        (service("inbound", enabled=True, channel_limit=0), {"unbound": 0, "not_active": 0, "blocked": 1}),
        ({"status": "Porting in", "bindings": bindings()}, {"unbound": 0, "not_active": 0, "blocked": 0}),
        ({"bindings": bindings(), "channel_settings": NO_CALLS}, {}),
    ],
    "mihu_trunk_capability": [
        ({"capabilities": {"voice": True, "sms": False, "mms": None}}, {"voice": 1, "sms": 0}),
        ({"capabilities": None}, {}),
    ],
    "mihu_trunk_channel_bound": [
        ({"bindings": {"call": bound("Ada"), "sms": unbound()}}, {"call": 1, "sms": 0}),
        ({"bindings": {"call": {"bound": None}, "sms": {"bound": "yes"}, "whatsapp": {}}}, {}),
    ],
    "mihu_trunk_channel_unbound": [
        ({"bindings": bindings(call=bound("Ada"))}, {"call": 0}),
        ({"bindings": bindings()}, {"call": 1}),
        ({"bindings": None}, {"call": 1}),
        ({"bindings": bindings(whatsapp=bound("Ada"))}, {}),
        ({"bindings": bindings(call=bound("Ada"), whatsapp=bound("Ada"))}, {"call": 0}),
        ({"channel_settings": NO_CALLS}, {}),
        ({"channel_settings": PERHAPS_CALLS}, {"call": 0}),
        ({"bindings": {"call": {"bound": "yes"}}}, {}),
        ({"bindings": "none"}, {}),
    ],
    "mihu_trunk_channel_agent_info": [
        ({"bindings": bindings(call={"bound": True})}, {}),
        (
            {"bindings": bindings(call={"agent_uuid": "a"}, sms={"agent_name": "Grace"})},
            {"call, a, ": 1, "sms, , Grace": 1},
        ),
    ],
    "mihu_trunk_service_enabled": [
        ({"channel_settings": {"voice": {"enabled": True}, "sms": {"enabled": False}}}, {"voice": 1, "sms": 0}),
        ({"channel_settings": []}, {}),
    ],
    "mihu_trunk_service_channel_limit": [
        (service("inbound", enabled=False, channel_limit=0), {"inbound": 0}),
        (service("inbound", enabled=True, channel_limit=2.5), {"inbound": 2.5}),
        (service("inbound", enabled=True, channel_limit=None), {}),
    ],
    "mihu_trunk_service_whitelisted_destinations": [
        (service("voice", whitelisted_destinations=["US", "IT"]), {"voice": 2}),
        (service("sms", whitelisted_destinations=[]), {"sms": 0}),
        (service("inbound", whitelisted_destinations=["US"]), {}),
    ],
    "mihu_trunk_monthly_fee": [
        ({"billing": {"monthly_fee": 0.1, "currency": None}}, {"unknown": 0.1}),
        ({"billing": {"monthly_fee": 0, "currency": "USD"}}, {"USD": 0}),
        ({"billing": {"currency": "EUR"}}, {}),
    ],
    "mihu_trunk_out_of_service_timestamp_seconds": [
        ({"status": "suspended"}, {"": POLLED_AT}),
        ({}, {}),
    ],
    "mihu_trunk_outage_timestamp_seconds": [
        ({"status": "suspended", "bindings": bindings()}, {"not_active, unknown": POLLED_AT}),
        (
            {"status": "suspended", **service("voice", enabled=True, channel_limit=0)},
            {"not_active, unknown": POLLED_AT},
        ),
        ({"bindings": bindings()}, {"unbound, unknown": POLLED_AT}),
        (service("voice", enabled=True, channel_limit=0), {"blocked, unknown": POLLED_AT}),
        ({}, {}),
    ],
    "mihu_trunk_waiting": [
        ({"status": "Porting in progress"}, {"pending, Porting in progress": 1}),
        ({"compliance": {"status": "in review"}}, {"incomplete, in review": 1}),
        (
            {"status": "pending", "compliance": {"status": "Rejected"}},
            {"pending, pending": 1, "rejected, Rejected": 1},
        ),
        ({"status": "suspended", "compliance": {"status": "not_required"}}, {}),
        ({"status": "pending", "bindings": bindings(), "channel_settings": NO_CALLS}, {}),
        ({"status": None, "compliance": None}, {}),
    ],
    "mihu_trunk_purchased_timestamp_seconds": [
        ({"purchased_at": "2023-11-07T05:31:56Z"}, {"": 1699335116}),
        ({"purchased_at": None}, {}),
    ],
    "mihu_trunk_updated_timestamp_seconds": [
        ({"updated_at": "2023-11-07T06:31:56.25+01:00"}, {"": 1699335116.25}),
        ({"updated_at": None}, {}),
    ],
}


def test_every_family_is_specified() -> None:
    assert {family.name for family in TRUNK_FAMILIES} == SPECIFIED.keys()


@pytest.mark.parametrize(
    ("name", "changed", "shown"),
    [
        pytest.param(name, changed, shown, id=f"{name}-{index}")
        for name, cases in SPECIFIED.items()
        for index, (changed, shown) in enumerate(cases)
    ],
)
def test_a_family(name: str, changed: dict[str, Any], shown: dict[str, float]) -> None:
    assert series(name, changed) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param('the "best"', r"the \"best\"", id="quotes"),
        pytest.param("back\\slash", r"back\\slash", id="backslash"),
        pytest.param("two\nlines", "two\ufffdlines", id="newline"),
        pytest.param("bell\x07 delete\x7f next\x85", "bell\ufffd delete\ufffd next\ufffd", id="control characters"),
        pytest.param("left\u202eright\u2066", "left\ufffdright\ufffd", id="directional overrides"),
        pytest.param("\ud800", "\ufffd", id="half a character"),
        pytest.param("x" * 129, "x" * 128, id="too long"),
        pytest.param("🦊" * 129, "🦊" * 128, id="too long, in characters, not bytes"),
    ],
)
def test_label_values_are_safe_and_escaped(text: str, shown: str) -> None:
    [line] = lines(trunk_text(row(location=text)), "mihu_trunk_info")
    assert f',locality="{shown}",' in line


class TestIdentity:
    def test_without_uuid_the_number_is_the_identity(self) -> None:
        text = trunk_text(row(0, phone_number_uuid=None), row(1, phone_number_uuid=""))
        assert sorted(lines(text, "mihu_trunk_status")) == [
            'mihu_trunk_status{workspace="acme",phone_number_uuid="",number="+12084439178",status="active"} 1',
            'mihu_trunk_status{workspace="acme",phone_number_uuid="",number="+12084439179",status="active"} 1',
        ]

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


def test_families_are_denied_by_their_whole_names() -> None:
    denied = (
        compile_pattern("mihu_trunk_(info|status)"),
        compile_pattern("mihu_trunk_compliance"),
        compile_pattern(".*fee"),
    )
    text = trunk_text(row(), metrics=Metrics(deny=denied))
    left = re.findall("^# TYPE (mihu_trunk_[a-z_]*)", text, re.MULTILINE)
    gone = {"mihu_trunk_info", "mihu_trunk_status", "mihu_trunk_monthly_fee"}
    assert left == [family.name for family in TRUNK_FAMILIES if family.name not in gone]
