"""Passwords are checked in equal time, beside the event loop, and remembered without being kept."""

import asyncio
from collections import Counter
from itertools import count
from unittest.mock import Mock

import bcrypt
import pytest

from exporter.web.auth import BasicAuth, TooManyChecksError

PASSWORD = b"correct horse"


def users(cost: int = 4) -> dict[str, bytes]:
    return {"alice": bcrypt.hashpw(PASSWORD, bcrypt.gensalt(cost)), "bob": bcrypt.hashpw(b"b", bcrypt.gensalt(cost))}


@pytest.mark.parametrize(
    ("user", "password", "hashed"),
    [
        pytest.param("alice", PASSWORD, 1, id="a right one once"),
        pytest.param("alice", b"wrong", 8, id="a wrong one each time"),
        pytest.param("nobody", PASSWORD, 8, id="one of nobody as one of somebody"),
    ],
)
async def test_a_password_is_hashed_so_often(
    monkeypatch: pytest.MonkeyPatch, user: str, password: bytes, hashed: int
) -> None:
    known, check = users(), Mock(wraps=bcrypt.checkpw)
    monkeypatch.setattr(bcrypt, "checkpw", check)
    auth = BasicAuth(known)
    await asyncio.gather(*[auth.check(user, password) for _ in range(7)])
    await auth.check(user, password)
    assert check.call_count == hashed
    assert {hash_ for (_, hash_), _ in check.call_args_list} < {*known.values()}
    assert password.decode() not in repr(vars(auth))


@pytest.mark.parametrize(
    ("guessers", "at_once", "client"),
    [
        *((1, at_once, "192.0.2.200") for at_once in (1, 10, 500)),
        pytest.param(20, 30, "192.0.2.200", id="many clients"),
        pytest.param(1, 1, "192.0.2.0", id="the same client, as behind a proxy"),
    ],
)
async def test_a_right_password_waits_for_few_guesses(guessers: int, at_once: int, client: str) -> None:
    auth, numbers, guessed = BasicAuth(users()), count(), Counter[str]()

    async def guess(guesser: str) -> None:
        while True:
            try:
                assert not await auth.check("alice", b"%d" % next(numbers), guesser)
                guessed[guesser] += 1
            except TooManyChecksError:
                await asyncio.sleep(0)

    names = [f"192.0.2.{number}" for number in range(guessers)]
    guessing = [asyncio.create_task(guess(name)) for name in names for _ in range(at_once)]
    await asyncio.sleep(0)
    assert await auth.check("bob", b"b", client)
    assert max(guessed.values(), default=0) <= 2
    for task in guessing:
        task.cancel()
    await asyncio.gather(*guessing, return_exceptions=True)


async def test_a_client_with_too_many_checks_is_refused_and_no_other() -> None:
    auth = BasicAuth(users())
    guessing = [asyncio.create_task(auth.check("alice", b"%d" % number, "192.0.2.0")) for number in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyChecksError):
        await auth.check("bob", b"b", "192.0.2.0")
    assert await auth.check("bob", b"b", "192.0.2.1")
    assert await auth.check("bob", b"b", "192.0.2.0"), "a password that is known waits for nothing"
    for task in guessing:
        task.cancel()
    await asyncio.gather(*guessing, return_exceptions=True)


async def test_a_cancelled_check_does_not_block_the_next() -> None:
    auth = BasicAuth(users(cost=6))
    waiting = [asyncio.create_task(auth.check("alice", b"%d" % number)) for number in range(20)]
    await asyncio.sleep(0)
    for task in waiting[1::2]:
        task.cancel()
    assert await auth.check("alice", PASSWORD)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert results[::2] == [False] * 10


async def test_a_check_during_which_the_hash_changes_does_not_count() -> None:
    known = users(cost=6)
    auth = BasicAuth(known)
    checking = [asyncio.create_task(auth.check("alice", PASSWORD)) for _ in range(2)]
    await asyncio.sleep(0)
    auth.replace({"alice": known["bob"]})
    assert await asyncio.gather(*checking) == [False, False]
    auth.replace({})
    assert not await auth.check("alice", PASSWORD)
