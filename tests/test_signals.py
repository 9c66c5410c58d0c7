"""Signals end what runs, whatever it is doing; tests/once and tests/end_to_end/test_start.py have commands."""

import subprocess
import sys

from support.processes import PATIENCE, PROJECT


def test_a_signal_ends_a_service_whose_event_loop_hangs() -> None:
    """tests/end_to_end/test_start.py has signals that come before the command line is known."""
    hangs = """
import asyncio, time
from exporter import process
process.prepare()
process.run_as_service()
from exporter.event_loop import run_service
async def hang():
    print("begun", flush=True)
    time.sleep(3600)
run_service(hang())
"""
    command = [sys.executable, "-c", hangs]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.terminate()
        assert process.wait(PATIENCE) == 0
