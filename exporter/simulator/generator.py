"""Believable trunks from a seed, in the JSON shape of the vendor's documentation.

Nulls, missing keys and ``[]`` in the place of an object are intended: capabilities are "unknown until the carrier
reports them", an external number "is not billed", and PHP sends an empty object as ``[]``.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

Trunk = dict[str, Any]  # as the API shows it; immutable once made: a change makes a new one

CHANNELS = ("call", "sms", "whatsapp")  # the keys of bindings


@dataclass(frozen=True, slots=True)
class Agent:
    uuid: str
    name: str


def binding(agent: Agent | None) -> dict[str, Any]:
    if agent is None:
        return {"bound": False, "agent_uuid": None, "agent_name": None}
    return {"bound": True, "agent_uuid": agent.uuid, "agent_name": agent.name}


def bound_channels(trunk: Trunk) -> tuple[str, ...]:
    return tuple(channel for channel in CHANNELS if trunk["bindings"][channel]["bound"])


def timestamp(seconds: float) -> str:
    """Format a Unix time as Laravel does: UTC, microseconds, a Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class _Range(NamedTuple):
    """Numbers of one country and type: an E.164 prefix, how many digits follow it, and a place."""

    country: str
    type: str
    prefix: str
    digits: int
    location: str | None = None


_COUNTRIES = {"IT": 34, "US": 24, "GB": 12, "DE": 12, "FR": 10, "ES": 8}  # with their shares in per cent
_IN_DOLLARS = ("US", "GB")
_RANGES = (
    _Range("IT", "local", "+3906", 8, "Roma, Lazio"),
    _Range("IT", "local", "+3902", 8, "Milano, Lombardia"),
    _Range("IT", "local", "+39079", 7, "Sassari, Sardegna"),
    _Range("IT", "mobile", "+39347", 7),
    _Range("IT", "toll_free", "+39800", 6),
    _Range("US", "local", "+1208", 7, "Boise, Idaho"),
    _Range("US", "local", "+1415", 7, "San Francisco, California"),
    _Range("US", "local", "+1212", 7, "New York, New York"),
    _Range("US", "toll_free", "+1888", 7),
    _Range("GB", "local", "+4420", 8, "London, England"),
    _Range("GB", "local", "+44131", 7, "Edinburgh, Scotland"),
    _Range("GB", "mobile", "+447", 9),
    _Range("GB", "national", "+44330", 7),
    _Range("DE", "local", "+4930", 8, "Berlin"),
    _Range("DE", "local", "+4989", 8, "München, Bayern"),
    _Range("DE", "mobile", "+49151", 8),
    _Range("DE", "national", "+4932", 9),
    _Range("FR", "local", "+331", 8, "Paris, Île-de-France"),
    _Range("FR", "local", "+334", 8, "Lyon, Auvergne-Rhône-Alpes"),
    _Range("FR", "mobile", "+336", 8),
    _Range("FR", "national", "+339", 8),
    _Range("ES", "local", "+3491", 7, "Madrid"),
    _Range("ES", "local", "+3493", 7, "Barcelona, Cataluña"),
    _Range("ES", "mobile", "+346", 8),
    _Range("ES", "toll_free", "+34900", 6),
)
_RANGES_OF = {country: [one for one in _RANGES if one.country == country] for country in _COUNTRIES}
_AGENT_NAMES = (
    *("Front desk", "Reservations", "Support", "Support (night)", "Accounts", "Réception", "Zoë", 'Luca "il Bis"'),
    *("Sales DACH", "Überlauf", "Emergencies 24/7", "Survey"),
)
_REQUIREMENTS = (
    {"name": "Company name", "type": "textual", "description": "As in the trade register"},
    {"name": "VAT number", "type": "textual", "description": "With the country's prefix"},
    {"name": "Proof of address", "type": "document", "description": "Not older than three months"},
    {"name": "Local address", "type": "address", "description": "Within the number's area"},
    {"name": "Identity document", "type": "document", "description": "Of the legal representative"},
)
# Fixed days instead of today: equal seeds make equal fleets.
_FIRST_PURCHASE = datetime(2023, 1, 1, tzinfo=UTC).timestamp()
_LAST_PURCHASE = datetime(2025, 6, 30, tzinfo=UTC).timestamp()
_HALF_A_YEAR = 182 * 86_400.0
_ENOUGH_FOR_TROUBLE = 10  # trunks, from which on a fleet has every kind of trouble


