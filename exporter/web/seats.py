"""The connections that are open, and which of them goes when there are too many."""

from collections.abc import Callable


class Seats:
    """A limited number of seats for connections.

    A client that sends its request slowly, or not at all, costs nothing but its seat. So when all are taken, the
    connection that has kept us waiting longest makes room: however many such clients there are, whoever sends a
    request at once is answered.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._waiting: dict[object, Callable[[], None]] = {}  # the longest first
        self._answered: set[object] = set()

    def wait(self, connection: object, end: Callable[[], None]) -> None:
        """Note that a connection, new or not, waits for its client from now on."""
        self.leave(connection)
        self._waiting[connection] = end

    def answer(self, connection: object) -> None:
        """Note that a connection is being answered."""
        self.leave(connection)
        self._answered.add(connection)

    def leave(self, connection: object) -> None:
        """Note that a connection has ended."""
        self._waiting.pop(connection, None)
        self._answered.discard(connection)

    def make_room(self) -> bool:
        """Tell whether there is a seat, after ending the connection that waits longest where all were taken."""
        if len(self._waiting) + len(self._answered) < self._number:
            return True
        if not self._waiting:
            return False
        longest = next(iter(self._waiting))
        end = self._waiting.pop(longest)
        end()
        return True
