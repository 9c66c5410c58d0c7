"""What holds for every test."""

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvloop
from hypothesis import settings

# How long an example takes says nothing about the code: the machine may be busy. Examples are others in each run;
# `make fuzz` tries more of them at a time.
settings.register_profile("quick", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile("quick")

_PATIENCE = 300.0  # seconds, by the clock of the event loop, after which a test is taken never to end


def pytest_runtest_setup() -> None:
    """Log every level, whatever the test before has set up.

    One plain line an event, so that a failing test shows what was logged, not pages of local variables.
    """
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(),
        ]
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine, in the event loop that a fixture ``loop_factory`` makes, else in asyncio's."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    loop_factory: Any = pyfuncitem.funcargs.get("loop_factory")
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(test).parameters}
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(asyncio.wait_for(test(**arguments), _PATIENCE))
    return True


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """Run a test on either event loop."""
    factory: Callable[[], asyncio.AbstractEventLoop] = request.param
    return factory


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-goldens", action="store_true", help="write golden files anew; runs no other tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--write-goldens"):
        items[:] = [item for item in items if "assert_golden" in getattr(item, "fixturenames", ())]


@pytest.fixture(scope="session")
def assert_golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Return what compares a text with a golden file, or writes the file under ``--write-goldens``."""
    writes = bool(request.config.getoption("--write-goldens"))

    def compare(file: Path, text: str) -> None:
        if writes:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8"), "if it is right, run `make goldens`"

    return compare
