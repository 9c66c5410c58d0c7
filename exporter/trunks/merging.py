"""Several rows about one trunk, made into one: a fault on any row is not hidden by a good one."""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET

from exporter.trunks.trunk import Binding, Trunk

HEALTHY_STATUS = "active"
HEALTHY_COMPLIANCE = "completed"


def merge(rows: Sequence[tuple[Trunk, bytes]]) -> Trunk:
    """Merge the rows of one trunk, each with its JSON.

    The newest row by ``updated_at`` counts, ties decided by content so that the order of the list does not
    matter. Bindings are OR-ed, with the agent of the newest bound row; a status other than ``active`` and a
    compliance other than ``completed`` beat a good one.
    """
    trunks = [trunk for trunk, _ in sorted(rows, key=_age, reverse=True)]
    if len(trunks) == 1:
        return trunks[0]
    call, sms, whatsapp = (
        _merge_bindings([trunk.bindings[index] for trunk in trunks]) for index in range(len(trunks[0].bindings))
    )
    return msgspec.structs.replace(
        trunks[0],
        bindings=(call, sms, whatsapp),
        status=_worst(trunks, lambda trunk: trunk.status, HEALTHY_STATUS),
        compliance_status=_worst(trunks, lambda trunk: trunk.compliance_status, HEALTHY_COMPLIANCE),
    )


def _age(row: tuple[Trunk, bytes]) -> tuple[float, bytes]:
    trunk, content = row
    return (float("-inf") if trunk.updated is None else trunk.updated, content)


def _merge_bindings(newest_first: list[Binding]) -> Binding:
    """Take the first that is bound; else one that could not be read; else one that says not bound."""
    for bound in (True, UNSET, False):
        for binding in newest_first:
            if binding.bound is bound:
                return binding
    return newest_first[0]


def _worst(newest_first: list[Trunk], status: Callable[[Trunk], str], healthy: str) -> str:
    known = [status(trunk) for trunk in newest_first if status(trunk)]
    return next((value for value in known if value != healthy), known[0] if known else "")
