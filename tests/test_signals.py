"""Signals to a command that ends by itself."""

import asyncio
import signal
import subprocess
import sys

import pytest
from support.processes import PATIENCE, PROJECT

from exporter.event_loop import run_interruptibly
from exporter.process import interruptible

STATUSES = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


async def signalled(signum: signal.Signals, trace: list[str]) -> None:
    signal.raise_signal(signum)
    try:
        await asyncio.Event().wait()
    finally:
        trace.append("cleaned up")


@pytest.mark.parametrize(("signum", "status"), STATUSES)
def test_one_cancels_what_runs(signum: signal.Signals, status: int) -> None:
    trace: list[str] = []
    with pytest.raises(SystemExit) as ended:
        run_interruptibly(signalled(signum, trace))
    assert (ended.value.code, trace) == (status, ["cleaned up"])


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_one_that_comes_later_is_nobody_s(signum: signal.Signals) -> None:
    assert run_interruptibly(asyncio.sleep(0, "result")) == "result"
    assert signal.getsignal(signum) in {signal.SIG_DFL, signal.default_int_handler}


@pytest.mark.parametrize(("signum", "status"), STATUSES)
def test_one_ends_a_block_as_an_exception_does(signum: signal.Signals, status: int) -> None:
    before = signal.getsignal(signum)
    with pytest.raises(SystemExit) as ended, interruptible():
        signal.raise_signal(signum)
    assert ended.value.code == status
    assert signal.getsignal(signum) is before


def test_one_ends_what_hangs_in_the_event_loop_itself() -> None:
    hangs = """
import asyncio, time
from exporter import process
process.hold_signals()
process.run_as_service()
from exporter.event_loop import run_until_signalled
async def hang(_):
    print("hangs", flush=True)
    time.sleep(3600)
run_until_signalled(hang)
"""
    with subprocess.Popen([sys.executable, "-c", hangs], stdout=subprocess.PIPE, cwd=PROJECT) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        assert process.stdout.readline() == b"hangs\n"
        process.terminate()
        assert process.wait(PATIENCE) == 0
