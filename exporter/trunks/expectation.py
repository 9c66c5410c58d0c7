"""Decides on which channels a trunk ought to be bound, by the rules of the configuration."""

import re
from collections.abc import Sequence

from exporter.config.settings import Channel, ExpectRule, Filter, Match
from exporter.trunks.trunk import CHANNELS, Trunk

_AUTOMATIC: tuple[Channel, ...] = ("call",)


class Expectation:
    """The rules of one workspace.

    A channel that the API filters the list by is never judged: a trunk that loses that binding leaves the
    list instead of showing as unbound. Under a filter by agent that holds for every channel.
    """

    def __init__(self, rules: Sequence[ExpectRule], wanted: Filter) -> None:
        self._rules = _in_force(rules)
        judged = set() if wanted.agent_uuid else set(CHANNELS) - {wanted.channel}
        possible = {
            channel for rule in self._rules for channel in (_AUTOMATIC if rule.channels is None else rule.channels)
        }
        # Those that any trunk can be expected on.
        self.channels = tuple(channel for channel in CHANNELS if channel in possible & judged)

    def of(self, trunk: Trunk) -> tuple[str, ...]:
        """Return the channels on which a trunk is expected to be bound."""
        rule = next(rule for rule in self._rules if _matches(rule.match, trunk))
        expected = _automatic(trunk) if rule.channels is None else rule.channels
        return tuple(channel for channel in expected if channel in self.channels)


def _in_force(rules: Sequence[ExpectRule]) -> tuple[ExpectRule, ...]:
    """Return the rules up to the first that matches everything; without one, ``auto`` is the last."""
    in_force = []
    for rule in rules:
        in_force.append(rule)
        if rule.match == Match():
            return tuple(in_force)
    return (*in_force, ExpectRule())


def _automatic(trunk: Trunk) -> tuple[Channel, ...]:
    no_calls_allowed = trunk.disabled("voice") and trunk.disabled("inbound")
    only_whatsapp = trunk.bound_on("whatsapp") is True and trunk.bound_on("call") is False
    return () if no_calls_allowed or only_whatsapp else _AUTOMATIC


def _matches(match: Match, trunk: Trunk) -> bool:
    return (
        _any_matches(match.number, trunk.number)
        and _any_matches(match.type, trunk.type)
        and _any_matches(match.country_code, trunk.country_code)
        and _any_matches(match.status, trunk.status)
    )


def _any_matches(patterns: Sequence[re.Pattern[str]], value: str) -> bool:
    return not patterns or any(pattern.fullmatch(value) for pattern in patterns)
