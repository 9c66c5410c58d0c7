"""Signals end services and commands, whatever they are doing."""

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
def test_a_signal_cancels_a_command(signum: signal.Signals, status: int) -> None:
    trace: list[str] = []
    with pytest.raises(SystemExit) as ended:
        run_interruptibly(signalled(signum, trace))
    assert (ended.value.code, trace) == (status, ["cleaned up"])


@pytest.mark.parametrize(("signum", "status"), STATUSES)
def test_a_signal_ends_a_block_like_an_exception(signum: signal.Signals, status: int) -> None:
    before = signal.getsignal(signum)
    with pytest.raises(SystemExit) as ended, interruptible():
        signal.raise_signal(signum)
    assert ended.value.code == status
    assert signal.getsignal(signum) is before


def test_a_signal_ends_a_service_whose_event_loop_hangs() -> None:
    """tests/end_to_end/test_start.py has signals that come before the command line is known."""
    hangs = """
import asyncio, time
from exporter import process
process.hold_signals()
process.run_as_service()
from exporter.event_loop import run_until_signalled
async def hang(_):
    print("begun", flush=True)
    time.sleep(3600)
run_until_signalled(hang)
"""
    command = [sys.executable, "-c", hangs]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.terminate()
        assert process.wait(PATIENCE) == 0
