"""Whether a trunk is out of service, for which reasons, and in which words.

Unbound, and in use or not, are held against the oracle in tests/metrics for any fleet.
"""

from typing import Any

import pytest
from support.exposed import workspace
from support.trunks import bindings, bound, trunk

from exporter.config.settings import Channel, ExpectRule, Statuses, status_patterns
from exporter.trunks.out_of_service import Concern, Judge, Judged, remark
from exporter.trunks.trunk import CHANNELS

UNREADABLE = {"bound": "maybe"}
CALL = bindings(call=bound("Ada"))
SMS = bindings(sms=bound("Ada"))


def service(*, enabled: object = True, limit: object = 10) -> dict[str, object]:
    return {"enabled": enabled, "channel_limit": limit}


OFF, CLOSED, SILENT = service(enabled=False), service(limit=0), service(enabled=None)


def judged(
    *expected: Channel,
    elsewhere: int = 0,
    statuses: Statuses | None = None,
    **changed: Any,  # noqa: ANN401 - any field may be anything
) -> Judged:
    """Judge a trunk on which channels are expected, and whose number is bound on others elsewhere, as bits."""
    judge = Judge(workspace(expect=(ExpectRule(channels=expected),), statuses=statuses or Statuses()))
    return judge.judge(trunk(**changed), elsewhere, 0.0, None)


def reasons(*expected: Channel, **given: Any) -> dict[str, bool]:  # noqa: ANN401 - as above
    """Return the reasons that can be told."""
    return {reason.value: applies for reason, applies in judged(*expected, **given).reasons}


def words(*expected: Channel, **given: Any) -> list[str]:  # noqa: ANN401 - as above
    one = judged(*expected, **given)
    return [remark(concern, one) for concern in one.concerns]


@pytest.mark.parametrize(
    ("status", "not_active"),
    [
        ("active", False),
        ("Active", False),
        ("in_use", False),
        ("suspended", True),
        ("active until May", True),
        ("unknown", True),
        ("pending", False),
        ("Porting in", False),
        ("under review", False),
        ("", None),
        (None, None),
    ],
)
def test_not_active(status: object, not_active: bool | None) -> None:  # noqa: FBT001 - parametrised
    assert reasons("call", status=status).get("not_active") is not_active


def test_what_is_active_and_pending_is_as_configured() -> None:
    statuses = Statuses(active=status_patterns("live"), pending=status_patterns("wip.*"))
    shown = {
        status: reasons("call", status=status, statuses=statuses)["not_active"]
        for status in ("LIVE", "WIP 2", "active")
    }
    assert shown == {"LIVE": False, "WIP 2": False, "active": True}


@pytest.mark.parametrize(
    ("channels", "settings", "blocked"),
    [
        # call is carried by voice and inbound
        pytest.param(CALL, {"voice": service(), "inbound": service()}, False, id="both enabled"),
        pytest.param(CALL, {"voice": OFF, "inbound": OFF}, True, id="both disabled"),
        pytest.param(CALL, {"voice": service(), "inbound": OFF}, False, id="one disabled"),
        pytest.param(CALL, {"voice": service(), "inbound": CLOSED}, True, id="one enabled with a limit of 0"),
        pytest.param(CALL, {"voice": service(), "inbound": service(enabled=False, limit=0)}, False, id="0, disabled"),
        pytest.param(CALL, {"voice": service(limit=None), "inbound": OFF}, False, id="a limit that is null is not 0"),
        pytest.param(CALL, {"voice": service(), "inbound": SILENT}, False, id="one enabled, one unknown"),
        pytest.param(CALL, {"voice": OFF, "inbound": SILENT}, None, id="one disabled, one unknown"),
        pytest.param(CALL, {"voice": CLOSED, "inbound": SILENT}, True, id="one with a limit of 0, one unknown"),
        pytest.param(CALL, {"voice": None}, None, id="nothing said"),
        pytest.param(CALL, [], None, id="empty, as PHP sends it"),
        # sms by sms
        pytest.param(SMS, {"sms": service(), "voice": OFF, "inbound": OFF}, False, id="sms enabled"),
        pytest.param(SMS, {"sms": OFF, "voice": service()}, True, id="sms disabled"),
        pytest.param(CALL, {"voice": service(), "inbound": service(), "sms": OFF}, False, id="what is not bound"),
        pytest.param(
            CALL | {"sms": bound("Ada")}, {"voice": service(), "inbound": service(), "sms": OFF}, True, id="sms of both"
        ),
        pytest.param(CALL | {"sms": bound("Ada")}, {"sms": OFF}, True, id="sms for sure, call perhaps"),
        pytest.param(CALL | {"sms": bound("Ada")}, {"voice": service()}, None, id="call not, sms perhaps"),
        # whatsapp by none
        pytest.param(bindings(whatsapp=bound("Ada")), {"voice": OFF, "inbound": OFF, "sms": OFF}, False, id="whatsapp"),
        pytest.param(bindings(), {"voice": OFF, "inbound": OFF, "sms": OFF}, False, id="bound nowhere"),
        pytest.param({"call": UNREADABLE}, {"voice": CLOSED}, None, id="unreadable, and a limit of 0"),
        pytest.param({"call": UNREADABLE}, {"voice": service()}, False, id="unreadable, and enabled"),
    ],
)
def test_blocked(channels: object, settings: object, blocked: bool | None) -> None:  # noqa: FBT001 - parametrised
    assert reasons("whatsapp", bindings=channels, channel_settings=settings).get("blocked") is blocked


