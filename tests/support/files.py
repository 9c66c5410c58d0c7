"""Files that cannot be read: too many are open, or reading hangs."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def no_file_left() -> Iterator[None]:
    """Let no file be opened in the block: every number below the limit is taken."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def hanging(path: Path) -> Iterator[None]:
    """Let reading a file hang until the block is left."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    try:
        yield
    finally:
        # Readers that have opened it meanwhile find its end.
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        path.unlink()
