"""All faults by name."""

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType

from exporter.simulator.faults import answers, fields, paging, texts, wire
from exporter.simulator.faults.fault import Fault

FAULTS: Mapping[str, Fault] = MappingProxyType(
    {fault.name: fault for fault in chain(answers.FAULTS, wire.FAULTS, texts.FAULTS, fields.FAULTS, paging.FAULTS)}
)
"""In the order from the outside of an answer to its inside."""


def described() -> str:
    """Return a line for each fault: its name, and what the client gets."""
    width = max(map(len, FAULTS))
    return "".join(f"{fault.name:{width}}  {fault.description}\n" for fault in FAULTS.values())
