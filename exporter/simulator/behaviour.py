"""How the simulated API behaves where the vendor's documentation leaves a choice."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.simulator.faults.registry import FAULTS


class Listing(enum.Enum):
    """What one row of the list stands for, which the documentation can be read both ways about."""

    NUMBER = "number"
    """Each number once, with all of its bindings."""
    CHANNEL = "channel"
    """A row per bound channel, showing that binding alone; a number bound nowhere is one row."""


class ExcessPerPage(enum.Enum):
    """What a ``per_page`` above the documented maximum gets."""

    CLAMP = "clamp"
    """The maximum, and the pagination says so."""
    REFUSE = "refuse"
    """422."""


class BeyondLast(enum.Enum):
    """What a page after the last one gets."""

    EMPTY = "empty"
    """200 without items."""
    NOT_FOUND = "not_found"
    """404."""
    REFUSE = "refuse"
    """422."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The options of a simulated API; the defaults are the plainest reading of the documentation.

    Attributes:
        latency: seconds before any answer.
        rate_limit: requests per minute and workspace with a valid token; None for no limit.
        listing: what one row of the list stands for.
        excess_per_page: what a ``per_page`` above 100 gets.
        beyond_last: what a page after the last one gets; page 1 always exists.
        faults: what goes wrong, by name, each with its share of the requests: 1 strikes all.
        fault_seed: equal seeds strike the same requests.

    Raises:
        ValueError: a negative latency, a rate limit below one request per minute, a fault that does not
            exist, or a share that is none.
    """

    latency: float = 0.0
    rate_limit: int | None = None
    listing: Listing = Listing.NUMBER
    excess_per_page: ExcessPerPage = ExcessPerPage.CLAMP
    beyond_last: BeyondLast = BeyondLast.EMPTY
    faults: Mapping[str, float] = field(default_factory=dict)
    fault_seed: int = 0

    def __post_init__(self) -> None:
        if not self.latency >= 0:
            raise ValueError(f"latency must be 0 or more seconds, not {self.latency}")
        if self.rate_limit is not None and self.rate_limit < 1:
            raise ValueError(f"rate_limit must be at least 1 request per minute, not {self.rate_limit}")
        for name, rate in self.faults.items():
            if name not in FAULTS:
                raise ValueError(f"there is no fault called {name}")
            if not 0 <= rate <= 1:
                raise ValueError(f"the rate of {name} must be between 0 and 1, not {rate}")
