"""What there is to see of a poll from the outside: its connections, its answers, its first page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exporter.api.errors import Reason

# Where TLS is spoken, as httpcore names it.
ON_CONNECTION = "connection"
WITHIN_TUNNEL = "proxy"


class Host(NamedTuple):
    """Where connections go."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class Handshake:
    """One way of speaking TLS.

    Attributes:
        name: what the certificate has to be for.
        version: the protocol agreed on; None until the handshake has succeeded.
        expires_at: when the certificate does, in Unix time; None where it is not checked.
    """

    name: str
    version: str | None = None
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of one answer of the API.

    Attributes:
        date: what its clock says, in Unix time; None where it does not.
        received_at: what ours said then.
        requests_left: until the API's rate limit; None where it does not say.
    """

    status: int
    date: float | None
    received_at: float
    requests_left: int | None


@dataclass(frozen=True, slots=True)
class FirstPage:
    """The first page, once it could be read.

    Attributes:
        rows: how many it has.
        total: how many the list has; None where the API does not say.
        last: the number of the last page; None where the API does not say.
    """

    rows: int
    total: int | None
    last: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What was seen of one poll.

    Attributes:
        host: where connections went, the API or a proxy; None where none was tried.
        peer: the address that the first of them reached.
        handshakes: TLS with that host, and TLS with the API through a proxy that has connected to it.
        answers: of the API, in the order in which they came.
        seconds: how long each request took.
        retries: how many requests were made again, by the reason for it.
    """

    host: Host | None = None
    peer: str | None = None
    handshakes: dict[str, Handshake] = field(default_factory=dict)
    answers: Sequence[Answer] = ()
    seconds: Sequence[float] = ()
    retries: Mapping[Reason, int] = field(default_factory=dict)
    first_page: FirstPage | None = None
