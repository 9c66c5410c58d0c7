"""Counts wrong and missing samples by setting: ``PYTHONPATH=tests python -m truth.figures SAMPLES``."""

import sys
from itertools import product
from random import Random

import structlog
from truth.changing import (
    ChangingApi,
    ChangingList,
    last_update_first,
    last_update_last,
    newest_purchase_first,
    newest_purchase_last,
    no_order,
)
from truth.watching import Published, watch

from exporter.simulator.behaviour import Listing

ORDERS = (newest_purchase_first, newest_purchase_last, last_update_last, last_update_first, no_order)
HOSTILE = (ChangingList.churn, ChangingList.swap, ChangingList.move_agent)


def once(random: Random) -> list[int]:
    return [random.randint(1, 5)]


def often(random: Random) -> list[int]:
    return [request for request in range(1, 20) if random.random() < 0.4]


def main(samples: int) -> None:
    settings = list(product((once, often), ORDERS, Listing))
    for changes, order, listing in settings:
        api = ChangingApi(order, listing, HOSTILE)
        found: list[Published] = []
        polls = 0
        polls = max(20, samples // len(settings) // 450)
        found = watch(api, polls, changes)
        missing = [poll for poll in found if poll.missing]
        print(
            f"{changes.__name__:6}{order.__name__:22}{listing.value:8} polls {polls} published {len(found)}"
            f" samples {sum(poll.samples for poll in found)}"
            f" wrong {sum(len(poll.wrong) for poll in found)}"
            f" missing {sum(len(poll.missing) for poll in found)}"
            f" (shown before {sum(len(poll.shown_before) for poll in found)};"
            f" total stood {sum(len(poll.missing) for poll in missing if not poll.total_moved)},"
            f" shown before {sum(len(poll.shown_before) for poll in missing if not poll.total_moved)})"
            f" walks {sum(poll.walks for poll in found) / max(1, len(found)):.2f}"
            f" drift {sum(bool(poll.drift) for poll in found)}",
            flush=True,
        )


if __name__ == "__main__":
    import logging

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    main(int(sys.argv[1]))
