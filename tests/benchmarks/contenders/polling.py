"""Polls a list each time a line comes, and says how long that took: ``… CONTENDER URL TRUNKS``."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import uvloop
from prometheus_client import CollectorRegistry, Gauge
from support.polling import Bench

from exporter.clock import Clock
from exporter.config.addresses import LIST_PATH
from exporter.logs import set_up
from exporter.process import prepare_interpreter

Poll = Callable[[], Awaitable[None]]

_IN_FLIGHT = 4


def downloading(url: str, take: Callable[[bytes], None]) -> Poll:
    """Fetch every page with httpx, so many at a time, and hand each on."""
    limits = httpx.Limits(max_connections=_IN_FLIGHT)
    http = httpx.AsyncClient(trust_env=False, limits=limits, timeout=60, headers={"Authorization": "Bearer x"})

    async def page(number: int) -> bytes:
        return (await http.get(url + LIST_PATH, params={"per_page": "100", "page": str(number)})).content

    async def poll() -> None:
        first = await page(1)
        take(first)
        numbers = iter(range(2, json.loads(first)["data"]["pagination"]["last_page"] + 1))

        async def lane() -> None:
            for number in numbers:
                take(await page(number))

        await asyncio.gather(*(lane() for _ in range(_IN_FLIGHT)))

    return poll


def floor(url: str, _: int) -> Poll:
    """Download the pages and throw them away."""
    return downloading(url, lambda _: None)


def gauges(url: str, _: int) -> Poll:  # noqa: C901 - as such code is
    """Do what most exporters do: decode with json, and set a Gauge's child for each series."""
    registry = CollectorRegistry()
    identity = ("workspace", "phone_number_uuid", "number")

    def gauge(name: str, *labels: str) -> Gauge:
        return Gauge(f"mihu_trunk_{name}", name, (*identity, *labels), registry=registry)

    info = gauge("info", "country_code", "locality", "type", "source", "is_external")
    status, compliance = gauge("status", "status"), gauge("compliance_status", "status")
    requirements, capability = gauge("compliance_requirements"), gauge("capability", "capability")
    bound, unbound = gauge("channel_bound", "channel"), gauge("channel_unbound", "channel")
    agent = gauge("channel_agent_info", "channel", "agent_uuid", "agent_name")
    enabled, limit = gauge("service_enabled", "carrier_service"), gauge("service_channel_limit", "carrier_service")
    destinations, fee = gauge("service_whitelisted_destinations", "carrier_service"), gauge("monthly_fee", "currency")
    about_trunks = (info, status, compliance, requirements, capability, bound, unbound, agent)
    about_services = (enabled, limit, destinations, fee)

    def take(body: bytes) -> None:
        for trunk in json.loads(body)["data"]["items"]:
            own = ("acme", trunk["phone_number_uuid"], trunk["number"])
            described = (trunk.get(name) for name in ("country_code", "location", "type", "source", "is_external"))
            info.labels(*own, *described).set(1)
            status.labels(*own, trunk["status"]).set(1)
            compliance.labels(*own, (trunk.get("compliance") or {}).get("status")).set(1)
            requirements.labels(*own).set(len((trunk.get("compliance") or {}).get("requirements") or ()))
            for name, value in (trunk.get("capabilities") or {}).items():
                if value is not None:
                    capability.labels(*own, name).set(value)
            for channel, binding in (trunk.get("bindings") or {}).items():
                if binding:
                    bound.labels(*own, channel).set(bool(binding["bound"]))
                    if binding["agent_uuid"]:
                        agent.labels(*own, channel, binding["agent_uuid"], binding["agent_name"]).set(1)
                    if channel == "call":
                        unbound.labels(*own, channel).set(not binding["bound"])
            for name, service in (trunk.get("channel_settings") or {}).items():
                if service:
                    enabled.labels(*own, name).set(bool(service["enabled"]))
                    limit.labels(*own, name).set(service["channel_limit"] or 0)
                    destinations.labels(*own, name).set(len(service.get("whitelisted_destinations") or ()))
            billing = trunk.get("billing") or {}
            fee.labels(*own, billing.get("currency")).set(billing.get("monthly_fee") or 0)

    download = downloading(url, take)

    async def poll() -> None:
        for each in (*about_trunks, *about_services):
            each.clear()  # a trunk that is gone must not stay
        await download()

    return poll


def exporter(url: str, trunks: int) -> Poll:
    set_up("error", "logfmt")
    prepare_interpreter()
    bench = Bench(
        None,
        clock=Clock(),
        executor=ThreadPoolExecutor(1),
        base_url=url,
        poll_interval=600.0,
        poll_timeout=600.0,
        request_timeout=60.0,
        concurrency=_IN_FLIGHT,
        max_trunks=2 * trunks,
    )

    async def poll() -> None:
        fault = await bench.poller.poll()
        assert fault is None, fault

    return poll


FLOOR, GAUGES = "floor", "json + Gauges"
CONTENDERS = {FLOOR: floor, "exporter": exporter, GAUGES: gauges}


async def _answer(poll: Poll) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        wall, cpu = time.perf_counter(), time.process_time()
        await poll()
        took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        sys.stdout.write(json.dumps(took) + "\n")
        sys.stdout.flush()


async def _main() -> None:
    name, url, trunks = sys.argv[1:]
    await _answer(CONTENDERS[name](url, int(trunks)))


if __name__ == "__main__":
    uvloop.run(_main())
