"""What was asked of the simulated API, so that tests can prove what was not."""

from collections import Counter, deque
from dataclasses import dataclass

_KEPT = 10_000


@dataclass(slots=True)
class Exchange:
    """One request, and its answer if there was one yet.

    Attributes:
        workspace: its name; empty if there is none of the name that was asked for.
        path: as asked for, the workspace included.
        query: as asked for, encoded.
        status: the HTTP status; None while, or if, there is no answer.
    """

    workspace: str
    path: str
    query: str
    status: int | None = None


class Traffic:
    """Counts requests as they arrive, before any latency.

    Attributes:
        requests: by workspace.
        statuses: answers by workspace and HTTP status.
        sent: bytes of bodies that the server took, by workspace; it takes no more than the client reads, and
            what fits the buffers on the way.
        recent: the last 10,000 requests in order of arrival.
    """

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.sent: Counter[str] = Counter()
        self.recent: deque[Exchange] = deque(maxlen=_KEPT)

    def arrived(self, exchange: Exchange) -> None:
        """Count a request."""
        self.requests[exchange.workspace] += 1
        self.recent.append(exchange)

    def answered(self, exchange: Exchange, status: int) -> None:
        """Count its answer."""
        exchange.status = status
        self.statuses[exchange.workspace, status] += 1
