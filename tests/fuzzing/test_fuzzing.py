"""Whatever the API answers and whatever configurations hold, it ends well; ``make fuzz`` asks for longer."""

from fuzzing.properties import ANSWERS, CONFIGURATIONS, WEB_CONFIGURATIONS
from hypothesis import settings


def test_whatever_the_api_answers_it_is_counted_and_can_be_scraped_and_the_next_poll_succeeds() -> None:
    ANSWERS.hold(settings(max_examples=100, derandomize=True))


def test_whatever_a_configuration_holds_it_can_be_used_or_is_refused_with_the_place_of_every_problem() -> None:
    CONFIGURATIONS.hold(settings(max_examples=75, derandomize=True))


def test_whatever_a_web_configuration_holds_it_can_be_used_or_is_refused_too() -> None:
    WEB_CONFIGURATIONS.hold(settings(max_examples=50, derandomize=True))
