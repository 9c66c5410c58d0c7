"""The files that ``workspace_files`` names."""

import os
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from exporter.config.problems import Findings, Place
from exporter.config.wording import quoted


def find_files(patterns: Sequence[str], place: Place, directory: Path, findings: Findings) -> tuple[Path, ...]:
    """Return the files that match, each once, sorted within a pattern.

    A pattern without a wildcard that matches nothing is a problem, one with a wildcard a warning: a folder of
    workspaces may well be empty, but a file that is named should be there.
    """
    found: dict[Path, None] = {}
    for index, pattern in enumerate(patterns):
        files = _matches(pattern, directory) if has_magic(pattern) else _named(directory / pattern)
        found.update(dict.fromkeys(files))
        if files:
            continue
        if has_magic(pattern):
            findings.warning(place.item(index), f"{quoted(pattern)} matches no file")
        else:
            findings.problem(place.item(index), f"there is no file {directory / pattern}")
    return tuple(found)


def _matches(pattern: str, directory: Path) -> list[Path]:
    # Path.glob refuses absolute patterns, and takes what is special in the directory's own name for a pattern.
    names = glob(pattern, root_dir=directory, recursive=True)  # noqa: PTH207 - see above
    paths = sorted(directory / name for name in names)
    return [path for path in paths if not os.path.isdir(path)]  # noqa: PTH112 - Path's may raise


def _named(path: Path) -> list[Path]:
    """Return the one file, unless it is not there; why else it cannot be read is told where it is read."""
    try:
        path.stat()
    except FileNotFoundError:
        return []
    except OSError:
        pass
    return [path]
