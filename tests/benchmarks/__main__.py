"""``make bench``: prints tables; which and how large can be said."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from benchmarks import paging, poll, rules, scrape, waiting, workspaces
from benchmarks.tables import Plan

BENCHMARKS = {
    "scrape": scrape.measure,
    "poll": poll.measure,
    "responsiveness": waiting.measure_beside_a_poll,
    "clients": waiting.measure_beside_clients,
    "workspaces": workspaces.measure,
    "rules": rules.measure,
    "paging": paging.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="trunks")
    parser.add_argument("--runs", type=int, default=5, help="of each, of which the medians are shown")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - BENCHMARKS.keys():
        parser.error(f"there is no benchmark called {', '.join(sorted(unknown))}")
    for name in arguments.names or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            asyncio.run(BENCHMARKS[name](Plan(arguments.sizes, arguments.runs, Path(folder))))


if __name__ == "__main__":
    main()
