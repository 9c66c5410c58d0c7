"""Files: written as YAML, and such as cannot be read, since too many are open, or reading hangs."""

import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_yaml(file: Path, document: object) -> Path:
    file.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    return file


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
