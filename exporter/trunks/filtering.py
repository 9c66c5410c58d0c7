"""Checks that the API filtered as asked: it may ignore a parameter that it does not know."""

from exporter.config.settings import Filter
from exporter.trunks.rows import digits
from exporter.trunks.trunk import CHANNELS, Trunk


def violation(trunk: Trunk, wanted: Filter) -> str | None:
    """Return how a trunk contradicts the filter, or None.

    Only what a row states counts against it; what it leaves out may still obey.
    """
    if wanted.channel is not None and _is_elsewhere(trunk, wanted.channel):
        return f"filter.channel is {wanted.channel}, but a row is not bound on it"
    if wanted.agent_uuid is not None and _is_served_by_others(trunk, wanted.agent_uuid):
        return f"filter.agent_uuid is {wanted.agent_uuid}, but a row names other agents only"
    if wanted.search is not None and trunk.number and digits(wanted.search) not in digits(trunk.number):
        return f"filter.search is {wanted.search}, but a row's number does not contain it"
    return None


def _is_elsewhere(trunk: Trunk, channel: str) -> bool:
    stated = any(isinstance(binding.bound, bool) for binding in trunk.bindings)
    return stated and trunk.bindings[CHANNELS.index(channel)].bound in {None, False}


def _is_served_by_others(trunk: Trunk, agent_uuid: str) -> bool:
    agents = {binding.agent_uuid.lower() for binding in trunk.bindings if binding.agent_uuid}
    return bool(agents) and agent_uuid.lower() not in agents
