"""API tokens and their sources."""

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from exporter.config.files import Content, open_files_remedy, read_file, start_thread

_PUT_IT_THERE = "put the workspace's API token there"
_HANGS = "check whether its file system responds, or what writes to the pipe"
_ALONE = "write only the token"


class CredentialsError(Exception):
    """There is no usable token: ``seen`` says where and why, ``remedy`` what to do."""

    def __init__(self, seen: str, remedy: str) -> None:
        super().__init__(f"{seen}; {remedy}")
        self.seen = seen
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that no representation contains."""

    reveal: str = field(repr=False)

    def __str__(self) -> str:
        return "<secret>"


@dataclass(frozen=True, slots=True)
class FileCredentials:
    """A token in a file, as Docker, Kubernetes and systemd hand secrets over."""

    path: Path

    @property
    def where(self) -> str:
        return str(self.path)

    def content(self) -> Content:
        try:
            return read_file(self.path)
        except OSError as error:
            remedy = _HANGS if isinstance(error, TimeoutError) else open_files_remedy(error) or _PUT_IT_THERE
            raise CredentialsError(f"no token: cannot read {self.path} ({error.strerror})", remedy) from error

    def read(self) -> Secret:
        try:
            text = self.content().data.decode("utf-8-sig")  # editors on Windows write a byte order mark
        except UnicodeDecodeError as error:
            raise CredentialsError(f"no token: cannot read {self.path} (it is not text)", _PUT_IT_THERE) from error
        return _usable_token(text, self.where)


@dataclass(frozen=True, slots=True)
class EnvironmentCredentials:
    variable: str

    @property
    def where(self) -> str:
        return f"the environment variable {self.variable}"

    def read(self) -> Secret:
        text = os.environ.get(self.variable)
        if text is None:
            raise CredentialsError(f"no token: {self.where} is not set", "set it to the workspace's API token")
        return _usable_token(text, self.where)


@dataclass(frozen=True, slots=True)
class InlineCredentials:
    secret: Secret
    where: ClassVar = "authorization.credentials"

    def read(self) -> Secret:
        return _usable_token(self.secret.reveal, self.where)


Credentials = FileCredentials | EnvironmentCredentials | InlineCredentials


async def read_token(credentials: Credentials) -> Secret:
    """Read a token without blocking the event loop: a file may hang."""
    if isinstance(credentials, FileCredentials):
        return await asyncio.wrap_future(start_thread(credentials.read))
    return credentials.read()


def _usable_token(text: str, where: str) -> Secret:
    """Return the token in a text, without the white space around it."""
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
