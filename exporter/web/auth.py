"""Asks for user and password (RFC 7617), and checks them against bcrypt hashes, which is slow on purpose."""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections import deque
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import bcrypt
from starlette.datastructures import Address
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_CHALLENGE = 'Basic realm="mihu-trunk-exporter", charset="UTF-8"'
_LONGEST = 72  # bytes; bcrypt looks at no more
_MOST_WAITING = 128  # checks, of some 0.1 s
_IN_ORDER = 8  # of a client; where more wait, the first ones come too late anyway
_REMEMBERED = 1024  # connections


class TooManyChecksError(Exception):
    """Passwords come faster than they can be checked."""


class BasicAuth:
    """Lets requests pass to an application that show a user's password; all of them where there are no users.

    Connections by which a wrong one came count as another client than those of the same address by which none did,
    so that who guesses by the same proxy keeps few others waiting.
    """

    def __init__(self, application: ASGIApp, passwords: "Passwords") -> None:
        self._application = application
        self._passwords = passwords
        self._guessing: dict[Address, None] = {}  # connections, by the client's end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            allowed = await self._allows(Request(scope))
        except TooManyChecksError:
            busy = PlainTextResponse(
                "Too many passwords are being checked; try again.\n", 503, headers={"Retry-After": "1"}
            )
            await busy(scope, receive, send)
            return
        if allowed:
            await self._application(scope, receive, send)
            return
        unauthorized = PlainTextResponse("Unauthorized\n", 401, headers={"WWW-Authenticate": _CHALLENGE})
        await unauthorized(scope, receive, send)

    async def _allows(self, request: Request) -> bool:
        if not self._passwords.are_needed:
            return True
        shown = _credentials(request.headers.get("authorization", ""))
        if shown is None:
            return False
        connection = request.client or Address("", 0)
        client = f"{connection.host} guessing" if connection in self._guessing else connection.host
        fits = await self._passwords.fit(*shown, client)
        if not fits:
            self._guessing[connection] = None
            if len(self._guessing) > _REMEMBERED:
                del self._guessing[next(iter(self._guessing))]
        return fits


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """Return user and password in a header; None where it holds none."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


class Passwords:
    """The users' passwords.

    How long a check takes does not tell whether there is such a user: an unknown one's password is checked against
    the hash of some user. What was right is remembered by a keyed digest under a key that only this object has, so a
    scraper's password is hashed once, and found neither in memory nor on disk.
    """

    def __init__(self, users: Mapping[str, bytes]) -> None:
        self._users = users
        self._key = secrets.token_bytes(32)
        self._proven: dict[str, bytes] = {}
        self._turns = _Turns()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="passwords")  # guesses take one processor at most

    @property
    def are_needed(self) -> bool:
        """Whether there are users at all."""
        return bool(self._users)

    def replace(self, users: Mapping[str, bytes]) -> None:
        """Take over other users; who was right stays so where the hash is the same."""
        self._proven = {user: proof for user, proof in self._proven.items() if users.get(user) == self._users[user]}
        self._users = users

    async def fit(self, user: str, password: bytes, client: str = "") -> bool:
        """Tell whether a password is the user's; clients take turns when many ask.

        Raises:
            TooManyChecksError: too many others are waiting to be checked.
        """
        password = password[:_LONGEST]
        proof = self._digest(user.encode(), password)
        if self._is_proven(user, proof):
            return True
        async with self._turns.one(client):
            return self._is_proven(user, proof) or await self._check(user, password, proof)

    async def _check(self, user: str, password: bytes, proof: bytes) -> bool:
        hash_ = self._users.get(user) or self._stand_in(user)
        if hash_ is None:
            return False
        fits = await asyncio.get_running_loop().run_in_executor(self._executor, bcrypt.checkpw, password, hash_)
        right = fits and self._users.get(user) == hash_  # a reload may have come meanwhile
        if right:
            self._proven[user] = proof
        return right

    def _is_proven(self, user: str, proof: bytes) -> bool:
        return hmac.compare_digest(self._proven.get(user, b""), proof)

    def _stand_in(self, user: str) -> bytes | None:
        """Return the hash that an unknown user's password is checked against: always the same for a name.

        Among the users' own, so that unknown ones take as long as known ones where costs differ.
        """
        hashes = tuple(self._users.values())  # none where a reload has just taken the last away
        return hashes[int.from_bytes(self._digest(user.encode())) % len(hashes)] if hashes else None

    def _digest(self, *parts: bytes) -> bytes:
        message = b"".join(len(part).to_bytes(8) + part for part in parts)
        return hmac.digest(self._key, message, "sha256")


class _Turns:
    """Lets one in at a time, and clients in turn: one that guesses keeps others waiting for one guess, not for all.

    Where many of a client wait, the last comes first, which has most time left. When too many wait, the client that
    has most of them there loses its first.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[bool]]] = {}  # the client whose turn is next comes first
        self._taken = False

    @asynccontextmanager
    async def one(self, client: str) -> AsyncIterator[None]:
        if self._taken:
            await self._wait(client)
        self._taken = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, client: str) -> None:
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        if sum(map(len, self._waiting.values())) > _MOST_WAITING:
            most = max(reversed(self._waiting.values()), key=len)
            if not (first := most.popleft()).done():
                first.set_result(False)
        try:
            has_come = await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.result():
                self._pass_on()
            raise
        if not has_come:
            raise TooManyChecksError

    def _pass_on(self) -> None:
        self._taken = False
        while self._waiting and not self._taken:
            client = next(iter(self._waiting))
            queue = self._waiting.pop(client)
            while queue and not self._taken:
                if not (turn := queue.popleft() if len(queue) <= _IN_ORDER else queue.pop()).done():
                    turn.set_result(True)
                    self._taken = True
            if queue:
                self._waiting[client] = queue
