"""One trunk in the JSON shape of the vendor's documentation, and the parts of it that change."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Trunk = dict[str, Any]
"""One trunk as the API shows it. Treated as immutable once made: a change makes a new one."""

CHANNELS = ("call", "sms", "whatsapp")
"""The keys of ``bindings``."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Who answers on a channel."""

    uuid: str
    name: str


def binding(agent: Agent | None) -> Trunk:
    """Return one value of ``bindings``: bound to this agent, or not bound."""
    if agent is None:
        return {"bound": False, "agent_uuid": None, "agent_name": None}
    return {"bound": True, "agent_uuid": agent.uuid, "agent_name": agent.name}


def bound_channels(trunk: Trunk) -> tuple[str, ...]:
    """Return the channels a trunk is bound on, in the order of ``CHANNELS``."""
    return tuple(channel for channel in CHANNELS if trunk["bindings"][channel]["bound"])


def timestamp(seconds: float) -> str:
    """Return a Unix time as Laravel serialises one: UTC, microseconds, a Z."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
