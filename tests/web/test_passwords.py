"""Passwords are checked in equal time, beside the event loop, and remembered without being kept."""

import asyncio
import threading
from collections.abc import Mapping

import bcrypt
import pytest

from exporter.web.access.passwords import Passwords, TooManyChecksError

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
        passwords = Passwords(users())
        for _ in range(2):
            assert await passwords.fit(user, password) is fit

    asyncio.run(test())


@pytest.mark.parametrize("kind", [b"$2y$", b"$2a$", b"$2b$"])
def test_hashes_of_every_kind(kind: bytes) -> None:
    hash_ = kind + users()["alice"][4:]
    assert asyncio.run(Passwords({"alice": hash_}).fit("alice", PASSWORD))


def test_a_long_password_counts_as_far_as_bcrypt_looks() -> None:
    passwords = Passwords({"alice": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))})
    assert asyncio.run(passwords.fit("alice", b"x" * 72 + b"y"))


def test_a_right_password_is_hashed_once(checks: list[bytes]) -> None:
    async def test() -> None:
        passwords = Passwords(users())
        await asyncio.gather(*[passwords.fit("alice", PASSWORD) for _ in range(8)])
        assert await passwords.fit("alice", PASSWORD)
        assert len(checks) == 1

    asyncio.run(test())


def test_a_wrong_password_is_hashed_each_time(checks: list[bytes]) -> None:
    async def test() -> None:
        passwords = Passwords(users())
        assert await passwords.fit("alice", PASSWORD)
        for _ in range(3):
            assert not await passwords.fit("alice", b"wrong")
        assert len(checks) == 4

    asyncio.run(test())


def test_an_unknown_user_costs_as_much_as_a_known_one(checks: list[bytes]) -> None:
    async def test() -> None:
        known = users()
        passwords = Passwords(known)
        for _ in range(3):
            assert not await passwords.fit("nobody", PASSWORD)
        assert len(checks) == 3
        assert len(set(checks)) == 1
        assert checks[0] in known.values()

    asyncio.run(test())


def test_a_check_leaves_the_event_loop_free(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(bcrypt, "checkpw", lambda _, __: go_on.wait(5))

    async def test() -> None:
        checking = asyncio.create_task(Passwords(users()).fit("alice", PASSWORD))
        await asyncio.sleep(0.01)
        go_on.set()
        assert await checking

    asyncio.run(test())


def test_guesses_do_not_pile_up_and_do_not_keep_out_whoever_was_right_before() -> None:
    async def test() -> None:
        passwords = Passwords(users(cost=6))
        assert await passwords.fit("alice", PASSWORD)
        guesses = [asyncio.create_task(passwords.fit("alice", b"%d" % number)) for number in range(100)]
        await asyncio.sleep(0)
        assert await passwords.fit("alice", PASSWORD)
        results = await asyncio.gather(*guesses, return_exceptions=True)
        assert results.count(False) == 16
        assert sum(isinstance(result, TooManyChecksError) for result in results) == 84

    asyncio.run(test())


def test_a_password_that_was_right_is_remembered_and_not_kept() -> None:
    async def test() -> None:
        passwords = Passwords(users())
        assert await passwords.fit("alice", PASSWORD)
        assert PASSWORD.decode() not in repr(vars(passwords))
        assert "alice" in repr(vars(passwords))  # it is there that something is remembered

    asyncio.run(test())
