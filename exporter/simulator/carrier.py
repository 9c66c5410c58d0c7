"""The carrier's side of a trunk: what it can do, what is allowed, what it costs, what the law still wants.

Nulls, missing keys and ``[]`` in the place of an object are on purpose: the vendor's documentation says
"unknown until the carrier reports them" of some, and backends in PHP do the rest.
"""

import random
from typing import Any

from exporter.simulator.numbering import Country, Range

_REQUIREMENTS: tuple[dict[str, str], ...] = (
    {"name": "Company name", "type": "textual", "description": "As in the trade register"},
    {"name": "VAT number", "type": "textual", "description": "With the country's prefix"},
    {"name": "Proof of address", "type": "document", "description": "Not older than three months"},
    {"name": "Local address", "type": "address", "description": "Within the number's area"},
    {"name": "Identity document", "type": "document", "description": "Of the legal representative"},
)
_LIMITS = (2, 5, 10, 10, 20, 30, 50)


def chance(source: random.Random, probability: float) -> bool:
    """Return whether something of this probability, 0 to 1, happens."""
    return source.random() < probability


def status(source: random.Random) -> str:
    """Return a trunk's status: nearly always active."""
    return source.choices(("active", "pending", "suspended"), (94, 4, 2))[0]


def compliance(source: random.Random) -> dict[str, Any]:
    """Return ``compliance``: nearly always completed, otherwise with what is missing."""
    state = source.choices(("completed", "pending", "rejected"), (88, 9, 3))[0]
    listed = source.choice((0, 0, 1)) if state == "completed" else source.randint(1, 3)
    return {"status": state, "requirements": source.sample(_REQUIREMENTS, listed)}


def capabilities(source: random.Random, kind: Range) -> dict[str, bool | None] | list[Any] | None:
    """Return ``capabilities``: those of the number's type, or partly or wholly unknown."""
    known: dict[str, bool | None] = {
        "voice": True,
        "sms": kind.type == "mobile" or chance(source, 0.3),
        "mms": kind.prefix.startswith("+1") and kind.type == "local",
        "fax": kind.type == "local" and chance(source, 0.5),
        "emergency": kind.type == "local",
        "local_calling": kind.type in ("local", "mobile"),
    }
    if chance(source, 0.15):
        known[source.choice(("sms", "mms", "fax"))] = None
    if chance(source, 0.1):
        del known[source.choice(("fax", "emergency", "local_calling"))]
    return source.choices((known, None, []), (93, 4, 3))[0]


def channel_settings(source: random.Random, country: str) -> dict[str, Any]:
    """Return ``channel_settings`` in full, voice and inbound enabled."""
    limit = source.choice(_LIMITS)
    destinations = [country, *source.sample(("CH", "AT", "NL", "PT", "CA"), source.randint(0, 3))]
    sms = chance(source, 0.2)
    return {
        "voice": {"enabled": True, "channel_limit": limit, "whitelisted_destinations": destinations},
        "sms": {
            "enabled": sms,
            "channel_limit": 5 if sms else 0,
            "whitelisted_destinations": destinations[:1],
        },
        "inbound": {"enabled": True, "channel_limit": limit},
    }


def incomplete_settings(source: random.Random, country: str) -> dict[str, Any] | list[Any] | None:
    """Return ``channel_settings`` with something null, missing or ``[]``, up to all of it."""
    settings = channel_settings(source, country)
    match source.randrange(7):
        case 0:
            return None
        case 1:
            return []
        case 2:
            settings["sms"] = []
        case 3:
            settings["sms"] = None
        case 4:
            del settings["sms"]
        case 5:
            settings["voice"]["channel_limit"] = None
        case _:
            del settings["voice"]["whitelisted_destinations"]
    return settings


def disabled_settings(source: random.Random, country: str) -> dict[str, Any]:
    """Return ``channel_settings`` that let no call in or out."""
    settings = channel_settings(source, country)
    for service in ("voice", "inbound"):
        settings[service]["enabled"] = False
    return settings


def zero_limits(source: random.Random, country: str) -> dict[str, Any]:
    """Return ``channel_settings`` that enable voice and inbound with 0 channels."""
    settings = channel_settings(source, country)
    for service in ("voice", "inbound"):
        settings[service]["channel_limit"] = 0
    return settings


def price(source: random.Random, country: Country) -> dict[str, Any]:
    """Return ``billing`` of a number bought from the vendor."""
    fee = source.choice((1, 1.15, 2.5, 3, 4.99, 12.5))
    return {"monthly_fee": fee, "currency": country.currency}


def no_price(source: random.Random, country: Country) -> dict[str, Any] | list[Any]:
    """Return ``billing`` of an external number, which "is not billed"."""
    match source.randrange(5):
        case 0:
            return {"monthly_fee": None, "currency": None}
        case 1:
            return {"monthly_fee": None, "currency": country.currency}
        case 2:
            return {"currency": country.currency}
        case 3:
            return []
        case _:
            return {"monthly_fee": 0, "currency": country.currency}
