"""Named faults of the simulated API."""

from collections.abc import Mapping

from exporter.simulator.behaviour import Fault
from exporter.simulator.faults import pages, responses

# By name; faults of responses, then of pages.
FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in (*responses.FAULTS, *pages.FAULTS)}


def described() -> str:
    width = max(map(len, FAULTS))
    return "".join(f"{fault.name:{width}}  {fault.description}\n" for fault in FAULTS.values())
