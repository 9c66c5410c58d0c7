"""Passwords are checked in equal time, beside the event loop, and remembered without being kept."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import bcrypt
import pytest

from exporter.web.auth import BasicAuth, TooManyChecksError

PASSWORD = b"correct horse"


def users(cost: int = 4) -> Mapping[str, bytes]:
    return {"alice": bcrypt.hashpw(PASSWORD, bcrypt.gensalt(cost)), "bob": bcrypt.hashpw(b"b", bcrypt.gensalt(cost))}


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the hashes that bcrypt is asked about."""
    asked: list[bytes] = []
    check = bcrypt.checkpw

    def checkpw(password: bytes, hash_: bytes) -> bool:
        asked.append(hash_)
        return check(password, hash_)

    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    return asked


@pytest.mark.parametrize(
    ("user", "password", "fit"),
    [
        ("alice", PASSWORD, True),
        ("alice", b"wrong", False),
        ("alice", b"", False),
        ("alice", PASSWORD + b"\0", False),
        ("bob", PASSWORD, False),
        ("nobody", PASSWORD, False),
        ("", PASSWORD, False),
        ("ALICE", PASSWORD, False),
        ("alice", b"x" * 10_000, False),
    ],
)
def test_a_password_fits_its_user_alone(user: str, password: bytes, fit: bool) -> None:  # noqa: FBT001 - a parameter
    async def test() -> None:
        auth = BasicAuth(users())
        for _ in range(2):
            assert await auth.check(user, password) is fit

    asyncio.run(test())


def test_hashes_of_every_kind_and_passwords_as_far_as_bcrypt_looks() -> None:
    for kind in (b"$2y$", b"$2a$", b"$2b$"):
        assert asyncio.run(BasicAuth({"alice": kind + users()["alice"][4:]}).check("alice", PASSWORD))
    auth = BasicAuth({"alice": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))})
    assert asyncio.run(auth.check("alice", b"x" * 72 + b"y"))


@pytest.mark.parametrize(
    ("user", "password", "hashed"),
    [
        pytest.param("alice", PASSWORD, 1, id="a right one once"),
        pytest.param("alice", b"wrong", 8, id="a wrong one each time"),
        pytest.param("nobody", PASSWORD, 8, id="one of nobody as one of somebody"),
    ],
)
def test_a_password_is_hashed_so_often(checks: list[bytes], user: str, password: bytes, hashed: int) -> None:
    async def test() -> None:
        auth, known = BasicAuth(known_users := users()), list(known_users.values())
        await asyncio.gather(*[auth.check(user, password) for _ in range(7)])
        await auth.check(user, password)
        assert len(checks) == hashed
        assert len(set(checks)) == 1
        assert checks[0] in known

    asyncio.run(test())


def test_guesses_do_not_pile_up_and_do_not_keep_out_users_who_were_right_before() -> None:
    async def test() -> None:
        auth = BasicAuth(users(cost=6))
        assert await auth.check("alice", PASSWORD)
        guesses = [asyncio.create_task(auth.check("alice", b"%d" % number)) for number in range(200)]
        await asyncio.sleep(0)
        assert await auth.check("alice", PASSWORD)
        results = await asyncio.gather(*guesses, return_exceptions=True)
        assert results.count(False) == 129
        assert sum(isinstance(result, TooManyChecksError) for result in results) == 71

    asyncio.run(test())


class Guesser:
    """A client that guesses all the time, with many requests at once."""

    def __init__(self, auth: BasicAuth, client: str) -> None:
        self._auth = auth
        self._client = client
        self._numbers = count()
        self.guessed = 0

    @asynccontextmanager
    async def guessing(self, at_once: int) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._guess()) for _ in range(at_once)]
        await asyncio.sleep(0)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _guess(self) -> None:
        while True:
            try:
                assert not await self._auth.check("alice", b"%d" % next(self._numbers), self._client)
                self.guessed += 1
            except TooManyChecksError:
                await asyncio.sleep(0)


@pytest.mark.parametrize("at_once", [1, 10, 500])
def test_a_right_password_waits_for_few_guesses_of_others(at_once: int) -> None:
    async def test() -> None:
        auth = BasicAuth(users())
        guesser = Guesser(auth, "192.0.2.1")
        async with guesser.guessing(at_once):
            guesser.guessed = 0
            assert await auth.check("bob", b"b", "192.0.2.2")
            assert guesser.guessed <= 2

    asyncio.run(test())


def test_it_waits_for_one_guess_each_of_many_clients() -> None:
    async def test() -> None:
        auth = BasicAuth(users())
        guessers = [Guesser(auth, f"192.0.2.{number}") for number in range(20)]
        async with AsyncExitStack() as stack:
            for guesser in guessers:
                await stack.enter_async_context(guesser.guessing(30))
            for guesser in guessers:
                guesser.guessed = 0
            assert await auth.check("bob", b"b", "198.51.100.1")
            assert max(guesser.guessed for guesser in guessers) <= 2

    asyncio.run(test())


def test_it_is_let_in_among_a_hundred_guesses_of_the_same_client_as_behind_a_proxy() -> None:
    async def test() -> None:
        auth = BasicAuth(users())
        guesser = Guesser(auth, "192.0.2.1")
        async with guesser.guessing(100):
            guesser.guessed = 0
            assert await auth.check("alice", PASSWORD, "192.0.2.1")
            assert guesser.guessed <= 2

    asyncio.run(test())


def test_one_that_gives_up_lets_the_next_have_its_turn() -> None:
    async def test() -> None:
        auth = BasicAuth(users(cost=6))
        waiting = [asyncio.create_task(auth.check("alice", b"%d" % number)) for number in range(20)]
        await asyncio.sleep(0)
        for task in waiting[1::2]:
            task.cancel()
        assert await auth.check("alice", PASSWORD)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert results[::2] == [False] * 10

    asyncio.run(test())


def test_who_was_right_stays_so_when_others_come_and_go(checks: list[bytes]) -> None:
    async def test() -> None:
        known = users()
        auth = BasicAuth(known)
        assert await auth.check("alice", PASSWORD)
        auth.replace({**known, "carol": known["bob"]})
        assert await auth.check("alice", PASSWORD)
        auth.replace({"alice": known["alice"]})
        assert await auth.check("alice", PASSWORD)
        assert len(checks) == 1
        assert not await auth.check("bob", b"b")
        assert PASSWORD.decode() not in repr(vars(auth))  # it is remembered and not kept
        assert "alice" in repr(vars(auth))

    asyncio.run(test())


def test_what_is_checked_while_the_hash_changes_does_not_count() -> None:
    async def test() -> None:
        known = users(cost=6)
        auth = BasicAuth(known)
        checking = [asyncio.create_task(auth.check("alice", PASSWORD)) for _ in range(2)]
        await asyncio.sleep(0)
        auth.replace({"alice": known["bob"]})
        assert await asyncio.gather(*checking) == [False, False]
        auth.replace({})
        assert not await auth.check("alice", PASSWORD)

    asyncio.run(test())
