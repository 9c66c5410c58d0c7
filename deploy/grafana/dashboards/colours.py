"""What each colour means, on every dashboard.

The colours are those of Okabe and Ito, some of them lightened so that they show on dark and on light ground:
people who see no red, no green or no blue can tell them apart. Colour is never alone: a word stands beside it.
"""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

GOOD = "#009E73"
WARNING = "#E69F00"
BAD = "#D55E00"
BAD_TOO = "#8F3F00"  # where two kinds of it stand together
UNKNOWN = "#8A8F98"
PLAIN = "text"  # a figure that is neither good nor bad: black on white, white on black

CALL = "#56B4E9"
SMS = "#CC79A7"
WHATSAPP = "#7F6BD9"
OUTBOUND = "#1F78C1"  # calls again, in the other direction

BY_STATUS = {"active": GOOD, "pending": WARNING, "suspended": BAD}
BY_COMPLIANCE = {"completed": GOOD, "pending": WARNING, "rejected": BAD}
BY_REASON = {"unbound": BAD, "not_active": WARNING, "blocked": BAD_TOO}
BY_CHANNEL = {"call": CALL, "sms": SMS, "whatsapp": WHATSAPP}
BY_SERVICE = {"voice": OUTBOUND, "inbound": CALL, "sms": SMS}

Steps = Sequence[tuple[float | None, str]]

NOTHING_BAD: Steps = ((None, UNKNOWN), (0, GOOD), (1, BAD))  # a count of what ought not to be; below 0 it is unknown
NOTHING_ODD: Steps = ((None, GOOD), (1, WARNING))
NO_JUDGEMENT: Steps = ((None, PLAIN),)


def thresholds(steps: Steps) -> build.ThresholdsConfig:
    """Return thresholds; the first step has no value, since it reaches down without end."""
    return (
        build.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=colour) for value, colour in steps])
    )


def by_threshold() -> build.FieldColor:
    """Return the mode in which the thresholds decide."""
    return build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


def fixed(colour: str) -> build.FieldColor:
    """Return the mode with one colour for everything."""
    return build.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(colour)


def categorical() -> build.FieldColor:
    """Return the mode for series that mean the same of different things, such as workspaces: a hue for each."""
    return build.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC)


def words(meanings: Mapping[int, tuple[str, str]]) -> list[model.ValueMapping]:
    """Return the mapping of values to words, each with its colour."""
    results = {
        str(value): model.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(meanings.items())
    }
    return [model.ValueMap(options=results)]


def when_empty(text: str, colour: str = UNKNOWN) -> model.ValueMapping:
    """Return the mapping of a missing value: where nothing is known, nothing looks good."""
    return model.SpecialValueMap(
        options=model.DashboardSpecialValueMapOptions(
            match=model.SpecialValueMatch.NULL_AND_NAN,
            result=model.ValueMappingResult(text=text, color=colour, index=99),
        )
    )
