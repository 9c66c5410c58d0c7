"""In which words a trunk is said to be out of service; tests/metrics holds whether it is against the oracle."""

from typing import Any

import pytest
from support.exposed import workspace
from support.trunks import bindings, bound, trunk

from exporter.config.settings import Channel, ExpectRule
from exporter.trunks.out_of_service import REASONS, Concern, Judge, Judged, remark

NOWHERE = {"bindings": bindings()}
OFF, CLOSED = ({"enabled": enabled, "channel_limit": limit} for enabled, limit in ((False, 10), (True, 0)))


def services(**settings: dict[str, Any]) -> dict[str, Any]:
    return {"channel_settings": settings}


def judged(*expected: Channel, elsewhere: int = 0, **changed: Any) -> Judged:  # noqa: ANN401 - any field may be anything
    """Judge a trunk on which channels are expected, and whose number is bound on others elsewhere, as bits."""
    judge = Judge(workspace(expect=(ExpectRule(channels=expected),)))
    return judge.judge(trunk(**changed), elsewhere, 0.0, None, None)


def words(one: Judged) -> list[str]:
    return [remark(concern, one) for concern in one.concerns]


@pytest.mark.parametrize(
    ("expected", "changed", "said"),
    [
        ("call", {}, []),
        ("call", NOWHERE, ["no agent on call"]),
        ("call sms", NOWHERE, ["no agent on call and sms"]),
        ("call sms whatsapp", NOWHERE, ["no agent on call, sms and whatsapp"]),
        ("call sms", {**NOWHERE, "elsewhere": 1}, ["no agent on sms"]),
        ("call", {**NOWHERE, "elsewhere": 1}, []),
        ("call sms", {"bindings": bindings(call={"bound": "maybe"})}, ["no agent on sms"]),
        ("call", {"status": "suspended"}, ["status suspended"]),
        ("call", {"status": "pending"}, []),
        ("call", services(voice=CLOSED), ["channel limit 0 for voice"]),
        ("call", services(voice=CLOSED, inbound=CLOSED, sms=CLOSED), ["channel limit 0 for voice and inbound"]),
        ("call", services(voice=OFF, inbound=OFF, sms=OFF), ["voice and inbound disabled"]),
        ("call", {"compliance": {"status": "completed", "requirements": [1]}}, []),
        ("call", {"compliance": {"status": "not required"}}, ["compliance not required"]),
        ("call", {"compliance": {"status": "not_required"}}, []),
        ("call", {"compliance": {"status": "pending", "requirements": [1]}}, ["compliance pending, 1 requirement"]),
        ("call", {"compliance": {"status": "failed", "requirements": [1, 2]}}, ["compliance failed, 2 requirements"]),
        ("call", {"compliance": {"status": None, "requirements": [1]}}, []),
    ],
    ids=str,
)
def test_the_words(expected: str, changed: dict[str, Any], said: list[str]) -> None:
    one = judged(*expected.split(), **changed)  # type: ignore[arg-type]  # channels
    assert words(one) == said
    assert bool(one.outage) is (said != [] and not said[0].startswith("compliance"))


def test_the_most_urgent_comes_first() -> None:
    on_sms = bindings(sms=bound("Ada"))
    worst = judged("call", status="suspended", bindings=on_sms, compliance={"status": "pending"}, **services(sms=OFF))
    assert worst.concerns == (*REASONS, Concern.COMPLIANCE)
    assert words(worst) == ["no agent on call", "status suspended", "sms disabled", "compliance pending"]
