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


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_handlers_are_removed_when_a_command_ends(signum: signal.Signals) -> None:
    assert run_interruptibly(asyncio.sleep(0, "result")) == "result"
    assert signal.getsignal(signum) in {signal.SIG_DFL, signal.default_int_handler}


@pytest.mark.parametrize(("signum", "status"), STATUSES)
def test_a_signal_ends_a_block_like_an_exception(signum: signal.Signals, status: int) -> None:
    before = signal.getsignal(signum)
    with pytest.raises(SystemExit) as ended, interruptible():
        signal.raise_signal(signum)
    assert ended.value.code == status
    assert signal.getsignal(signum) is before


def begun(script: str) -> subprocess.Popen[bytes]:
    """Run a script until it prints something."""
    process = subprocess.Popen(  # noqa: S603 - ours
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    return process


def test_a_signal_ends_a_service_whose_event_loop_hangs() -> None:
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
    with begun(hangs) as process:
        process.terminate()
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(("runs", "status"), [("run_as_service", 0), ("run_as_command", 143)])
def test_an_early_signal_waits_for_the_command_line(runs: str, status: int) -> None:
    reads = f"""
from exporter import process
process.hold_signals()
print("begun", flush=True)
input()
process.{runs}()
input()
"""
    with begun(reads) as process:
        process.terminate()
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.wait(PATIENCE) == status
