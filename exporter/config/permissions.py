"""Who may read a file with a secret."""

from pathlib import Path

from exporter.config.problems import Findings, Place

_READABLE_BY_OTHERS = 0o044


def warn_of_readers(path: Path, place: Place, findings: Findings) -> None:
    """Warn of a file that is not its owner's alone; that it cannot be read is told where it is read."""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:
        return
    if mode & _READABLE_BY_OTHERS:
        findings.warning(place, f"can be read by other users (its mode is {mode:04o}); chmod 600 keeps it private")
