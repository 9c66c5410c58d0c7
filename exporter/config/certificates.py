"""Sections with certificates and keys: checks of their files, and TLS contexts that follow the files.

No message repeats the path of a private key.
"""

import asyncio
import errno
import hashlib
import os
import ssl
import stat
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from weakref import WeakValueDictionary

import structlog
from pydantic import StrictBool

from exporter.config.files import Content, read_file, start_thread
from exporter.config.problems import Place
from exporter.config.validation import Section, key
from exporter.config.values import File, SecretFile, ServerName

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSection(Section, ABC):
    """A section with ``cert_file`` and ``key_file``, and other files of certificates."""

    @property
    def files(self) -> Mapping[str, Path]:
        """The files of the context, by their keys in the configuration."""
        return {each.name: path for each in fields(self) if isinstance(path := getattr(self, each.name), Path)}

    @abstractmethod
    def context(self) -> ssl.SSLContext:
        """Make the context from the files as they are now; an OSError (ssl.SSLError is one) says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TLS(CertificateSection):
    """TLS of the connections to the API, and to a proxy with https://."""

    ca_file: File | None = key("The authorities that are trusted, instead of the system's.", None)
    cert_file: File | None = key("The client certificate, with key_file.", None)
    key_file: SecretFile | None = key("The client certificate's private key.", None, secret=True)
    server_name: ServerName | None = key("The name that the API's certificate has to have.", None)
    insecure_skip_verify: StrictBool = key("Accept any certificate.", False)

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.ca_file is not None:
            # Python 3.13 sets this flag, which refuses many private authorities: their certificates often have no
            # keyUsage, and basicConstraints that are not critical.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.cert_file is not None:
            # A password, even an empty one, keeps OpenSSL from asking for it on the terminal.
            context.load_cert_chain(self.cert_file, self.key_file, password="")
        if self.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def check_files(section: CertificateSection, place: Place) -> None:
    """Add a problem for every file that cannot be used, and a warning for a key that others can read."""
    files = section.files
    are_usable = [_is_usable(key, path, place.key(key)) for key, path in files.items()]
    missing = {"cert_file", "key_file"} - files.keys()
    if len(missing) == 1:
        place.problem(f"has no {missing.pop()}; cert_file and key_file go together")
    elif not missing and all(are_usable):
        try:
            section.context()
        except ssl.SSLError as error:
            name, reason = files["cert_file"], _reason(error)
            if reason.endswith(("too small", "too weak")):
                place.key("cert_file").problem(f"{name} is too weak for this machine's OpenSSL ({reason}); renew it")
            else:
                place.key("key_file").problem(
                    f"is not the private key of {name}, or has a password, which is not supported ({reason})"
                )


def _is_usable(key: str, path: Path, place: Place) -> bool:
    try:
        content = _read_pem_file(path)
        if key == "key_file":
            warn_of_readers(content.status, place)
        else:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError as error:
        place.problem(f"{path} does not contain certificates in PEM format ({_reason(error)})")
        return False
    except OSError as error:
        shown = "cannot be read" if key == "key_file" else f"cannot read {path}"
        place.problem(f"{shown} ({error.strerror})")
        return False
    return True


def warn_of_readers(status: os.stat_result, place: Place) -> None:
    # Where the file is another user's, as root's in a volume of Kubernetes, a group may be how we read it.
    if status.st_mode & (0o044 if status.st_uid == os.geteuid() else 0o004):
        mode = status.st_mode & 0o777
        place.warning(f"can be read by other users (its mode is {mode:04o}); chmod 600 keeps it private")


def _read_pem_file(path: Path) -> Content:
    """Read a file that OpenSSL reads by its name later; an OSError says that it cannot be read in time, or twice."""
    content = read_file(path)
    if not stat.S_ISREG(content.status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file, and it has to be read more than once")
    return content


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or error.strerror or "unreadable").lower().replace("_", " ")


# Shared by the workspaces with the same settings: loading the public authorities takes longer than a page.
_contexts: WeakValueDictionary[tuple[CertificateSection, bytes], ssl.SSLContext] = WeakValueDictionary()


class Certificates:
    """The TLS context of a section of the configuration.

    Each change of a file makes a new context. A rotation writes several files one after the other: until they fit
    together, the previous context stays. It also stays while the files cannot be read, as on a mount that hangs: the
    first to read waits a few seconds, others do not wait again.
    """

    def __init__(self, section: CertificateSection, context: ssl.SSLContext | None = None, **about: str) -> None:
        self.context = context  # until the files are first read
        self._section = section
        self._about = about  # labels of lines in the log
        self._content = b""  # digest of the files in force
        self._warning = ""

    def load(self) -> bool:
        """Read the files, and return whether the context is another one; an OSError says that they cannot be used."""
        digest = hashlib.sha256()
        for name, path in self._section.files.items():
            try:
                digest.update(hashlib.sha256(_read_pem_file(path).data).digest())
            except OSError as error:  # whose message would have the path, of a private key too
                raise OSError(error.errno, f"{name} cannot be read ({error.strerror})") from error
        content = digest.digest()
        if self.context is not None and content == self._content:
            return False
        context = _contexts.get((self._section, content))
        if context is None:
            context = _contexts[self._section, content] = self._section.context()
        if self._content:
            _log.info("certificates reloaded", **self._about)
        self._content, self.context = content, context
        return True

    async def refresh(self) -> bool:
        """Load without blocking the event loop; an OSError says that there is no context yet."""
        if not self._section.files:
            return False
        try:
            is_new, warning = await asyncio.wrap_future(start_thread(self.load)), ""
        except OSError as error:
            if self.context is None:
                raise
            is_new, warning = False, error.strerror or str(error)
        if warning and warning != self._warning:
            _log.warning("changed certificates cannot be used; the ones in force stay", **self._about, error=warning)
        elif self._warning and not warning and not is_new:
            _log.info("certificates can be used again, and are as before", **self._about)
        self._warning = warning
        return is_new
