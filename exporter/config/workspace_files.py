"""The files that ``workspace_files`` names."""

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
        # Path.glob refuses absolute patterns, and takes what is special in the directory's own name for a pattern.
        names = glob(pattern, root_dir=directory, recursive=True)  # noqa: PTH207 - see above
        paths = sorted(directory / name for name in names)
        files = [path for path in paths if not path.is_dir()]
        found.update(dict.fromkeys(files))
        if files:
            continue
        if has_magic(pattern):
            findings.warning(place.item(index), f"{quoted(pattern)} matches no file")
        else:
            findings.problem(place.item(index), f"there is no file {directory / pattern}")
    return tuple(found)
