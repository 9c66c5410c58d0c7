"""Basic authentication (RFC 7617) against bcrypt hashes, which are slow on purpose."""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import bcrypt
from starlette.datastructures import Address
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

_CHALLENGE = 'Basic realm="mihu-trunk-exporter", charset="UTF-8"'
_BCRYPT_BYTES = 72  # of a password; bcrypt ignores the rest
_MAX_WAITING = 128  # checks of a client, of some 0.1 s each
_IN_ORDER = 8  # checks of a client; where more wait, the first have timed out by their turn
_MAX_GUESSING = 1024  # connections to remember


class TooManyChecksError(Exception):
    """Passwords come faster than they can be compared."""


class BasicAuth:
    """Checks users and passwords, in a thread of its own.

    The duration of a check does not reveal whether a user exists: the password of an unknown user is compared with the
    hash of another user. A correct password is cached as a digest under a random key: a scraper's password is compared
    once, and never stored.

    At most one check of each client waits for the thread, so a client that guesses delays others by one guess. The
    server's limit on connections bounds the number of clients. Of the waiting checks of a client, the latest comes
    first, because it has the most time left; beyond a limit the earliest is refused.

    A connection that sent a wrong password counts as a client of its own: guesses through a proxy do not delay the
    other clients of that proxy.
    """

    def __init__(self, users: Mapping[str, bytes]) -> None:
        self._users = users
        self._key = secrets.token_bytes(32)
        self._cache: dict[str, bytes] = {}  # digests of correct passwords, by user
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # by client, while one of its checks runs
        self._guessing: dict[Address, None] = {}  # connections, by the client's end

    def replace(self, users: Mapping[str, bytes]) -> None:
        """Replace the users; a cached password stays if its hash is the same."""
        self._cache = {user: digest for user, digest in self._cache.items() if users.get(user) == self._users[user]}
        self._users = users

    async def refusal(self, request: Request) -> Response | None:
        """Return the response to a request without a valid password; None if the request is allowed."""
        if not self._users:
            return None
        unauthorized = PlainTextResponse("Unauthorized\n", 401, headers={"WWW-Authenticate": _CHALLENGE})
        credentials = _credentials(request.headers.get("authorization", ""))
        if credentials is None:
            return unauthorized
        connection = request.client or Address("", 0)
        client = f"{connection.host} guessing" if connection in self._guessing else connection.host
        try:
            if await self.check(*credentials, client):
                return None
        except TooManyChecksError:
            headers = {"Retry-After": "1"}
            return PlainTextResponse("Too many passwords are being checked; try again.\n", 503, headers=headers)
        self._guessing[connection] = None
        if len(self._guessing) > _MAX_GUESSING:
            del self._guessing[next(iter(self._guessing))]
        return unauthorized

    async def check(self, user: str, password: bytes, client: str = "") -> bool:
        """Return whether a password is the user's.

        Raises:
            TooManyChecksError: too many checks of this client are waiting.
        """
        password = password[:_BCRYPT_BYTES]
        digest = self._digest(user.encode(), password)
        if self._is_cached(user, digest):
            return True
        await self._turn(client)
        try:
            return self._is_cached(user, digest) or await self._compare(user, password, digest)
        finally:
            self._end_turn(client)

    async def _turn(self, client: str) -> None:
        """Wait until no other check of the client is under way."""
        if client not in self._waiting:
            self._waiting[client] = deque()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting[client]
        waiting.append(turn)
        if len(waiting) > _MAX_WAITING and not (first := waiting.popleft()).done():
            first.set_exception(TooManyChecksError)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:
                self._end_turn(client)
            raise

    def _end_turn(self, client: str) -> None:
        waiting = self._waiting[client]
        while waiting:
            turn = waiting.popleft() if len(waiting) <= _IN_ORDER else waiting.pop()
            if not turn.done():
                turn.set_result(None)
                return
        del self._waiting[client]

    async def _compare(self, user: str, password: bytes, digest: bytes) -> bool:
        hashes = tuple(self._users.values())
        if not hashes:  # a reload has just taken the last away
            return False
        # The same for a name each time, and one of the users' own, so that it takes as long where costs differ.
        dummy = hashes[int.from_bytes(self._digest(user.encode())) % len(hashes)]
        hash_ = self._users.get(user, dummy)
        matches = await asyncio.get_running_loop().run_in_executor(self._executor, bcrypt.checkpw, password, hash_)
        if not matches or self._users.get(user) != hash_:  # a reload may have come meanwhile
            return False
        self._cache[user] = digest
        return True

    def _is_cached(self, user: str, digest: bytes) -> bool:
        return hmac.compare_digest(self._cache.get(user, b""), digest)

    def _digest(self, *parts: bytes) -> bytes:
        message = b"".join(len(part).to_bytes(8) + part for part in parts)
        return hmac.digest(self._key, message, "sha256")


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """Return the user and the password in a header; None if it has none."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None
