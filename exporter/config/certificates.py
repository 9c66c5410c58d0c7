"""The section ``tls_config``: its files are loaded once to see that they can be.

No message repeats where the private key lies.
"""

import errno
import hashlib
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path

from exporter.config.document import TLSDocument
from exporter.config.files import Content, begin_reading, read_file
from exporter.config.permissions import warn_of_readers
from exporter.config.problems import Findings, Place
from exporter.config.settings import TLS

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


def read_tls(section: TLSDocument, place: Place, directory: Path, findings: Findings) -> TLS | None:
    """Return the settings; None, and a problem for each file that cannot be used."""
    tls = TLS(
        ca_file=_within(directory, section.ca_file),
        cert_file=_within(directory, section.cert_file),
        key_file=_within(directory, section.key_file),
        server_name=section.server_name,
        insecure_skip_verify=section.insecure_skip_verify or False,
    )
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
    ]
    complete = _is_complete(section, place, findings)
    return tls if all(usable) and complete and _is_pair(tls, place, findings) else None


def _within(directory: Path, name: str | None) -> Path | None:
    return None if name is None else directory / name


def begin_reading_files(section: TLSDocument, directory: Path) -> None:
    """Begin to read what :func:`read_tls` will: of several that hang, all do so at the same time."""
    for name in (section.ca_file, section.cert_file, section.key_file):
        if name is not None:
            begin_reading(directory / name, _MOST)


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


def _is_complete(section: TLSDocument, place: Place, findings: Findings) -> bool:
    pair = {"cert_file": section.cert_file, "key_file": section.key_file}
    missing = [name for name, written in pair.items() if written is None]
    if len(missing) != 1:
        return True
    # A value of the wrong type is missing too, but that has been told.
    if not findings.wrong(place.key(missing[0])):
        findings.problem(place, f"has no {missing[0]}; cert_file and key_file go together")
    return False


def _is_pair(tls: TLS, place: Place, findings: Findings) -> bool:
    if tls.cert_file is None:
        return True
    try:
        tls.context()
    except ssl.SSLError as error:
        findings.problem(
            place.key("key_file"),
            f"is not the private key of {tls.cert_file}, or has a password, which is not supported ({_reason(error)})",
        )
        return False
    return True


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or error.strerror or "unreadable").lower().replace("_", " ")
