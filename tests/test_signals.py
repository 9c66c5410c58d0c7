"""Signals to a command that ends by itself."""

import asyncio
import signal

import pytest

from exporter.signals import interruptible, killable, run_interruptibly

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


def test_without_one_the_result_is_returned() -> None:
    assert run_interruptibly(asyncio.sleep(0, "result")) == "result"


@pytest.mark.parametrize(("signum", "status"), STATUSES)
def test_one_ends_a_block_as_an_exception_does(signum: signal.Signals, status: int) -> None:
    before = signal.getsignal(signum)
    with pytest.raises(SystemExit) as ended, interruptible():
        signal.raise_signal(signum)
    assert ended.value.code == status
    assert signal.getsignal(signum) is before


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_one_ends_the_program_where_nothing_is_to_be_cleaned_up(signum: signal.Signals) -> None:
    before = signal.getsignal(signum)
    with killable():
        assert signal.getsignal(signum) is signal.SIG_DFL
    assert signal.getsignal(signum) is before
