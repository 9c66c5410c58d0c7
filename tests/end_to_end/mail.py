"""A mail server that keeps what it is sent, over STARTTLS and from a sender who knows the password."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from support.streams import listening


@dataclass(frozen=True)
class Mail:
    """A mail as it was delivered."""

    recipients: list[str]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part is not None, "no part of the mail is text"
        return str(part.get_content())


@dataclass
class MailServer:
    """A mail server on loopback.

    Attributes:
        login: the user and the password that it asks for.
        context: its certificate.
        mails: what has been delivered.
        refused: users and passwords that were not right.
        port: where it listens.
    """

    login: tuple[str, str]
    context: ssl.SSLContext
    mails: list[Mail] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one client to the end."""
        protected = trusted = False
        recipients: list[str] = []
        _say(writer, "220 mail.internal ESMTP")
        while line := (await reader.readline()).decode().strip():
            command, _, rest = line.partition(" ")
            match command.upper():
                case "EHLO":
                    _say(writer, "250-mail.internal", "250 AUTH PLAIN" if protected else "250 STARTTLS")
                case "STARTTLS":
                    _say(writer, "220 go ahead")
                    await writer.start_tls(self.context)
                    protected = True
                case "AUTH" if protected:
                    _, user, password = base64.b64decode(rest.removeprefix("PLAIN ")).decode().split("\0")
                    trusted = (user, password) == self.login
                    if not trusted:
                        self.refused.append((user, password))
                    _say(writer, "235 welcome" if trusted else "535 wrong user or password")
                case "MAIL" if trusted:
                    recipients = []
                    _say(writer, "250 ok")
                case "RCPT" if trusted:
                    recipients.append(rest.partition("<")[2].partition(">")[0])
                    _say(writer, "250 ok")
                case "DATA" if trusted:
                    _say(writer, "354 end with a dot")
                    content = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
                    message = message_from_bytes(content.replace(b"\r\n..", b"\r\n."), policy=policy.default)
                    assert isinstance(message, EmailMessage)
                    self.mails.append(Mail(recipients, message))
                    _say(writer, "250 delivered")
                case "QUIT":
                    _say(writer, "221 bye")
                    return
                case _:
                    _say(writer, "530 STARTTLS and AUTH come first")


def _say(writer: asyncio.StreamWriter, *lines: str) -> None:
    writer.write("".join(f"{line}\r\n" for line in lines).encode())


@asynccontextmanager
async def running_mail_server(login: tuple[str, str], context: ssl.SSLContext) -> AsyncIterator[MailServer]:
    """Run a mail server on a free port until the block is left."""
    mail_server = MailServer(login, context)
    async with listening(mail_server.serve) as server:
        mail_server.port = server.port
        yield mail_server
