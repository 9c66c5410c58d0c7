"""Who may read a file with a secret."""

import stat

from exporter.config.problems import Findings, Place

_READABLE_BY_OTHERS = 0o044


def warn_of_readers(mode: int, place: Place, findings: Findings) -> None:
    """Warn of a file that is not its owner's alone."""
    if mode & _READABLE_BY_OTHERS:
        shown = f"{stat.S_IMODE(mode) & 0o777:04o}"
        findings.warning(place, f"can be read by other users (its mode is {shown}); chmod 600 keeps it private")
