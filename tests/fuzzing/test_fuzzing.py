"""Whatever the API answers and whatever configurations hold, it ends well.

``make fuzz`` draws far more examples, in runs by a seed of their own; the name of a test that fails has its seed, with
which ``EXAMPLES=250 SEED=… pytest tests/fuzzing`` draws them again.
"""

import math
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from random import SystemRandom
from typing import Any

import pytest
from fuzzing.answers import GOOD_ANSWERS, ODD_ANSWERS
from fuzzing.configurations import FILES, WEB_FILES
from fuzzing.loading import loading, loading_web
from fuzzing.polling import NAMES, SETTINGS, polling
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

Examples = Mapping[str, st.SearchStrategy[Any]]

ANSWERS: Examples = {"odd": ODD_ANSWERS, "good": GOOD_ANSWERS, "name": NAMES, "settings": SETTINGS}
CONFIGURATIONS: Examples = {"files": FILES}
WEB_CONFIGURATIONS: Examples = {"files": WEB_FILES}

_EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
_RUN = 250  # examples; hypothesis remembers what it drew for the length of a run
_FIRST = int(os.environ.get("SEED", "0")) or SystemRandom().randrange(2**32)


def seeds(share: float) -> pytest.MarkDecorator:
    """Run a test by a seed for each run of its share of the examples; by none, a few that are always the same."""
    runs = math.ceil(share * _EXAMPLES / _RUN) if _EXAMPLES > _RUN else 1
    return pytest.mark.parametrize("number", [_FIRST + run for run in range(runs)] if _EXAMPLES else [None])


def hold(
    examples: Examples,
    checking: Callable[[], AbstractContextManager[Callable[..., None]]],
    few: int,
    number: int | None,
) -> None:
    """Draw examples, and check each."""
    with checking() as check:

        @given(example=st.fixed_dictionaries(dict(examples)))
        def run(example: Mapping[str, Any]) -> None:
            check(**example)

        if number is None:
            settings(max_examples=few, derandomize=True)(run)()
        else:
            phases, every = [Phase.generate, Phase.shrink], list(HealthCheck)
            how = settings(max_examples=_RUN, database=None, deadline=None, phases=phases, suppress_health_check=every)
            seed(number)(how(run))()


@seeds(0.5)
def test_whatever_the_api_answers_it_is_counted_and_can_be_scraped_and_the_next_poll_succeeds(
    number: int | None,
) -> None:
    hold(ANSWERS, polling, 100, number)


@seeds(0.4)
def test_whatever_a_configuration_holds_it_can_be_used_or_is_refused_with_the_place_of_every_problem(
    number: int | None,
) -> None:
    hold(CONFIGURATIONS, loading, 75, number)


@seeds(0.1)
def test_whatever_a_web_configuration_holds_it_can_be_used_or_is_refused_too(number: int | None) -> None:
    hold(WEB_CONFIGURATIONS, loading_web, 50, number)
