"""``make bench``: prints tables; which and how large can be said."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from benchmarks import clients, paging, poll, prometheus, responsiveness, rules, scrape, workspaces
from benchmarks.contenders.polling import CONTENDERS
from benchmarks.plan import Plan
from benchmarks.serving import SERVERS

BENCHMARKS = {
    "scrape": scrape.measure,
    "prometheus": prometheus.measure,
    "poll": poll.measure,
    "responsiveness": responsiveness.measure,
    "clients": clients.measure,
    "workspaces": workspaces.measure,
    "rules": rules.measure,
    "paging": paging.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="trunks")
    parser.add_argument("--runs", type=int, default=5, help="of each, of which the medians are shown")
    parser.add_argument(
        "--contenders",
        choices=sorted({*SERVERS, *CONTENDERS}),
        nargs="*",
        help="beside the exporter and the baseline, which take part always; by default all, to 10,000 trunks",
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - BENCHMARKS.keys():
        parser.error(f"there is no benchmark called {', '.join(sorted(unknown))}")
    named = None if arguments.contenders is None else frozenset(arguments.contenders)
    for name in arguments.names or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            plan = Plan(tuple(arguments.sizes), arguments.runs, named, Path(folder))
            asyncio.run(BENCHMARKS[name](plan))


if __name__ == "__main__":
    main()