def test_while_it_is_set_up_a_trunk_is_out_of_service_for_no_reason() -> None:
    worst: dict[str, Any] = {"bindings": SMS, "channel_settings": {"sms": OFF}}
    unclear: dict[str, Any] = {"bindings": {"call": UNREADABLE}, "channel_settings": {}}
    assert reasons("call", status="suspended", **worst) == {"unbound": True, "not_active": True, "blocked": True}
    assert reasons("call", status="porting", **worst) == {"unbound": False, "not_active": False, "blocked": False}
    assert reasons("call", status="porting", **unclear) == {"not_active": False}


class TestWords:
    @pytest.mark.parametrize(
        ("expected", "elsewhere", "changed", "said"),
        [
            (("call",), 0, {}, []),
            (("call",), 0, {"bindings": bindings()}, ["no agent on call"]),
            (("call", "sms"), 0, {"bindings": bindings()}, ["no agent on call and sms"]),
            (CHANNELS, 0, {"bindings": bindings()}, ["no agent on call, sms and whatsapp"]),
            (("call", "sms"), 1, {"bindings": bindings()}, ["no agent on sms"]),
            (("call",), 1, {"bindings": bindings()}, []),
            (("call", "sms"), 0, {"bindings": CALL}, ["no agent on sms"]),
            (("call", "sms"), 0, {"bindings": bindings(call=UNREADABLE)}, ["no agent on sms"]),
            (("call",), 0, {"status": "suspended"}, ["status suspended"]),
            (("call",), 0, {"status": "pending"}, []),
            (("call",), 0, {"channel_settings": {"voice": CLOSED}}, ["channel limit 0 for voice"]),
            (
                ("call",),
                0,
                {"channel_settings": {"voice": CLOSED, "inbound": CLOSED, "sms": CLOSED}},
                ["channel limit 0 for voice and inbound"],
            ),
            (
                ("call",),
                0,
                {"channel_settings": {"voice": OFF, "inbound": OFF, "sms": OFF}},
                ["voice and inbound disabled"],
            ),
        ],
        ids=str,
    )
    def test_of_each_reason(
        self, expected: tuple[Channel, ...], elsewhere: int, changed: dict[str, Any], said: list[str]
    ) -> None:
        assert words(*expected, elsewhere=elsewhere, **changed) == said

    @pytest.mark.parametrize(
        ("compliance", "said"),
        [
            ({"status": "completed", "requirements": [1]}, []),
            ({"status": "not required"}, ["compliance not required"]),
            ({"status": "not_required"}, []),
            ({"status": "pending", "requirements": []}, ["compliance pending"]),
            ({"status": "pending", "requirements": [1]}, ["compliance pending, 1 requirement"]),
            ({"status": "failed", "requirements": [1, 2]}, ["compliance failed, 2 requirements"]),
            ({"status": None, "requirements": [1]}, []),
        ],
    )
    def test_a_compliance_that_is_open(self, compliance: object, said: list[str]) -> None:
        assert words("call", compliance=compliance) == said

    def test_the_most_urgent_comes_first(self) -> None:
        worst = judged(
            "call",
            status="suspended",
            bindings=SMS,
            compliance={"status": "pending"},
            channel_settings={"sms": OFF},
        )
        assert worst.outage
        assert {concern: remark(concern, worst) for concern in worst.concerns} == {
            Concern.UNBOUND: "no agent on call",
            Concern.NOT_ACTIVE: "status suspended",
            Concern.BLOCKED: "sms disabled",
            Concern.COMPLIANCE: "compliance pending",
        }
        assert worst.concerns == tuple(Concern)

    def test_compliance_alone_puts_no_trunk_out_of_service(self) -> None:
        one = judged("call", compliance={"status": "rejected"})
        assert not one.outage
        assert one.concerns == (Concern.COMPLIANCE,)
