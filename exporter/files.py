"""Files that cannot be opened since too many are."""

import errno

_REMEDIES = {
    errno.EMFILE: "allow the exporter to open more files: LimitNOFILE in its systemd unit, or ulimit -n",
    errno.ENFILE: "allow the machine to open more files (sysctl fs.file-max), or end what holds them open",
}


def remedy(error: BaseException | None) -> str | None:
    """Return what to do where an error means that no more files can be opened; None where it means something else."""
    return _REMEDIES.get(error.errno or 0) if isinstance(error, OSError) else None
