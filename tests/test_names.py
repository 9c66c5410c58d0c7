"""Names for which the resolver never answers hold up only the requests that need them."""

import os
import subprocess
import sys

_THREADS_AFTER_A_LOOKUP = """
import asyncio, os
from exporter.event_loop import run_until_signalled

async def look_up():
    await asyncio.get_running_loop().getaddrinfo("localhost", 443)
    return len(os.listdir("/proc/self/task"))

print(run_until_signalled(look_up()))
"""


def test_many_names_are_looked_up_at_once() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "UV_THREADPOOL_SIZE"}
    command = [sys.executable, "-c", _THREADS_AFTER_A_LOOKUP]
    found = subprocess.run(command, capture_output=True, timeout=60, check=True, text=True, env=environment)  # noqa: S603 - this Python
    assert int(found.stdout) > 100
