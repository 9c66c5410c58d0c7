"""The example for Alertmanager: who is told, what is held back, and how it reads."""

import asyncio
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support.processes import eventually, running_alertmanager
from support.rules import ALERTS, DEPLOY, fenced, runbook

CONFIG = DEPLOY / "alertmanager" / "alertmanager.yaml"
TEMPLATES = DEPLOY / "alertmanager" / "mihu.tmpl"
RECEIVERS = {"critical": "page", "warning": "chat", "info": "mail"}
ABOUT_EXPORTER = re.compile("Mihu(Exporter|Shard|Config).+")
# Nothing is known of these while their workspace is not read.
ABOUT_TRUNKS = re.compile("MihuTrunk.+|MihuFleetShrank|MihuMonthlyFeesJumped")
CAUSES = {"MihuDataStale", "MihuNeverPolled", "MihuExporterDown", "MihuExporterAbsent"}


def amtool(*arguments: str) -> str:
    binary = shutil.which("amtool")
    assert binary, "amtool is missing; install it: apt-get install prometheus-alertmanager"
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def severity(alert: str) -> str:
    return str(ALERTS[alert].document["labels"]["severity"])


def alert(name: str, /, **labels: str) -> dict[str, Any]:
    """Return an alert as Prometheus sends it."""
    return {
        "labels": {"alertname": name, "severity": severity(name), **labels},
        "annotations": {"summary": ALERTS[name].annotations["summary"]},
    }


def test_alertmanager_takes_the_example() -> None:
    amtool("check-config", str(CONFIG))


def test_the_example_holds_no_secret() -> None:
    text = CONFIG.read_text(encoding="utf-8")
    assert not re.search(
        r"^\s*(smtp_auth_password|password|slack_api_url|api_url|bearer_token|credentials):", text, re.MULTILINE
    )
    addresses = re.findall(r"[\w.-]+@[\w.-]+|https?://[\w.-]+", text)
    assert addresses
    assert all(re.search(r"example\.com$|\.internal$", address) for address in addresses)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_goes_where_its_severity_says(name: str) -> None:
    labels = [f"alertname={name}", f"severity={severity(name)}", "workspace=acme"]
    receiver = RECEIVERS[severity(name)]
    amtool("config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receiver}", *labels)


def test_a_foreign_alert_goes_to_the_chat() -> None:
    assert amtool("config", "routes", "test", f"--config.file={CONFIG}", "alertname=Watchdog").strip() == "chat"


def test_messages_are_grouped_by_workspace_and_those_about_the_exporter_by_name() -> None:
    route = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["route"]
    assert route["group_by"] == ["workspace"]
    own = [child for child in route["routes"] if "group_by" in child]
    assert [child["group_by"] for child in own] == [["alertname"]]
    (matcher,) = own[0]["matchers"]
    assert matcher == f'alertname=~"{ABOUT_EXPORTER.pattern}"'
    assert {name for name in ALERTS if ABOUT_EXPORTER.fullmatch(name)} == {
        "MihuExporterDown",
        "MihuExporterReplicaDown",
        "MihuExporterAbsent",
        "MihuConfigReloadFailed",
        "MihuShardConflict",
        "MihuShardMissing",
    }


async def muted(http: httpx.AsyncClient, by: str) -> set[tuple[str, str]]:
    """Return the name and workspace of the alerts that are held back."""
    return {
        (found["labels"]["alertname"], found["labels"].get("workspace", ""))
        for found in (await http.get("/api/v2/alerts")).json()
        if found["status"][by]
    }


def with_alertmanager(folder: Path, scenario: Callable[[httpx.AsyncClient], Any]) -> None:
    """Run the example. It tells nobody: the first messages are due long after the test."""

    async def run() -> None:
        async with (
            running_alertmanager(folder, CONFIG) as address,
            httpx.AsyncClient(base_url=f"http://{address}", trust_env=False, timeout=10) as http,
        ):
            await scenario(http)

    asyncio.run(run())


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_alerts_about_trunks_are_held_back_while_their_workspace_is_not_read(tmp_path: Path, cause: str) -> None:
    where = "" if cause == "MihuExporterAbsent" else "acme"
    blind = ["acme", "beta"] if cause == "MihuExporterAbsent" else ["acme"]

    async def scenario(http: httpx.AsyncClient) -> None:
        others = [alert(name, workspace=name_) for name in ALERTS.keys() - CAUSES for name_ in ("acme", "beta")]
        (await http.post("/api/v2/alerts", json=[alert(cause, workspace=where), *others])).raise_for_status()
        expected = {(name, name_) for name in ALERTS if ABOUT_TRUNKS.fullmatch(name) for name_ in blind}

        async def are_held_back() -> bool:
            return await muted(http, "inhibitedBy") == expected

        await eventually(are_held_back, "alerts about trunks, and only they, are inhibited")

    with_alertmanager(tmp_path, scenario)


