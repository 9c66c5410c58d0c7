"""What is remembered of a trunk: what changes are found by, and nothing that may not be seen."""

import msgspec

from exporter.trunks.out_of_service import Judged
from exporter.trunks.trunk import Binding, Service


class ChannelState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Whether a channel is bound, None where that was never known; and the last agent that was named for it."""

    bound: bool | None = None
    agent_uuid: str = ""
    agent_name: str = ""

    @property
    def agent(self) -> str:
        """The agent as people know it."""
        return self.agent_name or self.agent_uuid or "unknown"


class ServiceState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Whether a service is enabled, and its channel limit, as far as is known."""

    enabled: bool | None = None
    channel_limit: float | None = None


class State(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is remembered of a trunk.

    Attributes:
        number: as the configuration lets it be seen.
        channels: in the order of CHANNELS.
        services: in the order of SERVICES.
        left_out: a bit for each channel whose loss is none, since the configuration leaves it out.
    """

    uuid: str
    number: str
    status: str
    compliance_status: str
    channels: tuple[ChannelState, ChannelState, ChannelState]
    services: tuple[ServiceState, ServiceState, ServiceState]
    monthly_fee: float | None
    currency: str
    left_out: int = 0

    @property
    def key(self) -> str:
        """What tells the trunk from others, as a row's key does."""
        return self.uuid or self.number

    @property
    def is_bound(self) -> bool:
        """Tell whether the trunk is bound on some channel."""
        return any(channel.bound for channel in self.channels)


_NEVER_SEEN = State(
    uuid="",
    number="",
    status="",
    compliance_status="",
    channels=(ChannelState(), ChannelState(), ChannelState()),
    services=(ServiceState(), ServiceState(), ServiceState()),
    monthly_fee=None,
    currency="",
)


def state_of(judged: Judged, before: State | None, *, number: str, agent_names: bool) -> State:
    """Return what to remember of a trunk; what cannot be told of it now is as it was before."""
    trunk, known = judged.trunk, before or _NEVER_SEEN
    call, sms, whatsapp = (
        _channel(binding, channel, agent_names=agent_names)
        for binding, channel in zip(trunk.bindings, known.channels, strict=True)
    )
    voice, inbound, sms_service = map(_service, trunk.services, known.services)
    return State(
        uuid=trunk.uuid,
        number=number,
        status=trunk.status or known.status,
        compliance_status=trunk.compliance_status or known.compliance_status,
        channels=(call, sms, whatsapp),
        services=(voice, inbound, sms_service),
        monthly_fee=known.monthly_fee if trunk.monthly_fee is None else trunk.monthly_fee,
        currency=trunk.currency or known.currency,
        left_out=judged.left_out,
    )


def _channel(binding: Binding, before: ChannelState, *, agent_names: bool) -> ChannelState:
    if binding.bound is msgspec.UNSET:
        return before
    if not binding.bound:
        return ChannelState(bound=False)
    uuid, name = binding.agent_uuid or "", (binding.agent_name or "") if agent_names else ""
    if not (uuid or name):
        uuid, name = before.agent_uuid, before.agent_name
    return ChannelState(bound=True, agent_uuid=uuid, agent_name=name)


def _service(service: Service, before: ServiceState) -> ServiceState:
    return ServiceState(
        before.enabled if service.enabled is None else service.enabled,
        before.channel_limit if service.channel_limit is None else service.channel_limit,
    )