class _Setup(NamedTuple):
    """A trunk's set-up."""

    channels: tuple[str, ...]  # that are bound
    share: int = 0  # of a fleet, in per cent
    minimum: int = 0  # in a fleet of some size


_UNBOUND = _Setup((), 4, 2)  # no agent answers, although calls are enabled
_NO_CAPACITY = _Setup(("call",), 3, 1)  # calls are enabled with a channel limit of 0
_BROKEN = _Setup(("call",), 2, 1)  # suspended, calls disabled
_CALL = _Setup(("call",))  # all that are no other
_SETUPS = (
    _UNBOUND,
    _NO_CAPACITY,
    _BROKEN,
    _Setup(("call", "sms"), 2, 1),
    _Setup(("whatsapp",), 5, 1),  # bound only on whatsapp, which may be intended
    _Setup(("call", "whatsapp"), 25),
)


class TrunkGenerator:
    """Makes one trunk after the other, each with another number; the same seed makes the same trunks."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - made-up data, not a secret
        self.numbers: set[str] = set()  # that are taken
        self.agents = tuple(Agent(_uuid(self._random), name) for name in _AGENT_NAMES)

    def fleet(self, size: int) -> list[Trunk]:
        has_troubles = size >= _ENOUGH_FOR_TROUBLE
        setups: list[_Setup] = []
        for setup in _SETUPS:
            setups += [setup] * max(setup.minimum if has_troubles else 0, size * setup.share // 100)
        setups += [_CALL] * (size - len(setups))
        self._random.shuffle(setups)
        trunks = [self.trunk(setup) for setup in setups]
        if has_troubles:
            external = [trunk for trunk in trunks if trunk["is_external"]]
            for trunk in external[:: max(len(external) // 2, 1)][:2]:
                trunk["phone_number_uuid"] = None
        return trunks

    def trunk(self, setup: _Setup = _CALL) -> Trunk:
        # Golden files depend on the order of the draws.
        random = self._random
        kind, number = self._number()
        country = kind.country
        currency = "USD" if country in _IN_DOLLARS else "EUR"
        external = _chance(random, 0.6)
        broken = setup is _BROKEN
        purchased = random.uniform(_FIRST_PURCHASE, _LAST_PURCHASE)
        trunk: Trunk = {
            "phone_number_uuid": _uuid(random),
            "number": number,
            "country_code": country,
            "location": kind.location,
            "type": kind.type,
            "is_external": external,
            # The vendor's own sample says "purchased" of an external number.
            "source": "external" if external and _chance(random, 0.9) else "purchased",
            "status": "suspended" if broken else random.choices(("active", "pending", "suspended"), (94, 4, 2))[0],
            "compliance": _compliance(random),
            "capabilities": _capabilities(random, kind),
            "channel_settings": _channel_settings(random, setup, country),
            "billing": _billing(random, currency, external=external),
            "bindings": {
                channel: binding(random.choice(self.agents) if channel in setup.channels else None)
                for channel in CHANNELS
            },
            "purchased_at": None if external and _chance(random, 0.1) else _any_timestamp(random, purchased),
            "updated_at": _any_timestamp(random, purchased + random.uniform(0, _HALF_A_YEAR)),
        }
        if trunk["channel_settings"] is None and _chance(random, 0.5):
            del trunk["channel_settings"]
        return trunk

    def _number(self) -> tuple[_Range, str]:
        random = self._random
        while True:
            country = random.choices(list(_COUNTRIES), list(_COUNTRIES.values()))[0]
            # Small ranges fill up in a large fleet, so every try may pick another one.
            kind = random.choice(_RANGES_OF[country])
            # A subscriber's number never begins with 0 or 1 in North America, and seldom elsewhere.
            number = kind.prefix + random.choice("23456789") + "".join(random.choices("0123456789", k=kind.digits - 1))
            if number not in self.numbers:
                self.numbers.add(number)
                return kind, number


def _chance(random: Random, probability: float) -> bool:
    return random.random() < probability


def _uuid(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _any_timestamp(random: Random, seconds: float) -> str:
    """Format a Unix time in one of the ways that are plausible: with or without fractions, with or without a zone."""
    full = timestamp(seconds)
    short = full[:19]
    return random.choices((f"{short}Z", full, f"{short}+00:00", short, full[:-1]), (60, 20, 10, 5, 5))[0]


def _compliance(random: Random) -> dict[str, Any]:
    status = random.choices(("completed", "pending", "rejected"), (88, 9, 3))[0]
    missing = random.choice((0, 0, 1)) if status == "completed" else random.randint(1, 3)
    return {"status": status, "requirements": random.sample(_REQUIREMENTS, missing)}


def _capabilities(random: Random, kind: _Range) -> dict[str, bool | None] | list[Any] | None:
    capabilities: dict[str, bool | None] = {
        "voice": True,
        "sms": kind.type == "mobile" or _chance(random, 0.3),
        "mms": kind.prefix.startswith("+1") and kind.type == "local",
        "fax": kind.type == "local" and _chance(random, 0.5),
        "emergency": kind.type == "local",
        "local_calling": kind.type in ("local", "mobile"),
    }
    if _chance(random, 0.15):
        capabilities[random.choice(("sms", "mms", "fax"))] = None
    if _chance(random, 0.1):
        del capabilities[random.choice(("fax", "emergency", "local_calling"))]
    return random.choices((capabilities, None, []), (93, 4, 3))[0]


def _channel_settings(random: Random, setup: _Setup, country: str) -> dict[str, Any] | list[Any] | None:
    # Only trunks without trouble get odd settings, so that of the others it is beyond doubt what they are.
    troubled = setup in (_BROKEN, _NO_CAPACITY, _UNBOUND)
    incomplete = not troubled and _chance(random, 0.1)
    limit = random.choice((2, 5, 10, 10, 20, 30, 50))
    destinations = [country, *random.sample(("CH", "AT", "NL", "PT", "CA"), random.randint(0, 3))]
    sms = _chance(random, 0.2)
    enabled = setup is not _BROKEN
    if setup is _NO_CAPACITY:
        limit = 0
    settings = {
        "voice": {"enabled": enabled, "channel_limit": limit, "whitelisted_destinations": destinations},
        "sms": {"enabled": sms, "channel_limit": 5 if sms else 0, "whitelisted_destinations": destinations[:1]},
        "inbound": {"enabled": enabled, "channel_limit": limit},
    }
    return _incomplete(random, settings) if incomplete else settings


def _incomplete(random: Random, settings: dict[str, Any]) -> dict[str, Any] | list[Any] | None:
    """Make something null, missing or ``[]``, up to all of it."""
    voice, inbound = settings["voice"], settings["inbound"]
    incomplete: tuple[dict[str, Any] | list[Any] | None, ...] = (
        None,
        [],
        settings | {"sms": []},
        settings | {"sms": None},
        {"voice": voice, "inbound": inbound},
        settings | {"voice": voice | {"channel_limit": None}},
        settings | {"voice": {name: voice[name] for name in ("enabled", "channel_limit")}},
    )
    return incomplete[random.randrange(7)]


def _billing(random: Random, currency: str, *, external: bool) -> dict[str, Any] | list[Any]:
    if not external:
        return {"monthly_fee": random.choice((1, 1.15, 2.5, 3, 4.99, 12.5)), "currency": currency}
    return random.choice(
        (
            {"monthly_fee": None, "currency": None},
            {"monthly_fee": None, "currency": currency},
            {"currency": currency},
            [],
            {"monthly_fee": 0, "currency": currency},
        )
    )
