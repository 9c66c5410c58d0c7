"""Lines: the texts by which a list of trunks is searched, filtered and ordered."""

from collections.abc import Sequence

import msgspec
from isal import isal_zlib

from exporter.trunks.trunk import UNKNOWN, Trunk


class TrunkLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A trunk of a list; in few parts, because there are very many of them.

    Attributes:
        text: number, uuid, location, and of each channel the agent's name and uuid where one is bound; a line each.
        key: never shown: it may be a number that the configuration hides.
        kind: status, country and type, a line each.
        limits: of each service, where it is not disabled.
        purchased: Unix time.
    """

    text: str
    key: str
    kind: str
    limits: msgspec.Raw
    purchased: float | None


def line_of(trunk: Trunk, key: str) -> TrunkLine:
    """Return the line of a trunk whose number and agents are as the configuration lets them be seen."""
    agents = [
        text
        for binding in trunk.bindings
        for text in (
            (binding.agent_name or ("" if binding.agent_uuid else UNKNOWN), binding.agent_uuid or "")
            if binding.bound is True
            else ("", "")
        )
    ]
    limits = [None if service.enabled is False else service.channel_limit for service in trunk.services]
    return TrunkLine(
        "\n".join((trunk.number, trunk.uuid, trunk.location, *agents)),
        key,
        f"{trunk.status}\n{trunk.country_code}\n{trunk.type}",
        msgspec.Raw(_encode(limits)),
        trunk.purchased,
    )


def status_of(kind: str) -> str:
    return kind.split("\n", 1)[0] or UNKNOWN


def pack_lines(lines: Sequence[TrunkLine]) -> bytes:
    return isal_zlib.compress(_encode(lines), 1)


_encode = msgspec.msgpack.Encoder().encode
decode_lines = msgspec.msgpack.Decoder(list[TrunkLine]).decode
decode_limits = msgspec.msgpack.Decoder(tuple[float | None, float | None, float | None]).decode
