"""What a real Prometheus sees of a scrape: its own ``scrape_duration_seconds``, in which it parses, too."""

import asyncio

from support.processes import running_prometheus

from benchmarks.plan import Plan
from benchmarks.programs import program
from benchmarks.serving import NGINX, contenders
from benchmarks.tables import progress, ratios

_TRUNKS_PER_SECOND = 2000


async def measure(plan: Plan) -> None:
    """Let Prometheus scrape each size, from all in turn."""
    program("prometheus")
    measured: dict[str, dict[str, list[float]]] = {}
    for trunks in plan.sizes:
        async with contenders(trunks, plan) as served:
            jobs = [
                {
                    "job_name": name,
                    "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
                    # What is stored would be the same for all.
                    "metric_relabel_configs": [{"action": "drop", "source_labels": ["__name__"], "regex": "mihu_.*"}],
                }
                for name, (_, port) in served.items()
            ]
            interval = max(5, trunks * len(served) // _TRUNKS_PER_SECOND)  # time for one after the other
            config = {
                "global": {"scrape_interval": f"{interval}s", "scrape_timeout": f"{interval}s"},
                "scrape_configs": jobs,
            }
            async with running_prometheus(plan.folder / str(trunks), config) as prometheus:
                seconds = (plan.runs + 1) * interval
                progress(f"{trunks:,} trunks: Prometheus scrapes for {seconds} s")
                await asyncio.sleep(seconds)
                medians = await prometheus.query(
                    f"quantile_over_time(0.5, scrape_duration_seconds[{plan.runs * interval}s])"
                )
                by_job = {dict(labels)["job"]: value for labels, value in medians.items()}
                measured[f"{trunks:,} trunks"] = {name: [by_job[name]] for name in served}
    progress("")
    ratios("A scrape by Prometheus", "of", measured, NGINX)
