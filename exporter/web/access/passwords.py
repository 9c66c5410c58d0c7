"""Checks passwords against bcrypt hashes, which is slow on purpose, and remembers who was right."""

import asyncio
import hmac
import secrets
from collections.abc import Mapping

import bcrypt

_LONGEST = 72  # bytes; bcrypt looks at no more
_MOST_WAITING = 16


class TooManyChecksError(Exception):
    """Passwords come faster than they can be checked."""


class Passwords:
    """The users' passwords.

    How long a check takes does not tell whether there is such a user: an unknown one's password is checked against
    the hash of some user. What was right is remembered by a keyed digest under a key that only this object has, so a
    scraper's password is hashed once, and found neither in memory nor on disk.
    """

    def __init__(self, users: Mapping[str, bytes]) -> None:
        self._users = users
        self._hashes = tuple(users.values())
        self._key = secrets.token_bytes(32)
        self._proven: dict[str, bytes] = {}
        self._waiting = 0
        self._one_at_a_time = asyncio.Lock()  # guesses must not take more than one processor

    @property
    def are_needed(self) -> bool:
        """Whether there are users at all."""
        return bool(self._users)

    async def fit(self, user: str, password: bytes) -> bool:
        """Tell whether a password is the user's.

        Raises:
            TooManyChecksError: too many others are waiting to be checked.
        """
        password = password[:_LONGEST]
        proof = self._digest(user.encode(), password)
        if self._is_proven(user, proof):
            return True
        if self._waiting >= _MOST_WAITING:
            raise TooManyChecksError
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                return self._is_proven(user, proof) or await self._check(user, password, proof)
        finally:
            self._waiting -= 1

    async def _check(self, user: str, password: bytes, proof: bytes) -> bool:
        hash_ = self._users.get(user) or self._stand_in(user)
        right = await asyncio.to_thread(bcrypt.checkpw, password, hash_) and user in self._users
        if right:
            self._proven[user] = proof
        return right

    def _is_proven(self, user: str, proof: bytes) -> bool:
        return hmac.compare_digest(self._proven.get(user, b""), proof)

    def _stand_in(self, user: str) -> bytes:
        """Return the hash that an unknown user's password is checked against: always the same for a name.

        Among the users' own, so that unknown ones take as long as known ones where costs differ.
        """
        return self._hashes[int.from_bytes(self._digest(user.encode())) % len(self._hashes)]

    def _digest(self, *parts: bytes) -> bytes:
        message = b"".join(len(part).to_bytes(8) + part for part in parts)
        return hmac.digest(self._key, message, "sha256")
