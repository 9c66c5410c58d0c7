"""The event loops that tests run in: asyncio's and uvloop's, and one whose clock a test puts forward."""

import asyncio
from typing import Any

import pytest

Backend = tuple[str, dict[str, Any]]  # as anyio's fixture anyio_backend has it

_TURNS = 200  # of the event loop: more than it takes until nothing more can be sent or read


class AdvancedLoop(asyncio.SelectorEventLoop):
    """asyncio's own, ahead of the machine's clock."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


EACH: list[Backend] = [("asyncio", {}), ("asyncio", {"use_uvloop": True})]
ADVANCED: Backend = ("asyncio", {"loop_factory": AdvancedLoop})


@pytest.fixture(params=EACH, ids=["asyncio", "uvloop"])
def on_each(request: pytest.FixtureRequest) -> Backend:
    """Run a test on either event loop, where a module calls this its ``anyio_backend``."""
    backend: Backend = request.param
    return backend


async def advance(seconds: int) -> None:
    """Let time pass in the loop that is running, second by second."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, AdvancedLoop)
    await _settle()
    for _ in range(seconds):
        loop.ahead += 1
        await _settle()


async def _settle() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
