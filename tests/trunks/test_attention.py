"""Why a trunk needs attention."""

from typing import Any

import pytest
from support.trunks import bindings, bound, row, trunk, unbound

from exporter.trunks.attention import Concern, Reason, reasons


def words(*expected: str, **changed: Any) -> list[str]:  # noqa: ANN401 - any field may be anything
    return [reason.words for reason in reasons(trunk(**changed), expected)]


def service(limit: object, *, enabled: object = True) -> dict[str, object]:
    return {"enabled": enabled, "channel_limit": limit}


def test_a_healthy_trunk_needs_none() -> None:
    assert words("call") == []


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ((), []),
        (("call",), ["no agent on call"]),
        (("call", "sms"), ["no agent on call and sms"]),
        (("call", "sms", "whatsapp"), ["no agent on call, sms and whatsapp"]),
    ],
)
def test_channels_that_are_expected_and_not_bound(expected: tuple[str, ...], said: list[str]) -> None:
    assert words(*expected, bindings=bindings()) == said


def test_only_channels_that_are_not_bound_are_named() -> None:
    assert words("call", "sms", bindings=bindings(call=bound("Ada"))) == ["no agent on sms"]
    assert words("call", "sms", bindings=bindings(call=unbound() | {"bound": "maybe"})) == ["no agent on sms"]


@pytest.mark.parametrize(
    ("status", "said"),
    [("active", []), ("suspended", ["status suspended"]), (None, ["status unknown"]), ("", ["status unknown"])],
)
def test_a_status_other_than_active(status: str | None, said: list[str]) -> None:
    assert words("call", status=status) == said


@pytest.mark.parametrize(
    ("compliance", "said"),
    [
        ({"status": "completed", "requirements": [1]}, []),
        ({"status": "pending", "requirements": None}, ["compliance pending"]),
        ({"status": "pending", "requirements": []}, ["compliance pending"]),
        ({"status": "pending", "requirements": [1]}, ["compliance pending, 1 requirement"]),
        ({"status": "failed", "requirements": [1, 2]}, ["compliance failed, 2 requirements"]),
        ({"status": None, "requirements": [1]}, []),
        (None, []),
    ],
)
def test_a_compliance_other_than_completed(compliance: object, said: list[str]) -> None:
    assert words("call", compliance=compliance) == said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"voice": service(0)}, ["channel limit 0 for voice"]),
        (
            {"voice": service(0), "inbound": service(0), "sms": service(0)},
            ["channel limit 0 for voice, inbound and sms"],
        ),
        ({"voice": service(0, enabled=False), "inbound": service(1)}, []),
        ({"voice": service(0, enabled=None), "inbound": service(None)}, []),
    ],
)
def test_a_limit_of_0_on_an_enabled_service(settings: object, said: list[str]) -> None:
    assert words("call", channel_settings=settings) == said


def test_the_most_urgent_comes_first() -> None:
    worst = row(
        status="suspended",
        bindings=bindings(),
        compliance={"status": "pending"},
        channel_settings={"inbound": service(0)},
    )
    assert reasons(trunk(**worst), ("call",)) == (
        Reason(Concern.UNBOUND, "no agent on call"),
        Reason(Concern.STATUS, "status suspended"),
        Reason(Concern.LIMIT, "channel limit 0 for inbound"),
        Reason(Concern.COMPLIANCE, "compliance pending"),
    )
    assert [reason.concern for reason in reasons(trunk(**worst), ("call",))] == list(Concern)
