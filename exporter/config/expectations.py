"""The section ``expect``: rules for the channels a trunk ought to be bound on."""

from collections.abc import Sequence

from exporter.config.document import MatchDocument, RuleDocument
from exporter.config.problems import Findings, Place
from exporter.config.settings import ExpectRule, Match


def read_rules(rules: Sequence[RuleDocument], place: Place, findings: Findings) -> tuple[ExpectRule, ...]:
    """Return the rules; warns of those that an earlier one leaves nothing to apply to."""
    read = tuple(
        ExpectRule(
            match=Match() if rule.match is None else _read_match(rule.match),
            channels=None if rule.channels == "auto" else rule.channels,
        )
        for rule in rules
    )
    catch_all = next((index for index, rule in enumerate(read) if rule.match == Match()), len(read))
    for index in range(catch_all + 1, len(read)):
        findings.warning(
            place.item(index),
            f"never applies, because {place.item(catch_all).path} matches every trunk; move that to the end",
        )
    return read


def _read_match(match: MatchDocument) -> Match:
    return Match(
        number=match.number or (),
        type=match.type or (),
        country_code=match.country_code or (),
        status=match.status or (),
    )
