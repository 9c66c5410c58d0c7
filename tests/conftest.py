"""Set-up of every test."""

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from hypothesis import settings
from structlog import processors
from support import newer_programs

# How long an example takes says nothing about the code: the machine may be busy. Examples are others in each run;
# `make fuzz` tries more of them at a time.
settings.register_profile("quick", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile("quick")

# What the person who runs the tests has set up is not what they are about.
for name in [name for name in os.environ if name.startswith("MIHU_")]:
    del os.environ[name]
# They open more connections than most systems allow at first.
_, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))


def pytest_runtest_setup() -> None:
    """Log every level, an event a plain line, whatever an earlier test set up: a failing test shows it."""
    structlog.reset_defaults()
    structlog.configure(processors=[processors.add_log_level, processors.format_exc_info, processors.LogfmtRenderer()])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-goldens", action="store_true", help="rewrite golden files; runs no other tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--write-goldens"):
        items[:] = [item for item in items if "assert_golden" in getattr(item, "fixturenames", ())]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


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


@pytest.fixture
def newer(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[Path]]:
    """Return what finds a newer program by its name in suites; the output names those that cannot be had."""

    def found(name: str, *suites: str) -> list[Path]:
        programs = []
        for suite in suites:
            try:
                programs.append(newer_programs.program(suite, name))
            except newer_programs.UnavailableError as error:
                with capsys.disabled():
                    sys.stdout.write(f"\nwithout {name} of {suite}: {error}\n")
        return programs

    return found
