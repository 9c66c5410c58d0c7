"""Alerts reach people through the example for Alertmanager, which names its secrets in files."""

import asyncio
import base64
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support.files import write_yaml
from support.processes import eventually, running_alertmanager
from support.rules import ALERTS, DEPLOY
from support.serving import Webhook, running_webhook
from support.streams import listening

EXAMPLE = DEPLOY / "alertmanager"
INSTALLED = "/etc/alertmanager"
USER = "mihu-alerts@acme.internal"
PASSWORD = "correct horse battery staple"
SUMMARY = "+12084439178 lost its agent Ada on call"
SLACK_PATH = "/services/T0/B0/secret"


class MailServer:
    """Keeps what it is sent by a sender who knows the password: recipients, subjects and texts."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str, str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        trusted, recipient = False, ""
        writer.write(b"220 mail.internal ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            said = "250 ok" if trusted else "530 log in first"
            match line.replace("<", " ").replace(">", " ").split():
                case ["EHLO", *_]:
                    said = "250-mail.internal\r\n250 AUTH PLAIN"
                case ["AUTH", "PLAIN", login] if base64.b64decode(login).decode() == f"\0{USER}\0{PASSWORD}":
                    said, trusted = "235 welcome", True
                case ["RCPT", "TO:", address]:
                    recipient = address
                case ["DATA"] if trusted:
                    writer.write(b"354 end with a dot\r\n")
                    content = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
                    message = message_from_bytes(content.replace(b"\r\n..", b"\r\n."), policy=policy.default)
                    part = message.get_body(("plain",))
                    assert part is not None, "no part of the mail is text"
                    self.mails.append((recipient, str(message["Subject"]), str(part.get_content())))
            writer.write(f"{said}\r\n".encode())


@dataclass
class Notified:
    alertmanager: httpx.AsyncClient
    mail: MailServer
    chat: Webhook

    async def report(self, alert: str, **more: Any) -> None:  # noqa: ANN401 - JSON
        labels = {**ALERTS[alert].document["labels"], "alertname": alert, "workspace": "acme", "number": "+12084439178"}
        annotations = {"summary": SUMMARY, "runbook_url": f"https://wiki.internal/runbooks/{alert}.md"}
        document = {"labels": labels, "annotations": annotations, **more}
        (await self.alertmanager.post("/api/v2/alerts", json=[document])).raise_for_status()

    async def mailed(self, recipient: str, subject: str) -> str:
        def text() -> str:
            return next((text for *about, text in self.mail.mails if about == [recipient, subject]), "")

        return str(await eventually(text, f"a mail to {recipient}: {subject}"))

    async def chatted(self, channel: str, title: str) -> str:
        def text() -> str:
            assert {path for path, _ in self.chat.documents} <= {SLACK_PATH}
            messages = [message for _, message in self.chat.documents if message["channel"] == channel]
            attachments = (attachment for message in messages for attachment in message["attachments"])
            return next((str(each["text"]) for each in attachments if each["title"] == title), "")

        return str(await eventually(text, f"a message in {channel}: {title}"))


def install(folder: Path, mail_port: int, chat: Webhook) -> Path:
    """Install the example as it is, but for its folder, where the servers are, and how long messages wait."""
    shutil.copytree(EXAMPLE, folder)
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets" / "smtp-password").write_text(PASSWORD, encoding="utf-8")
    (folder / "secrets" / "slack-url").write_text(f"{chat.url}{SLACK_PATH}\n", encoding="utf-8")
    file = folder / "alertmanager.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8").replace(INSTALLED, str(folder)))
    config["global"] |= {"smtp_smarthost": f"localhost:{mail_port}", "smtp_require_tls": False}
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": "100ms", "group_interval": "200ms"}
    return write_yaml(file, config)


@pytest.fixture(scope="module")
async def those(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Notified]:
    folder, mail = tmp_path_factory.mktemp("alertmanager"), MailServer()
    async with (
        listening(mail.serve) as server,
        running_webhook() as chat,
        running_alertmanager(folder, install(folder / "installed", server.port, chat)) as alertmanager,
    ):
        yield Notified(alertmanager, mail, chat)


async def test_what_is_critical_reaches_mail_and_chat_and_so_does_its_end(those: Notified) -> None:
    for title, more in (
        (f"CRITICAL acme: {SUMMARY}", {}),
        (f"RESOLVED acme: {SUMMARY}", {"startsAt": "2001-01-01T00:00:00Z", "endsAt": "2001-01-01T01:00:00Z"}),
    ):
        await those.report("MihuTrunkChannelLost", **more)
        assert f"acme: {SUMMARY}" in await those.mailed("on-call@acme.internal", title)
        assert f"acme: {SUMMARY}" in await those.chatted("#mihu-on-call", title)


async def test_a_warning_reaches_the_chat_and_what_is_worth_knowing_is_mailed(those: Notified) -> None:
    await those.report("MihuTrunkServiceDisabled")
    assert "runbooks/MihuTrunkServiceDisabled.md" in await those.chatted("#mihu", f"WARNING acme: {SUMMARY}")
    await those.report("MihuTermsChanged")
    assert "runbooks/MihuTermsChanged.md" in await those.mailed("telephony@acme.internal", f"INFO acme: {SUMMARY}")


def test_the_composition_mounts_the_secrets_where_the_example_looks_for_them() -> None:
    compose = yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text(encoding="utf-8"))
    mounts = [volume.split(":")[:2] for volume in compose["services"]["alertmanager"]["volumes"]]
    ((_, mounted),) = [mount for mount in mounts if (DEPLOY / "docker" / mount[0]).resolve() == EXAMPLE]
    named = re.findall(r"^  \w+_file: (\S+)", (EXAMPLE / "alertmanager.yaml").read_text("utf-8"), re.MULTILINE)
    assert len(named) == 2
    assert all(Path(file).parent == Path(mounted, "secrets") for file in named)
    assert (EXAMPLE / ".gitignore").read_text(encoding="utf-8") == "/secrets/\n"
