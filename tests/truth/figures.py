"""Counts wrong and missing samples by setting, for as long as one likes.

``PYTHONPATH=tests python -m truth.figures 1000000`` holds about a million samples against the truth.
"""

import logging
import sys
from itertools import product

import structlog
from truth.changing import EVENTS, ORDERS, ChangingApi, no_order
from truth.watching import often, once, watch

from exporter.simulator.behaviour import Listing

_SAMPLES_A_POLL = 400


def main(samples: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    settings = list(product((once, often), (*ORDERS, no_order), Listing))
    polls = -(-samples // (len(settings) * _SAMPLES_A_POLL))
    heads = (
        "changes",
        "order",
        "a row for each",
        "polls",
        "published",
        "samples",
        "wrong",
        "missing",
        "known",
        "walks",
    )
    _say(heads)
    for changes, order, listing in settings:
        found = watch(ChangingApi(order, listing, EVENTS), polls, changes)
        counts = (
            polls,
            len(found),
            sum(poll.samples for poll in found),
            sum(len(poll.wrong) for poll in found),
            sum(len(poll.missing) for poll in found),
            sum(len(poll.missing_known) for poll in found),
            sum(poll.walks for poll in found),
        )
        _say((changes.__name__, order.__name__, listing.value, *counts))


def _say(cells: tuple[object, ...]) -> None:
    sys.stdout.write("".join(f"{cell!s:<{22 if index < 3 else 10}}" for index, cell in enumerate(cells)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