def test_a_runbook_silences_its_alert_and_no_other(tmp_path: Path) -> None:
    """Each page's own command is carried out."""

    async def scenario(http: httpx.AsyncClient) -> None:
        for name in ALERTS:
            (command,) = (block for block in fenced(runbook(name), "sh") if block.startswith("amtool silence add"))
            words = shlex.split(command.replace("\\\n", " ").replace("$USER", "somebody"))
            assert words.count("--alertmanager.url=http://localhost:9093") == 1
            words[words.index("--alertmanager.url=http://localhost:9093")] = f"--alertmanager.url={http.base_url}"
            await asyncio.to_thread(amtool, *words[1:])
            matchers = dict(word.split("=", 1) for word in words if not word.startswith("--") and "=" in word)
            assert matchers.pop("alertname") == name
            (await http.post("/api/v2/alerts", json=[alert(name, **matchers)])).raise_for_status()

        async def are_silenced() -> bool:
            return {name for name, _ in await muted(http, "silencedBy")} == ALERTS.keys()

        await eventually(are_silenced, "every alert is silenced")
        silences = (await http.get("/api/v2/silences")).json()
        assert len(silences) == len(ALERTS)

    with_alertmanager(tmp_path, scenario)


def rendered(folder: Path, template: str, firing: Sequence[str], resolved: Sequence[str] = ()) -> str:
    """Render a template for alerts of one kind, given their descriptions."""
    name = "MihuTrunkChannelLost"
    labels = {"alertname": name, "severity": severity(name), "workspace": "acme"}
    annotations = {"summary": ALERTS[name].annotations["summary"], "runbook_url": "https://example.com/page.md"}
    alerts = [
        {
            "status": status,
            "labels": labels,
            "annotations": annotations | {"description": description},
            "startsAt": "2030-01-02T03:04:05Z",
            "endsAt": "2030-01-02T04:05:06Z",
        }
        for status, descriptions in (("firing", firing), ("resolved", resolved))
        for description in descriptions
    ]
    data = {
        "receiver": "page",
        "status": "firing" if firing else "resolved",
        "alerts": alerts,
        "groupLabels": {"workspace": "acme"},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "http://localhost:9093",
    }
    file = folder / "data.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    text = f'{{{{ template "{template}" . }}}}'
    return amtool(
        "template", "render", f"--template.glob={TEMPLATES}", f"--template.text={text}", f"--template.data={file}"
    )


@pytest.mark.parametrize("template", ["mihu.title", "mihu.chat.title"])
def test_a_title_says_how_bad_it_is_where_and_what(tmp_path: Path, template: str) -> None:
    what = "A trunk has lost the agent on a channel"
    assert rendered(tmp_path, template, ["One."]).strip() == f"CRITICAL acme: {what}"
    assert rendered(tmp_path, template, ["One.", "Two."], ["Three."]).strip() == f"CRITICAL acme: {what} (2)"
    assert rendered(tmp_path, template, [], ["One."]).strip() == f"RESOLVED acme: {what}"


def test_a_mail_reads_as_text(tmp_path: Path) -> None:
    assert rendered(tmp_path, "mihu.text", ["One.", "Two <b> & c."], ["Three."]) == (
        """\
A trunk has lost the agent on a channel (2)

Firing:

* One.
  Since 2030-01-02 03:04 UTC, critical. https://example.com/page.md

* Two <b> & c.
  Since 2030-01-02 03:04 UTC, critical. https://example.com/page.md

Resolved:

* Three.
  From 2030-01-02 03:04 to 2030-01-02 04:05 UTC.

All alerts: http://localhost:9093
"""
    )


def test_a_chat_message_escapes_what_would_be_markup(tmp_path: Path) -> None:
    assert rendered(tmp_path, "mihu.chat.text", ["One.", "Two <b> & c."], ["Three."]).strip() == (
        """\
• One. <https://example.com/page.md|What to do>
• Two &lt;b&gt; &amp; c. <https://example.com/page.md|What to do>
✓ Resolved: Three."""
    )


@pytest.mark.parametrize("template", ["mihu.text", "mihu.chat.text"])
def test_a_long_list_is_cut(tmp_path: Path, template: str) -> None:
    text = rendered(tmp_path, template, [f"Trunk {number}." for number in range(300)])
    assert "Trunk 19." in text
    assert "Trunk 20." not in text
    assert "and more: 300 in all." in text


def test_every_template_that_the_example_names_exists() -> None:
    defined = set(re.findall(r'define "([\w.]+)"', TEMPLATES.read_text(encoding="utf-8")))
    used = set(re.findall(r'template "([\w.]+)"', CONFIG.read_text(encoding="utf-8")))
    assert used
    assert used <= defined


@pytest.mark.parametrize(("firing", "color"), [(["One."], "#d55e00"), ([], "#0072b2")], ids=["critical", "resolved"])
def test_a_color_means_one_thing(tmp_path: Path, firing: list[str], color: str) -> None:
    assert rendered(tmp_path, "mihu.color", firing, ["Two."]).strip() == color
