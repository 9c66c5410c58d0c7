"""What is held against examples: how they are drawn, and what must be true of each."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from fuzzing.answers import GOOD_ANSWERS, ODD_ANSWERS
from fuzzing.configurations import FILES, WEB_FILES
from fuzzing.loading import LoadsOfAnything
from fuzzing.polling import NAMES, SETTINGS, PollsOfAnything
from hypothesis import given
from hypothesis import strategies as st
from support.exposed import findings_of_promtool

Check = Callable[..., None]
Run = Callable[[], None]


@dataclass(frozen=True)
class Property:
    """Something that must be true of every example.

    Attributes:
        examples: what an example consists of, by name.
        checking: for the length of a run, what raises where an example is found wrong.
    """

    examples: Mapping[str, st.SearchStrategy[Any]]
    checking: Callable[[], AbstractContextManager[Check]]

    def hold(self, *how: Callable[[Run], Run]) -> None:
        """Draw examples, as hypothesis's decorators say how, and check each."""
        with self.checking() as check:

            @given(example=st.fixed_dictionaries(dict(self.examples)))
            def run(example: Mapping[str, Any]) -> None:
                check(**example)

            for decorate in how:
                run = decorate(run)
            run()


@contextmanager
def _polling() -> Iterator[Check]:
    with PollsOfAnything() as polls:
        yield polls.poll
        assert findings_of_promtool(polls.text()) == ""


@contextmanager
def _loading() -> Iterator[Check]:
    with LoadsOfAnything() as loads:
        yield loads.load


@contextmanager
def _loading_web() -> Iterator[Check]:
    with LoadsOfAnything() as loads:
        yield loads.load_web


ANSWERS = Property({"odd": ODD_ANSWERS, "good": GOOD_ANSWERS, "name": NAMES, "settings": SETTINGS}, _polling)
CONFIGURATIONS = Property({"files": FILES}, _loading)
WEB_CONFIGURATIONS = Property({"files": WEB_FILES}, _loading_web)
