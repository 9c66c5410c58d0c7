"""The event loop of the exporter: what hangs holds up neither signals nor names."""

import os
import subprocess
import sys

from support.processes import PATIENCE, PROJECT
from support.programs import run_well

_HANGS = """
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


def test_a_signal_ends_a_service_whose_event_loop_hangs() -> None:
    """tests/end_to_end/test_start.py has signals that come before the command line is known."""
    command = [sys.executable, "-c", _HANGS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.terminate()
        assert process.wait(PATIENCE) == 0


_THREADS_AFTER_A_LOOKUP = """
import asyncio, os
from exporter.event_loop import run_until_signalled

async def look_up():
    await asyncio.get_running_loop().getaddrinfo("localhost", 443)
    return len(os.listdir("/proc/self/task"))

print(run_until_signalled(look_up()))
"""


def test_many_names_are_looked_up_at_once() -> None:
    """Those for which the resolver never answers hold up only the requests that need them."""
    environment = {name: value for name, value in os.environ.items() if name != "UV_THREADPOOL_SIZE"}
    assert int(run_well(sys.executable, "-c", _THREADS_AFTER_A_LOOKUP, env=environment)) > 100
