"""In which words a trunk is said to be out of service; tests/metrics holds whether it is against the oracle."""

from typing import Any

import pytest
from support.exposed import workspace
from support.trunks import bindings, bound, trunk

from exporter.config.settings import Channel, ExpectRule
from exporter.trunks.out_of_service import Concern, Judge, Judged, remark
from exporter.trunks.trunk import CHANNELS

UNREADABLE = {"bound": "maybe"}
CALL = bindings(call=bound("Ada"))
SMS = bindings(sms=bound("Ada"))


def service(*, enabled: object = True, limit: object = 10) -> dict[str, object]:
    return {"enabled": enabled, "channel_limit": limit}


OFF, CLOSED = service(enabled=False), service(limit=0)


def judged(*expected: Channel, elsewhere: int = 0, **changed: Any) -> Judged:  # noqa: ANN401 - any field may be anything
    """Judge a trunk on which channels are expected, and whose number is bound on others elsewhere, as bits."""
    judge = Judge(workspace(expect=(ExpectRule(channels=expected),)))
    return judge.judge(trunk(**changed), elsewhere, 0.0, None)


def words(*expected: Channel, **given: Any) -> list[str]:  # noqa: ANN401 - as above
    one = judged(*expected, **given)
    return [remark(concern, one) for concern in one.concerns]


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
