"""Where a workspace's token comes from, and the token itself, read anew when its file changes."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from exporter.config.files import Content, Reading, begin_reading, open_files_remedy

_PUT_IT_THERE = "put the workspace's API token there"
_HANGS = "see whether its file system answers, or what writes to the pipe"
_ALONE = "write the token alone"
_MOST = 64 * 1024  # bytes of a token and what is around it


class CredentialsError(Exception):
    """There is no usable token; its text says both where it was looked for and what to do.

    Attributes:
        seen: where it was looked for, and what is there.
        remedy: what to do.
    """

    def __init__(self, seen: str, remedy: str) -> None:
        super().__init__(f"{seen}; {remedy}")
        self.seen = seen
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that no representation shows."""

    reveal: str = field(repr=False)

    def __str__(self) -> str:
        return "<secret>"


@dataclass(frozen=True, slots=True)
class FileCredentials:
    """A token in a file, as Docker, Kubernetes and systemd hand secrets over."""

    path: Path

    @property
    def where(self) -> str:
        """Where the token is looked for."""
        return str(self.path)

    def begin_reading(self) -> Reading:
        """Begin to read the file."""
        return begin_reading(self.path, _MOST)

    def read(self) -> Secret:
        """Return the token as the file holds it now.

        Raises:
            CredentialsError: the file cannot be read, or holds no usable token.
        """
        return self.token_in(self.content(self.begin_reading()))

    def content(self, reading: Reading) -> Content:
        """Return what was read of the file.

        Raises:
            CredentialsError: it cannot be read.
        """
        try:
            return reading.content()
        except OSError as error:
            remedy = _HANGS if isinstance(error, TimeoutError) else open_files_remedy(error) or _PUT_IT_THERE
            raise CredentialsError(f"no token: cannot read {self.path} ({error.strerror})", remedy) from error

    def token_in(self, content: Content) -> Secret:
        """Return the token that the file held.

        Raises:
            CredentialsError: it is not usable as one.
        """
        try:
            text = content.data.decode("utf-8-sig")  # Windows's editors begin a text with a mark
        except UnicodeDecodeError as error:
            raise CredentialsError(f"no token: cannot read {self.path} (it is not text)", _PUT_IT_THERE) from error
        return usable_token(text, where=self.where)


@dataclass(frozen=True, slots=True)
class EnvironmentCredentials:
    """A token in an environment variable."""

    variable: str

    @property
    def where(self) -> str:
        """Where the token is looked for."""
        return f"the environment variable {self.variable}"

    def read(self) -> Secret:
        """Return the token in the variable.

        Raises:
            CredentialsError: the variable is not set, or holds no usable token.
        """
        text = os.environ.get(self.variable)
        if text is None:
            raise CredentialsError(f"no token: {self.where} is not set", "set it to the workspace's API token")
        return usable_token(text, where=self.where)


@dataclass(frozen=True, slots=True)
class InlineCredentials:
    """A token written into the configuration."""

    secret: Secret

    @property
    def where(self) -> str:
        """Where the token is looked for."""
        return "authorization.credentials"

    def read(self) -> Secret:
        """Return the token.

        Raises:
            CredentialsError: it is not usable as a token.
        """
        return usable_token(self.secret.reveal, where=self.where)


Credentials = FileCredentials | EnvironmentCredentials | InlineCredentials


async def read_token(credentials: Credentials) -> Secret:
    """Read a token without holding up the event loop, as a file may.

    Raises:
        CredentialsError: there is none that can be used.
    """
    if not isinstance(credentials, FileCredentials):
        return credentials.read()
    reading = credentials.begin_reading()
    await reading.wait()
    return credentials.token_in(credentials.content(reading))


def usable_token(text: str, *, where: str) -> Secret:
    """Return the token in a text, without the white space around it.

    Raises:
        CredentialsError: it is empty, or what is around it shows that it was pasted with too much.
    """
    token = text.strip()
    if not token:
        raise CredentialsError(f"no token: {where} is empty", _PUT_IT_THERE)
    if token.lower().startswith("bearer "):
        raise CredentialsError(f'{where} begins with "Bearer ", which is added when the token is sent', _ALONE)
    if token[0] in "\"'" or token[-1] in "\"'":
        raise CredentialsError(f"{where} has quotes around the token", _ALONE)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise CredentialsError(f"{where} has white space, a control or a non-ASCII character in the token", _ALONE)
    return Secret(token)
