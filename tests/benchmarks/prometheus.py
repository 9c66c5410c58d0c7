"""What a real Prometheus sees of a scrape: its own ``scrape_duration_seconds``, in which it parses, too."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from support.processes import running_prometheus

from benchmarks.programs import program
from benchmarks.serving import NGINX, contenders
from benchmarks.tables import progress, ratios

_LARGEST = 10_000  # trunks; beyond it the slower contenders take longer than Prometheus waits


async def measure(sizes: Sequence[int], runs: int, folder: Path) -> None:
    """Let Prometheus scrape each size so many times, from all in turn."""
    program("prometheus")
    measured: dict[str, dict[str, list[float]]] = {}
    for trunks in sizes:
        if trunks > _LARGEST:
            continue
        here = folder / str(trunks)
        here.mkdir()
        async with contenders(trunks, here) as served:
            jobs = [
                {
                    "job_name": name,
                    "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
                    # What is stored would be the same for all.
                    "metric_relabel_configs": [{"action": "drop", "source_labels": ["__name__"], "regex": "mihu_.*"}],
                }
                for name, (_, port) in served.items()
            ]
            interval = 5 if trunks < _LARGEST else 20
            config = {
                "global": {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s"},
                "scrape_configs": jobs,
            }
            async with running_prometheus(here, config) as prometheus:
                progress(f"{trunks:,} trunks: Prometheus scrapes for {(runs + 1) * interval} s")
                await asyncio.sleep((runs + 1) * interval)
                medians = await prometheus.query(
                    f"quantile_over_time(0.5, scrape_duration_seconds[{runs * interval}s])"
                )
                by_job = {dict(labels)["job"]: value for labels, value in medians.items()}
                measured[f"{trunks:,} trunks"] = {name: [by_job[name]] for name in served}
    progress("")
    if measured:
        ratios("A scrape by Prometheus", "of", measured, NGINX)
