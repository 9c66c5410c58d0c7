"""What is held against examples: how they are drawn, and what must be true of each."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from fuzzing.answers import GOOD_ANSWERS, ODD_ANSWERS
from fuzzing.configurations import FILES, WEB_FILES
from fuzzing.loading import loading, loading_web
from fuzzing.polling import NAMES, SETTINGS, polling
from hypothesis import given
from hypothesis import strategies as st

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


ANSWERS = Property({"odd": ODD_ANSWERS, "good": GOOD_ANSWERS, "name": NAMES, "settings": SETTINGS}, polling)
CONFIGURATIONS = Property({"files": FILES}, loading)
WEB_CONFIGURATIONS = Property({"files": WEB_FILES}, loading_web)
