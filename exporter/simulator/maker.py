"""Makes believable trunks from a seed."""

import enum
import random
import uuid
from datetime import UTC, datetime

from exporter.simulator import carrier
from exporter.simulator.numbering import NumberPlan
from exporter.simulator.trunk import CHANNELS, Agent, Trunk, binding, timestamp

_AGENT_NAMES = (
    "Front desk",
    "Reservations",
    "Support",
    "Support (night)",
    "Accounts",
    "Réception",
    "Zoë",
    'Luca "il Bis"',
    "Sales DACH",
    "Überlauf",
    "Emergencies 24/7",
    "Survey",
)
# Fixed days instead of today: a fleet follows from its seed alone.
_FIRST_PURCHASE = datetime(2023, 1, 1, tzinfo=UTC).timestamp()
_LAST_PURCHASE = datetime(2025, 6, 30, tzinfo=UTC).timestamp()
_HALF_A_YEAR = 182 * 86_400.0


class Health(enum.Enum):
    """How a trunk is set up, as far as somebody would want to be told."""

    CALL = enum.auto()
    CALL_AND_WHATSAPP = enum.auto()
    CALL_AND_SMS = enum.auto()
    WHATSAPP = enum.auto()
    """Bound on whatsapp alone, which may well be intended."""
    UNBOUND = enum.auto()
    """Nobody answers, although calls are enabled."""
    NO_CAPACITY = enum.auto()
    """Calls are enabled with a channel limit of 0."""
    BROKEN = enum.auto()
    """Suspended, calls disabled."""


_BOUND_ON: dict[Health, tuple[str, ...]] = {
    Health.CALL: ("call",),
    Health.CALL_AND_WHATSAPP: ("call", "whatsapp"),
    Health.CALL_AND_SMS: ("call", "sms"),
    Health.WHATSAPP: ("whatsapp",),
    Health.UNBOUND: (),
    Health.NO_CAPACITY: ("call",),
    Health.BROKEN: ("call",),
}

_ENOUGH_FOR_TROUBLE = 10
"""From this many trunks on, a fleet has at least one of every trouble."""


class TrunkMaker:
    """Makes one trunk after the other; the same seed makes the same trunks.

    Attributes:
        agents: the dozen agents of the workspace.
    """

    def __init__(self, seed: int) -> None:
        self._source = random.Random(seed)  # noqa: S311 - made-up data, not a secret
        self._plan = NumberPlan(self._source)
        self.agents = tuple(Agent(self._uuid(), name) for name in _AGENT_NAMES)

    def take(self, number: str) -> None:
        """Never make a trunk with this number."""
        self._plan.take(number)

    def fleet(self, size: int) -> list[Trunk]:
        """Return so many trunks, most of them well, some in every kind of trouble."""
        trunks = [self.make(health) for health in self._mixture(size)]
        if size >= _ENOUGH_FOR_TROUBLE:
            external = [position for position, trunk in enumerate(trunks) if trunk["is_external"]]
            for position in external[:: max(len(external) // 2, 1)][:2]:
                trunks[position]["phone_number_uuid"] = None
        return trunks

    def make(self, health: Health = Health.CALL) -> Trunk:
        """Return a new trunk; its number is one that this maker gave to no other."""
        source = self._source
        country, kind, number = self._plan.next()
        external = carrier.chance(source, 0.6)
        purchased = source.uniform(_FIRST_PURCHASE, _LAST_PURCHASE)
        trunk: Trunk = {
            "phone_number_uuid": self._uuid(),
            "number": number,
            "country_code": country.code,
            "location": kind.location,
            "type": kind.type,
            "is_external": external,
            # The vendor's own sample says "purchased" of an external number.
            "source": "external" if external and carrier.chance(source, 0.9) else "purchased",
            "status": "suspended" if health is Health.BROKEN else carrier.status(source),
            "compliance": carrier.compliance(source),
            "capabilities": carrier.capabilities(source, kind),
            "channel_settings": self._settings(health, country.code),
            "billing": carrier.no_price(source, country) if external else carrier.price(source, country),
            "bindings": {
                channel: binding(source.choice(self.agents) if channel in _BOUND_ON[health] else None)
                for channel in CHANNELS
            },
            "purchased_at": None if external and carrier.chance(source, 0.1) else self._stamp(purchased),
            "updated_at": self._stamp(purchased + source.uniform(0, _HALF_A_YEAR)),
        }
        if trunk["channel_settings"] is None and carrier.chance(source, 0.5):
            del trunk["channel_settings"]
        return trunk

    def _mixture(self, size: int) -> list[Health]:
        least = 1 if size >= _ENOUGH_FOR_TROUBLE else 0
        mixture = [
            *[Health.UNBOUND] * max(2 * least, size * 4 // 100),
            *[Health.NO_CAPACITY] * max(least, size * 3 // 100),
            *[Health.BROKEN] * max(least, size * 2 // 100),
            *[Health.CALL_AND_SMS] * max(least, size * 2 // 100),
            *[Health.WHATSAPP] * max(least, size * 5 // 100),
            *[Health.CALL_AND_WHATSAPP] * (size * 25 // 100),
        ]
        mixture += [Health.CALL] * (size - len(mixture))
        self._source.shuffle(mixture)
        return mixture

    def _settings(self, health: Health, country: str) -> object:
        source = self._source
        match health:
            case Health.BROKEN:
                return carrier.disabled_settings(source, country)
            case Health.NO_CAPACITY:
                return carrier.zero_limits(source, country)
            # Left out of the settings' oddities, so that it is beyond doubt that somebody should answer.
            case Health.UNBOUND:
                return carrier.channel_settings(source, country)
            case _:
                make = carrier.incomplete_settings if carrier.chance(source, 0.1) else carrier.channel_settings
                return make(source, country)

    def _stamp(self, seconds: float) -> str:
        full = timestamp(seconds)
        short = f"{full[:19]}Z"
        return self._source.choices((short, full, f"{full[:19]}+00:00", full[:19], full[:-1]), (60, 20, 10, 5, 5))[0]

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._source.getrandbits(128), version=4))
