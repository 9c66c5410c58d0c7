"""The section ``tls_config``: its files are loaded once to see that they can be.

No message repeats where the private key lies.
"""

import errno
import hashlib
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path

from exporter.config.files import Content, begin_reading, read_file
from exporter.config.model import TLS
from exporter.config.problems import Findings, Place

_READABLE_BY_OTHERS = 0o044
_MOST = 16 * 1024 * 1024  # bytes; bundles of all authorities have a fiftieth of that


def digest(named: Mapping[str, Path]) -> bytes:
    """Return SHA-256 of what files hold, which have names for the error.

    Raises:
        OSError: one cannot be read; where it lies is not said.
    """
    whole = hashlib.sha256()
    for name, path in named.items():
        try:
            content = read_pem_file(path).data
        except OSError as error:
            raise OSError(error.errno, f"{name} cannot be read ({error.strerror})") from error
        whole.update(hashlib.sha256(content).digest())
    return whole.digest()


def check_tls(tls: TLS, place: Place, findings: Findings) -> None:
    """Tell of every file that cannot be used, and warn of what weakens the encryption."""
    if tls.insecure_skip_verify:
        findings.warning(
            place.key("insecure_skip_verify"),
            "whoever is on the way to the server can pose as it and read the token; better trust its "
            "authority with ca_file",
        )
    usable = [
        _holds_certificates(tls.ca_file, place.key("ca_file"), findings),
        _holds_certificates(tls.cert_file, place.key("cert_file"), findings),
        _is_usable_key(tls.key_file, place.key("key_file"), findings),
        _is_complete(tls, place, findings),
    ]
    if tls.cert_file is None or not all(usable):
        return
    try:
        tls.context()
    except ssl.SSLError as error:
        findings.problem(
            place.key("key_file"),
            f"is not the private key of {tls.cert_file}, or has a password, which is not supported ({_reason(error)})",
        )


def warn_of_readers(mode: int, place: Place, findings: Findings) -> None:
    """Warn of a file with a secret that is not its owner's alone."""
    if mode & _READABLE_BY_OTHERS:
        shown = f"{stat.S_IMODE(mode) & 0o777:04o}"
        findings.warning(place, f"can be read by other users (its mode is {shown}); chmod 600 keeps it private")


def begin_reading_files(tls: TLS) -> None:
    """Begin to read what :func:`check_tls` will: of several that hang, all do so at the same time."""
    for path in tls.files.values():
        begin_reading(path, _MOST)


def read_pem_file(path: Path) -> Content:
    """Read a file that OpenSSL is going to read by its name.

    Raises:
        OSError: it cannot be read in time, or read again.
    """
    content = read_file(path, _MOST)
    if not stat.S_ISREG(content.mode):
        raise OSError(errno.EINVAL, "it is no regular file, and it is read more than once")
    return content


def _holds_certificates(path: Path | None, place: Place, findings: Findings) -> bool:
    if path is None:
        return True
    try:
        read_pem_file(path)
        TLS(ca_file=path).context()
    except ssl.SSLError as error:
        findings.problem(place, f"{path} does not hold certificates in PEM form ({_reason(error)})")
        return False
    except OSError as error:
        findings.problem(place, f"cannot read {path} ({error.strerror})")
        return False
    return True


def _is_usable_key(path: Path | None, place: Place, findings: Findings) -> bool:
    if path is None:
        return True
    try:
        content = read_pem_file(path)
    except OSError as error:
        findings.problem(place, f"cannot be read ({error.strerror})")
        return False
    warn_of_readers(content.mode, place, findings)
    return True


def _is_complete(tls: TLS, place: Place, findings: Findings) -> bool:
    missing = [name for name in ("cert_file", "key_file") if name not in tls.files]
    if len(missing) != 1:
        return True
    # A value of the wrong type is missing too, but that has been told.
    if not findings.wrong(place.key(missing[0])):
        findings.problem(place, f"has no {missing[0]}; cert_file and key_file go together")
    return False


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or error.strerror or "unreadable").lower().replace("_", " ")
