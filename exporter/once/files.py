"""Writes to standard output, or to a file that is replaced whole or not at all."""

import contextlib
import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path


class OutputError(Exception):
    """A text cannot be written; the message says why and what to do."""


def check_writable(path: Path) -> None:
    """Find out before the work is done whether its result can be written, or raise an OutputError."""
    target = _target(path)
    folder = target.parent
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write {path}: this user may not make files in {folder}; let it")
    if path.exists() and not path.is_file():  # a link in /proc is a path that does not exist
        raise OutputError(f"{path} is no regular file, so it cannot be replaced; name another with --output")
    if not folder.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {folder}; make it, or name another --output")


def replace_file(path: Path, parts: Iterable[bytes], readers: int = 0) -> None:
    """Replace a file as a whole, or raise an OutputError; ``readers`` are bits of its mode whatever the umask."""
    target = _target(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.writelines(parts)
            file.flush()
            os.fchmod(file.fileno(), os.fstat(file.fileno()).st_mode | readers)
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {path} ({error.strerror}); the old file, if any, is as it was") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def print_parts(parts: Iterable[bytes]) -> None:
    out = sys.stdout.buffer
    for part in parts:
        left = memoryview(part)
        while left:
            left = left[out.write(left) :]  # under PYTHONUNBUFFERED it may write less than it is given
    out.flush()


def _target(path: Path) -> Path:
    """Return the file itself, behind all links."""
    target = Path(os.path.realpath(path))
    try:
        target.stat()  # pathlib's questions and resolve() pass over other errors in some Pythons and not in others
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise OutputError(
            f"cannot write {path} ({error.strerror}); let this user reach it, or name another --output"
        ) from error
    return target
