"""What is remembered of a trunk: what changes are found by, and nothing that may not be seen."""

import msgspec

from exporter.trunks.out_of_service import Judged
from exporter.trunks.trunk import CHANNELS, SERVICES, Binding, Service


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


_NEVER_SEEN = (ChannelState(),) * len(CHANNELS), (ServiceState(),) * len(SERVICES)


def state_of(judged: Judged, before: State | None, *, number: str, agent_names: bool) -> State:
    """Return what to remember of a trunk; what cannot be told of it now is as it was before."""
    trunk = judged.trunk
    channels, services = (before.channels, before.services) if before else _NEVER_SEEN
    call, sms, whatsapp = (
        _channel(binding, channel, agent_names=agent_names)
        for binding, channel in zip(trunk.bindings, channels, strict=True)
    )
    voice, inbound, sms_service = map(_service, trunk.services, services)
    fee, currency = trunk.monthly_fee, trunk.currency
    if fee is None and before is not None:
        fee, currency = before.monthly_fee, before.currency
    return State(
        uuid=trunk.uuid,
        number=number,
        status=trunk.status,
        compliance_status=trunk.compliance_status,
        channels=(call, sms, whatsapp),
        services=(voice, inbound, sms_service),
        monthly_fee=fee,
        currency=currency,
        left_out=judged.left_out,
    )


def _channel(binding: Binding, before: ChannelState, *, agent_names: bool) -> ChannelState:
    if binding.bound is msgspec.UNSET:
        return before
    if not binding.bound:
        return ChannelState(bound=False)
    return ChannelState(
        bound=True, agent_uuid=binding.agent_uuid or "", agent_name=(binding.agent_name or "") if agent_names else ""
    )


def _service(service: Service, before: ServiceState) -> ServiceState:
    return ServiceState(
        before.enabled if service.enabled is None else service.enabled,
        before.channel_limit if service.channel_limit is None else service.channel_limit,
    )
