"""API tokens and their sources."""

import asyncio
import os
from dataclasses import dataclass, fields

from pydantic import model_validator

from exporter.config.files import open_files_remedy, read_file, start_thread
from exporter.config.problems import one_of, printable
from exporter.config.validation import Section, key
from exporter.config.values import File, Token, Variable
from exporter.config.values import Secret as Secret  # noqa: PLC0414 - imported from here

HOW_TO_AUTHORIZE = "credentials_file: /path/to/token or credentials_env: MIHU_API_TOKEN"

_PUT_IT_THERE = "put the workspace's API token there"
_HANGS = "check whether its file system responds, or what writes to the pipe"
_ALONE = "write only the token"


class CredentialsError(Exception):
    """There is no usable token: ``seen`` says where and why, ``remedy`` what to do."""

    def __init__(self, seen: str, remedy: str) -> None:
        super().__init__(f"{seen}; {remedy}")
        self.seen = seen
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization(Section):
    """The source of the API token: exactly one of these keys."""

    credentials_file: File | None = key("A file with the token; read again when it changes.", None)
    credentials_env: Variable | None = key("The name of an environment variable with the token.", None)
    credentials: Token | None = key("The token itself, visible to every reader of this file.", None)

    __pydantic_config__ = Section.__pydantic_config__ | {"json_schema_extra": {"minProperties": 1, "maxProperties": 1}}

    @model_validator(mode="after")
    def _is_one(self) -> "Authorization":
        written = [each.name for each in fields(self) if getattr(self, each.name) is not None]
        if len(written) > 1:
            raise ValueError(f"has {one_of(written, 'and')}; keep one of them")
        if not written:
            raise ValueError(f"names no token; write {HOW_TO_AUTHORIZE}")
        return self

    @property
    def where(self) -> str:
        if self.credentials_env is not None:
            return f"the environment variable {self.credentials_env}"
        return "authorization.credentials" if self.credentials_file is None else printable(str(self.credentials_file))

    def read(self) -> Secret:
        """Read the token; a CredentialsError says that there is none."""
        token = self._text().strip()
        if not token:
            raise CredentialsError(f"no token: {self.where} is empty", _PUT_IT_THERE)
        if token.lower().startswith("bearer "):
            raise CredentialsError(f'{self.where} begins with "Bearer ", which is added when the token is sent', _ALONE)
        if token[0] in "\"'" or token[-1] in "\"'":
            raise CredentialsError(f"{self.where} has quotes around the token", _ALONE)
        if not token.isascii() or not token.isprintable() or " " in token:
            seen = f"{self.where} has white space, a control or a non-ASCII character in the token"
            raise CredentialsError(seen, _ALONE)
        return Secret(token)

    def _text(self) -> str:
        if self.credentials_env is not None:
            text = os.environ.get(self.credentials_env)
            if text is None:
                raise CredentialsError(f"no token: {self.where} is not set", "set it to the workspace's API token")
            return text
        if self.credentials_file is None:
            return self.credentials.reveal if self.credentials else ""
        unreadable = f"no token: cannot read {self.where}"
        try:
            # Editors on Windows write a byte order mark.
            return read_file(self.credentials_file).data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise CredentialsError(f"{unreadable} (it is not text)", _PUT_IT_THERE) from error
        except OSError as error:
            remedy = _HANGS if isinstance(error, TimeoutError) else open_files_remedy(error) or _PUT_IT_THERE
            raise CredentialsError(f"{unreadable} ({error.strerror})", remedy) from error


async def read_token(credentials: Authorization) -> Secret:
    """Read a token without blocking the event loop: a file may hang."""
    if credentials.credentials_file is None:
        return credentials.read()
    return await asyncio.wrap_future(start_thread(credentials.read))
