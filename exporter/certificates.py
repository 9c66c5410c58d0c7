"""TLS contexts that follow the files of their certificates, without a restart."""

import asyncio
import hashlib
import ssl
from weakref import WeakValueDictionary

import structlog

from exporter.config.certificates import CertificateSection, read_pem_file
from exporter.config.files import start_thread

_log = structlog.get_logger()

# Shared by the workspaces with the same settings: loading the public authorities takes longer than a page.
_contexts: WeakValueDictionary[tuple[CertificateSection, bytes], ssl.SSLContext] = WeakValueDictionary()


class Certificates:
    """The TLS context of a section of the configuration.

    Each change of a file makes a new context. A rotation writes several files one after the other: until they fit
    together, the previous context stays. It also stays while the files cannot be read, as on a mount that hangs: the
    first to read waits a few seconds, others do not wait again.
    """

    def __init__(
        self,
        section: CertificateSection,
        context: ssl.SSLContext | None = None,  # until the files are first read
        **about: str,  # labels of lines in the log
    ) -> None:
        self.context = context
        self._section = section
        self._about = about
        self._content = b""  # digest of the files in force
        self._warning = ""

    def load(self) -> None:
        """Read the files at once.

        Raises:
            OSError: they cannot be used.
        """
        self._content, self.context = self._read()

    async def refresh(self) -> bool:
        """Read the files, and return whether the context is another one.

        Raises:
            OSError: they cannot be used, and there is no context before.
        """
        if not self._section.files:
            return False
        try:
            content, context = await asyncio.wrap_future(start_thread(self._read))
        except OSError as error:
            if self.context is None:
                raise
            problem = error.strerror or str(error)
            if problem != self._warning:
                self._warning = problem
                _log.warning(
                    "changed certificates cannot be used; the ones in force stay", **self._about, error=problem
                )
            return False
        self._warning = ""
        if content == self._content:
            return False
        if self._content:
            _log.info("certificates reloaded", **self._about)
        self._content, self.context = content, context
        return True

    def _read(self) -> tuple[bytes, ssl.SSLContext]:
        """Return the digest of the files, and the context made of them."""
        digest = hashlib.sha256()
        for name, path in self._section.files.items():
            try:
                digest.update(hashlib.sha256(read_pem_file(path).data).digest())
            except OSError as error:  # whose message would have the path, of a private key too
                raise OSError(error.errno, f"{name} cannot be read ({error.strerror})") from error
        content = digest.digest()
        if self.context is not None and content == self._content:
            return content, self.context
        context = _contexts.get((self._section, content))
        if context is None:
            context = _contexts[self._section, content] = self._section.context()
        return content, context
