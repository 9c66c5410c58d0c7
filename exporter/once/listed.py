"""Trunks as lists and documents show them."""

from dataclasses import dataclass

import msgspec

from exporter.polling.fleet import Fleet
from exporter.trunks.out_of_service import Judged, Remark, unbound_channels
from exporter.trunks.trunk import Binding, Trunk


@dataclass(frozen=True, slots=True)
class ListedTrunk:
    """A trunk of a workspace.

    Attributes:
        trunk: with number and agents' names as the configuration says that they may be seen.
        judged: the same trunk as it is.
        remarks: why somebody should look at it, the most urgent first.
    """

    workspace: str
    trunk: Trunk
    judged: Judged
    remarks: tuple[Remark, ...]

    @property
    def unbound(self) -> list[str]:
        """The channels that are expected and not bound."""
        return unbound_channels(self.trunk.bound, self.judged.expected)

    @property
    def reasons(self) -> list[str]:
        """Why it is out of service."""
        return [reason.value for reason, applies in self.judged.reasons if applies]


def listed_trunks(workspace: str, fleet: Fleet, *, agent_names: bool) -> tuple[ListedTrunk, ...]:
    """Return the trunks of a fleet, in the order of their numbers."""
    maker = fleet.maker

    def listed(judged: Judged) -> ListedTrunk:
        trunk = judged.trunk
        call, sms, whatsapp = trunk.bindings if agent_names else map(_without_name, trunk.bindings)
        shown = msgspec.structs.replace(
            trunk, number=maker.renderer.shown_number(trunk.number), bindings=(call, sms, whatsapp)
        )
        return ListedTrunk(workspace, shown, judged, maker.judge.remarks(judged))

    return tuple(sorted(map(listed, fleet.judged()), key=lambda one: (one.trunk.number, one.trunk.uuid)))


def _without_name(binding: Binding) -> Binding:
    return msgspec.structs.replace(binding, agent_name=None)
