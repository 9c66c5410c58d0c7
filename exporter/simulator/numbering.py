"""Plausible telephone numbers: a few countries' numbering plans, reduced to prefixes and lengths."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers of one kind: a type in the API's words, an E.164 prefix, the digits after it, a place."""

    type: str
    prefix: str
    digits: int
    location: str | None = None

    def pick(self, source: random.Random) -> str:
        """Return one number of the range, with its plus sign."""
        # A subscriber's number never begins with 0 or 1 in North America, and seldom elsewhere.
        first = source.choice("23456789")
        return self.prefix + first + "".join(source.choices("0123456789", k=self.digits - 1))


@dataclass(frozen=True, slots=True)
class Country:
    """A country where numbers are sold: ISO 3166 code, the currency they are priced in, how common it is."""

    code: str
    currency: str
    weight: int
    ranges: tuple[Range, ...]


COUNTRIES = (
    Country(
        "IT",
        "EUR",
        34,
        (
            Range("local", "+3906", 8, "Roma, Lazio"),
            Range("local", "+3902", 8, "Milano, Lombardia"),
            Range("local", "+39079", 7, "Sassari, Sardegna"),
            Range("mobile", "+39347", 7),
            Range("toll_free", "+39800", 6),
        ),
    ),
    Country(
        "US",
        "USD",
        24,
        (
            Range("local", "+1208", 7, "Boise, Idaho"),
            Range("local", "+1415", 7, "San Francisco, California"),
            Range("local", "+1212", 7, "New York, New York"),
            Range("toll_free", "+1888", 7),
        ),
    ),
    Country(
        "GB",
        "USD",
        12,
        (
            Range("local", "+4420", 8, "London, England"),
            Range("local", "+44131", 7, "Edinburgh, Scotland"),
            Range("mobile", "+447", 9),
            Range("national", "+44330", 7),
        ),
    ),
    Country(
        "DE",
        "EUR",
        12,
        (
            Range("local", "+4930", 8, "Berlin"),
            Range("local", "+4989", 8, "München, Bayern"),
            Range("mobile", "+49151", 8),
            Range("national", "+4932", 9),
        ),
    ),
    Country(
        "FR",
        "EUR",
        10,
        (
            Range("local", "+331", 8, "Paris, Île-de-France"),
            Range("local", "+334", 8, "Lyon, Auvergne-Rhône-Alpes"),
            Range("mobile", "+336", 8),
            Range("national", "+339", 8),
        ),
    ),
    Country(
        "ES",
        "EUR",
        8,
        (
            Range("local", "+3491", 7, "Madrid"),
            Range("local", "+3493", 7, "Barcelona, Cataluña"),
            Range("mobile", "+346", 8),
            Range("toll_free", "+34900", 6),
        ),
    ),
)


class NumberPlan:
    """Gives out numbers, each only once."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._taken: set[str] = set()

    def next(self) -> tuple[Country, Range, str]:
        """Return a number that was not given out before, with where it belongs."""
        while True:
            country = self._source.choices(COUNTRIES, [country.weight for country in COUNTRIES])[0]
            # Small ranges fill up in a large fleet, so every try may pick another one.
            kind = self._source.choice(country.ranges)
            number = kind.pick(self._source)
            if number not in self._taken:
                self._taken.add(number)
                return country, kind, number

    def take(self, number: str) -> None:
        """Mark a number as given out."""
        self._taken.add(number)
