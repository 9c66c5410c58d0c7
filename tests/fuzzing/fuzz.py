"""Draws far more examples than the tests do: ``make fuzz EXAMPLES=100000``.

They are drawn in runs, each by a seed of its own. Where one fails, ``--only`` and ``--seed`` draw it again.
"""

import argparse
import logging
import sys
import time
import warnings
from random import SystemRandom

import structlog
from fuzzing.properties import ANSWERS, CONFIGURATIONS, WEB_CONFIGURATIONS, Property
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import HypothesisWarning

_KINDS = {  # of examples, each with its share of all
    "answers": (ANSWERS, 0.5),
    "configurations": (CONFIGURATIONS, 0.4),
    "web-configurations": (WEB_CONFIGURATIONS, 0.1),
}
_RUN = 250  # examples; hypothesis remembers what it drew for the length of a run


class Progress:
    """A line on a terminal that says how far it is; anywhere else, nothing."""

    def __init__(self, examples: int) -> None:
        self._examples = examples
        self._done = 0
        self._started = time.monotonic()

    def advance(self, examples: int, what: str) -> None:
        self._done += examples
        if sys.stderr.isatty():
            rate = self._done / (time.monotonic() - self._started)
            sys.stderr.write(f"\r{self._done:,} of {self._examples:,} examples, {rate:.0f} a second, now {what}\x1b[K")
            sys.stderr.flush()

    def end(self) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\n")


def fuzz(kinds: dict[str, int], first_seed: int) -> None:
    """Draw so many examples of each kind; whatever is wrong with one is raised."""
    progress = Progress(sum(kinds.values()))
    number = first_seed
    for kind, examples in kinds.items():
        property_, _ = _KINDS[kind]
        for start in range(0, examples, _RUN):
            run = min(_RUN, examples - start)
            try:
                _draw(property_, run, number)
            except BaseException as error:
                error.add_note(f"draw it again with: --only {kind} --seed {number} --examples {run}")
                raise
            finally:
                progress.advance(run, kind)
            number += 1
    progress.end()


def _draw(property_: Property, examples: int, number: int) -> None:
    how = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    property_.hold(how, seed(number))


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw examples of what the exporter may be given, and check each.")
    parser.add_argument("--examples", type=int, default=10_000, help="how many  [default: 10000]")
    parser.add_argument("--only", choices=_KINDS, help="examples of one kind alone")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32), help="of the first run")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", HypothesisWarning)  # an example may be long
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    shares = {kind: share for kind, (_, share) in _KINDS.items()}
    if arguments.only:
        shares = {arguments.only: 1.0}
    fuzz({kind: round(share * arguments.examples) for kind, share in shares.items()}, arguments.seed)
    sys.stdout.write(f"{arguments.examples:,} examples from seed {arguments.seed} on, nothing found\n")


if __name__ == "__main__":
    main()
