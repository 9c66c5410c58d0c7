"""Rows and pages in the API's documented shape, for tests that say what is different about theirs."""

import json
from collections.abc import Sequence
from typing import Any

from exporter.trunks.items import read_trunk
from exporter.trunks.trunk import Trunk

Row = dict[str, Any]


def row(index: int = 0, **changed: Any) -> Row:  # noqa: ANN401 - any field may be anything
    """Return a healthy trunk, bound on call; each index gives another uuid and number."""
    capabilities = {"voice": True, "sms": True, "mms": False, "fax": None, "emergency": None, "local_calling": True}
    return {
        "phone_number_uuid": f"9bcb8f00-c0c5-4ee1-9b75-{index:012d}",
        "number": f"+1208{4439178 + index}",
        "country_code": "US",
        "location": "Boise, Idaho",
        "type": "local",
        "is_external": True,
        "source": "external",
        "status": "active",
        "compliance": {"status": "completed", "requirements": []},
        "capabilities": capabilities,
        "channel_settings": {
            "voice": {"enabled": True, "channel_limit": 10, "whitelisted_destinations": ["US", "CA"]},
            "sms": {"enabled": False, "channel_limit": 1, "whitelisted_destinations": ["US"]},
            "inbound": {"enabled": True, "channel_limit": 20},
        },
        "billing": {"monthly_fee": 1.5, "currency": "EUR"},
        "bindings": bindings(call=bound("Ada")),
        "purchased_at": "2023-11-07T05:31:56Z",
        "updated_at": "2023-11-08T05:31:56Z",
    } | changed


def rows(count: int) -> list[Any]:
    return [row(index) for index in range(count)]


def trunk(**changed: Any) -> Trunk:  # noqa: ANN401 - any field may be anything
    made = read_trunk(json.dumps(row(**changed)).encode())
    assert made
    return made


def bound(agent: str) -> dict[str, Any]:
    return {"bound": True, "agent_uuid": f"agent-{agent.lower()}", "agent_name": agent}


def unbound() -> dict[str, Any]:
    return {"bound": False, "agent_uuid": None, "agent_name": None}


def bindings(**channels: dict[str, Any]) -> dict[str, Any]:
    """Return bindings that are bound only where given."""
    return {"call": unbound(), "sms": unbound(), "whatsapp": unbound()} | channels


def page(rows: Sequence[object], number: int = 1, *, total: int, per_page: int = 25, **changed: object) -> bytes:
    """Return the body of a page as the API documents it; ``changed`` replaces fields of the pagination."""
    before, last = (number - 1) * per_page, max(1, -(-total // per_page))
    pagination: Row = {"current_page": number, "per_page": per_page, "total": total, "last_page": last}
    pagination |= {"from": before + 1, "to": before + len(rows), "has_more": number < last, **changed}
    return json.dumps({"success": True, "data": {"items": list(rows), "pagination": pagination}}).encode()
