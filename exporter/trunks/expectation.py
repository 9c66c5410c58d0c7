"""Decides on which channels a trunk is expected to be bound, by the rules of the configuration."""

from collections.abc import Callable, Sequence

from exporter.config.patterns import Pattern, any_matches
from exporter.config.settings import Channel, ExpectRule, Filter, Match
from exporter.trunks.trunk import CHANNELS, UNREADABLE, Trunk, bits_of

_AUTOMATIC: tuple[Channel, ...] = ("call",)  # where nothing speaks against it


class Expectation:
    """The rules of one workspace.

    A channel that the API filters the list by is expected nowhere: a trunk that loses that binding leaves the
    list instead of showing as unbound. Under a filter by agent that holds for every channel.

    Attributes:
        channels: those that any trunk can be expected on.
    """

    def __init__(self, rules: Sequence[ExpectRule], filter_: Filter) -> None:
        in_force = _in_force(rules)
        visible = set() if filter_.agent_uuid else set(CHANNELS) - {filter_.channel}
        possible = {
            channel for rule in in_force for channel in (_AUTOMATIC if rule.channels is None else rule.channels)
        }
        self.channels = tuple(channel for channel in CHANNELS if channel in possible & visible)
        self._hidden = bits_of(set(CHANNELS) - visible)
        self._automatic = self._visible(_AUTOMATIC)
        *self._rules, (_, self._otherwise) = [
            (_conditions(rule.match), None if rule.channels is None else self._visible(rule.channels))
            for rule in in_force
        ]

    def of(self, trunk: Trunk) -> tuple[tuple[str, ...], int]:
        """Return the channels on which a trunk is expected to be bound, and a bit for each that is left out.

        A rule other than ``auto`` leaves out what it does not name, and a filter what it hides.
        """
        channels = self._chosen(trunk)
        if channels is None:
            return self._automatic if _may_take_calls(trunk) else (), self._hidden
        return channels, bits_of(set(CHANNELS).difference(channels))

    def _chosen(self, trunk: Trunk) -> tuple[str, ...] | None:
        """Return the channels of the first rule that matches; None for ``auto``."""
        for conditions, channels in self._rules:
            if all(any_matches(patterns, text_of(trunk)) for text_of, patterns in conditions):
                return channels
        return self._otherwise

    def _visible(self, channels: Sequence[str]) -> tuple[str, ...]:
        return tuple(channel for channel in channels if channel in self.channels)


def _in_force(rules: Sequence[ExpectRule]) -> tuple[ExpectRule, ...]:
    """Return the rules up to the first that matches everything; without one, ``auto`` is the last."""
    for index, rule in enumerate(rules):
        if rule.match == Match():
            return tuple(rules[: index + 1])
    return (*rules, ExpectRule(channels=None))


def _conditions(match: Match) -> tuple[tuple[Callable[[Trunk], str], tuple[Pattern, ...]], ...]:
    possible = (
        (lambda trunk: trunk.number, match.number),
        (lambda trunk: trunk.type, match.type),
        (lambda trunk: trunk.country_code, match.country_code),
        (lambda trunk: trunk.status, match.status),
    )
    return tuple((text_of, patterns) for text_of, patterns in possible if patterns)


def _may_take_calls(trunk: Trunk) -> bool:
    voice, inbound, _ = trunk.services
    call, _, whatsapp = trunk.bindings
    disabled = voice.enabled is False and inbound.enabled is False
    only_whatsapp = whatsapp.bound is True and call.bound not in {True, UNREADABLE}
    return not (disabled or only_whatsapp)
