"""Files, which may be too large, or too many to be opened."""

import errno
from pathlib import Path

_LIMIT = 2**22  # bytes; a bundle of all public authorities has 2**18
_REMEDIES = {
    errno.EMFILE: "allow the exporter to open more files: LimitNOFILE in its systemd unit, or ulimit -n",
    errno.ENFILE: "allow the machine to open more files (sysctl fs.file-max), or end what holds them open",
}


def read(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        OSError: it cannot be read, or is too large for what it should hold, as a device is.
    """
    with path.open("rb") as file:
        content = file.read(_LIMIT + 1)
    if len(content) > _LIMIT:
        raise OSError(errno.EFBIG, f"larger than {_LIMIT >> 20} MiB")
    return content


def remedy(error: BaseException | None) -> str | None:
    """Return what to do where an error means that no more files can be opened; None where it means something else."""
    return _REMEDIES.get(error.errno or 0) if isinstance(error, OSError) else None
