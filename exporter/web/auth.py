"""Basic authentication (RFC 7617) against bcrypt hashes, which are slow on purpose."""

import asyncio
import base64
import hmac
import secrets
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import bcrypt
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

_CHALLENGE = 'Basic realm="mihu-trunk-exporter", charset="UTF-8"'
_BCRYPT_BYTES = 72  # of a password; bcrypt ignores the rest
_MAX_CHECKS = 64  # of a client at a time, of some 0.1 s each


class TooManyChecksError(Exception):
    """Passwords come faster than they can be compared."""


class BasicAuth:
    """Checks users and passwords, in a thread of its own; ``users`` may be replaced.

    The duration of a check does not reveal whether a user exists: the password of an unknown user is compared with the
    hash of another user. A correct password is cached as a digest under a random key: a scraper's password is compared
    once, and never stored.

    One check of each client runs at a time, so a client that guesses delays others by one guess. The server's limit on
    connections bounds the number of clients.
    """

    def __init__(self, users: Mapping[str, bytes]) -> None:
        self.users = users
        self._key = secrets.token_bytes(32)
        self._cache: dict[str, bytes] = {}  # digests of correct passwords and their hashes, by user
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._checks = Counter[str]()  # running and waiting, by client
        self._locks: dict[str, asyncio.Lock] = {}  # by client

    async def refusal(self, request: Request) -> Response | None:
        """Return the response to a request without a valid password; None if the request is allowed."""
        if not self.users:
            return None
        scheme, _, encoded = request.headers.get("authorization", "").strip().partition(" ")
        try:
            name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
            user = name.decode()
        except ValueError:  # neither base64 nor UTF-8
            user, colon, password = "", b"", b""
        try:
            client = request.client.host if request.client else ""
            if scheme.lower() == "basic" and colon and await self.check(user, password, client):
                return None
        except TooManyChecksError:
            headers = {"Retry-After": "1"}
            return PlainTextResponse("Too many passwords are being checked; try again.\n", 503, headers=headers)
        return PlainTextResponse("Unauthorized\n", 401, headers={"WWW-Authenticate": _CHALLENGE})

    async def check(self, user: str, password: bytes, client: str = "") -> bool:
        """Return whether a password is the user's, or raise TooManyChecksError if too many of this client wait."""
        hashes = tuple(self.users.values())
        if not hashes:  # a reload has just taken the last away
            return False
        # The same for a name each time, and one of the users' own, so that it takes as long where costs differ.
        dummy = hashes[int.from_bytes(self._digest(user.encode())) % len(hashes)]
        hash_ = self.users.get(user, dummy)
        password = password[:_BCRYPT_BYTES]
        digest = self._digest(user.encode(), hash_, password)
        if self._is_cached(user, digest):
            return True
        if self._checks[client] >= _MAX_CHECKS:
            raise TooManyChecksError
        self._checks[client] += 1
        try:
            async with self._locks.setdefault(client, asyncio.Lock()):
                if not self._is_cached(user, digest):
                    loop = asyncio.get_running_loop()
                    matches = await loop.run_in_executor(self._executor, bcrypt.checkpw, password, hash_)
                    if not matches or self.users.get(user) != hash_:  # a reload may have come meanwhile
                        return False
                    self._cache[user] = digest
                return True
        finally:
            self._checks[client] -= 1
            if not self._checks[client]:
                del self._checks[client], self._locks[client]

    def _is_cached(self, user: str, digest: bytes) -> bool:
        return user in self.users and hmac.compare_digest(self._cache.get(user, b""), digest)

    def _digest(self, *parts: bytes) -> bytes:
        message = b"".join(len(part).to_bytes(8) + part for part in parts)
        return hmac.digest(self._key, message, "sha256")
