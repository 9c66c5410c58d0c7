"""The example for Alertmanager: who is told, what is held back, and how it reads."""

import asyncio
import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support import newer_programs
from support.processes import becomes, running_alertmanager
from support.programs import run_well
from support.rules import ALERTS, DEPLOY, RUNBOOKS, fenced

CONFIG = DEPLOY / "alertmanager" / "alertmanager.yaml"
TEMPLATES = DEPLOY / "alertmanager" / "mihu.tmpl"
RECEIVERS = {"critical": "page", "warning": "chat", "info": "mail"}
ABOUT_EXPORTER = re.compile("Mihu(Exporter|Shard|Config|Storage).+")

Alert = dict[str, Any]


amtool = partial(run_well, "amtool")


def severity(alert: str) -> str:
    return str(ALERTS[alert].document["labels"]["severity"])


def reported(name: str, labels: Mapping[str, str]) -> Alert:
    return {
        "labels": {"alertname": name, "severity": severity(name), **labels},
        "annotations": {"summary": ALERTS[name].annotations["summary"]},
    }


@pytest.fixture(params=["", *newer_programs.SUITES])
def _suite(request: pytest.FixtureRequest, newer: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Take Alertmanager and amtool of the system, and then of each newer suite that can be had."""
    for binary in newer("amtool", request.param) if request.param else ():
        monkeypatch.setenv("PATH", f"{binary.parent}:{os.environ['PATH']}")


every_suite = pytest.mark.usefixtures("_suite")


# Who is told


def test_the_example_holds_no_secret() -> None:
    text = CONFIG.read_text(encoding="utf-8")
    secrets = "smtp_auth_password|password|slack_api_url|api_url|bearer_token|credentials"
    assert not re.search(rf"^\s*({secrets}):", text, re.MULTILINE)
    addresses = re.findall(r"[\w.-]+@[\w.-]+|https?://[\w.-]+", text)
    assert addresses
    assert all(address.endswith(".internal") for address in addresses)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_goes_where_its_severity_says(name: str) -> None:
    labels = [f"alertname={name}", f"severity={severity(name)}", "workspace=acme"]
    receiver = RECEIVERS[severity(name)]
    amtool("config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receiver}", *labels)


def test_a_foreign_alert_goes_to_the_chat() -> None:
    assert amtool("config", "routes", "test", f"--config.file={CONFIG}", "alertname=Watchdog").strip() == "chat"


def test_messages_are_grouped_by_workspace_and_event_and_those_about_the_exporter_by_name() -> None:
    route = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["route"]
    assert route["group_by"] == ["workspace", "alertname", "reason"]
    everywhere = [*route["routes"], *(inner for child in route["routes"] for inner in child.get("routes", []))]
    own = [child["matchers"] for child in everywhere if child.get("group_by") == ["alertname"]]
    assert own == [[f'alertname=~"{ABOUT_EXPORTER.pattern}"']] * 2
    about = "ExporterDown ExporterRestarting ConfigReloadFailed StorageUnhealthy ShardConflict ShardMissing"
    assert {name for name in ALERTS if ABOUT_EXPORTER.fullmatch(name)} == {f"Mihu{name}" for name in about.split()}


# What is held back


# The example tells nobody: the first messages are due long after the test.
alertmanager = partial(running_alertmanager, config=CONFIG)


async def report(http: httpx.AsyncClient, alerts: Sequence[Alert]) -> None:
    (await http.post("/api/v2/alerts", json=alerts)).raise_for_status()


async def muted(http: httpx.AsyncClient, by: str) -> set[tuple[str, str]]:
    return {
        (found["labels"].get("workspace", ""), found["labels"]["alertname"])
        for found in (await http.get("/api/v2/alerts")).json()
        if found["status"][by]
    }


NOT_READ = {"MihuDataStale", "MihuPollsFailing"}
# They hold back others themselves.
CAUSES = {"MihuDataStale", "MihuAuthFailing", "MihuInvalidFields", "MihuTrunkGone", "MihuTrunkChannelLost"}
OTHERS = {name for name in ALERTS.keys() - CAUSES if not name.startswith("MihuExporter")}
# Nothing is known of these while their workspace is not read.
ABOUT_TRUNKS = {name for name in OTHERS if re.fullmatch("Mihu(Trunk.+|FleetShrank|TermsChanged|PollDrift)", name)}
OUT_OF_SERVICE = {"MihuTrunkOutOfService", "MihuTrunksOutOfService"}
# By a workspace: what fires there, what that holds back, and what it does not.
HELD_BACK: dict[str, tuple[str, set[str], set[str]]] = {
    "not read": ("MihuDataStale", ABOUT_TRUNKS, OTHERS - ABOUT_TRUNKS),
    "refused": ("MihuAuthFailing", NOT_READ, set()),
    "not watched": ("MihuExporterDown", NOT_READ, set()),
    "not understood": ("MihuInvalidFields", OUT_OF_SERVICE, set()),
    "unanswered": ("MihuTrunkChannelLost", {"MihuTrunkOutOfService", "MihuTrunkServiceDisabled"}, set()),
    "well": ("MihuTermsChanged", set(), OTHERS | {"MihuPollsFailing"}),
}
TRUNK = {"phone_number_uuid": "u1", "number": "+1", "reason": "unbound"}


async def assert_held_back(folder: Path, alerts: Sequence[Alert], expected: set[tuple[str, str]]) -> None:
    async with alertmanager(folder) as http:
        await report(http, alerts)
        await becomes(lambda: muted(http, "inhibitedBy"), expected)


@every_suite
async def test_one_event_is_told_once(tmp_path: Path) -> None:
    alerts = [
        reported(name, {**TRUNK, "workspace": workspace})
        for workspace, (cause, held_back, others) in HELD_BACK.items()
        for name in sorted({cause} | held_back | others)
    ]
    expected = {(workspace, name) for workspace, (_, held_back, _) in HELD_BACK.items() for name in held_back}
    await assert_held_back(tmp_path, alerts, expected)


async def test_without_any_exporter_that_is_the_one_alert(tmp_path: Path) -> None:
    others = [(workspace, name) for workspace in ("acme", "beta") for name in sorted(OTHERS)]
    alerts = [reported(name, {**TRUNK, "workspace": workspace}) for workspace, name in others]
    expected = {other for other in others if not ABOUT_EXPORTER.fullmatch(other[1])}
    await assert_held_back(tmp_path, [reported("MihuExporterDown", {}), *alerts], expected)


async def test_the_page_on_silencing_silences_each_alert_and_no_other(tmp_path: Path) -> None:
    """Its command is carried out with what its table has for each alert."""
    page = (RUNBOOKS / "silencing.md").read_text(encoding="utf-8")
    (command,) = fenced(page, "sh")
    words = shlex.split(command.replace("\\\n", " ").replace("$USER", "somebody"))
    url, *options = [word for word in words if word.startswith("--") and not word.startswith("--duration=")]
    assert url == "--alertmanager.url=http://localhost:9093"
    rows = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| [^|]+ \| (\w+) \| (?:`([^`]+)`)? \|$", page, re.MULTILINE)
    assert [name for name, *_ in rows] == [link for _, link, *_ in rows] == sorted(ALERTS)
    silenced = set()
    async with alertmanager(tmp_path) as http:
        for name, _, duration, also in rows:
            flags = [f"--alertmanager.url={http.base_url}", *options, f"--duration={duration}"]
            matchers = dict(word.split("=", 1) for word in shlex.split(also))
            named = [f"{label}={value}" for label, value in matchers.items()]
            await asyncio.to_thread(amtool, "silence", "add", *flags, f"alertname={name}", *named)
            await report(http, [reported(name, matchers)])
            silenced.add((matchers.get("workspace", ""), name))
        await becomes(lambda: muted(http, "silencedBy"), silenced)
        assert len((await http.get("/api/v2/silences")).json()) == len(ALERTS)


# How it reads

WIKI, GRAFANA, EXPORTER = "https://wiki.internal/runbooks", "http://localhost:3000/d", "http://localhost:10155"


def fired(summary: str = "A.", index: int = 1, name: str = "MihuTrunkChannelLost", **labels: str) -> Alert:
    """Return an alert about a trunk as a template gets it; a label that is empty is not there."""
    named = {"alertname": name, "severity": severity(name), "workspace": "acme"}
    about = named | {"number": f"+3906{index}", "phone_number_uuid": f"u{index}"} | labels
    return {
        "status": "firing",
        "labels": {label: value for label, value in about.items() if value},
        "annotations": {"summary": summary, "runbook_url": f"{WIKI}/{name}.md"},
        "startsAt": "2030-01-02T03:04:05Z",
        "endsAt": "2030-01-02T04:05:06Z",
    }


def resolved(summary: str, index: int = 1) -> Alert:
    return fired(summary, index) | {"status": "resolved"}


def last_answered_by(agent: str) -> Alert:
    alert = fired("Blocked.", name="MihuTrunkOutOfService")
    alert["annotations"]["last_agent"] = agent
    return alert


def rendered(folder: Path, template: str, alerts: Sequence[Alert]) -> str:
    labels = [set(one["labels"].items()) for one in alerts]
    data = {
        "receiver": "page",
        "status": "firing" if any(one["status"] == "firing" for one in alerts) else "resolved",
        "alerts": alerts,
        "groupLabels": {"workspace": "acme"},
        "commonLabels": dict(set.intersection(*labels)),
        "commonAnnotations": {},
        "externalURL": "http://localhost:9093",
    }
    file = folder / "data.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    text = f'{{{{ template "{template}" . }}}}'
    flags = (f"--template.glob={TEMPLATES}", f"--template.text={text}", f"--template.data={file}")
    return amtool("template", "render", *flags).strip()


LOST = "+39061 lost its agent <Ada> on call"
ESCAPED = "+39061 lost its agent &lt;Ada&gt; on call"
MANY = [fired(f"{number}.", number) for number in range(12)]
MIXED = [fired("News.", name="MihuTermsChanged"), fired("Bad.", 2, "MihuTrunkPending"), fired("Worse.", 3)]
MAIL = f"""\
{LOST}

Firing:

* acme: {LOST}
  Since 2030-01-02 03:04 UTC, critical. {WIKI}/MihuTrunkChannelLost.md
  {GRAFANA}/mihu-trunk?var-workspace=acme&var-number=%2B39061&var-uuid=u1
  {EXPORTER}/trunk?workspace=acme&uuid=u1

Resolved:

* acme: +39062 is gone from the list
  From 2030-01-02 03:04 to 2030-01-02 04:05 UTC.

All alerts: http://localhost:9093"""
CHAT = (
    f"• acme: {ESCAPED} <{WIKI}/MihuTrunkChannelLost.md|What to do>"
    f" <{EXPORTER}/trunk?workspace=acme&uuid=u1|Status>"
    f" <{GRAFANA}/mihu-trunk?var-workspace=acme&var-number=%2B39061&var-uuid=u1|Dashboard>\n"
    "✓ Resolved: acme: +39062 is gone from the list"
)


def out_of_service(*reasons: str) -> list[Alert]:
    return [fired("A.", index, "MihuTrunkOutOfService", reason=reason) for index, reason in enumerate(reasons)]


# By a template, alerts and all that it makes of them.
WRITTEN: list[tuple[str, list[Alert], str]] = [
    # The number and the event.
    ("mihu.title", [fired(LOST)], f"CRITICAL acme: {LOST}"),
    ("mihu.title", [resolved(LOST)], f"RESOLVED acme: {LOST}"),
    ("mihu.chat.title", [fired(LOST)], f"CRITICAL acme: {ESCAPED}"),
    # What happened to many.
    ("mihu.title", [*MANY, resolved("Three.")], "CRITICAL acme: 12 trunks lost their agents"),
    ("mihu.chat.title", [*MANY, resolved("Three.")], "CRITICAL acme: 12 trunks lost their agents"),
    ("mihu.title", [one | {"status": "resolved"} for one in MANY], "RESOLVED acme: 12 trunks lost their agents"),
    ("mihu.title", out_of_service("not_active", "not_active"), "CRITICAL acme: 2 trunks are not active"),
    ("mihu.title", out_of_service("blocked", "blocked"), "CRITICAL acme: 2 trunks are blocked by their services"),
    ("mihu.title", out_of_service("unbound", "unbound"), "CRITICAL acme: 2 trunks are without an agent"),
    ("mihu.title", out_of_service("unbound", "blocked"), "CRITICAL acme: 2 trunks are out of service"),
    ("mihu.title", MIXED, "CRITICAL acme: 3 alerts"),
    # A colour means one thing.
    ("mihu.color", [fired(), resolved("B.")], "#d55e00"),
    ("mihu.color", [resolved("B.")], "#0072b2"),
    ("mihu.text", [fired(LOST), resolved("+39062 is gone from the list", 2)], MAIL),
    ("mihu.chat.text", [fired(LOST), resolved("+39062 is gone from the list", 2)], CHAT),
]
# And some of it, in this order.
MENTIONED: list[tuple[str, list[Alert], list[str]]] = [
    ("mihu.text", MIXED, ["Worse.", "Bad.", "News."]),
    ("mihu.chat.text", MIXED, ["Worse.", "Bad.", "News."]),
    ("mihu.text", [last_answered_by("<Ada>")], [f"critical. Last agent: <Ada>. {WIKI}"]),
    ("mihu.chat.text", [last_answered_by("<Ada>")], [f"• acme: Blocked., last agent: &lt;Ada&gt; <{WIKI}"]),
    ("mihu.text", [fired(phone_number_uuid="")], [f"{EXPORTER}/trunk?workspace=acme&number=%2B39061\n"]),
    ("mihu.text", [fired(number="", phone_number_uuid="")], [f".md\n  {EXPORTER}/workspace?name=acme\n\nAll alerts"]),
    *(
        (template, [fired(f"Trunk {number}.", number) for number in range(300)], ["Trunk 19.", "and more: 300 in all."])
        for template in ("mihu.text", "mihu.chat.text")
    ),
]


def mistakes(folder: Path) -> Iterator[str]:
    for template, alerts, text in WRITTEN:
        if (found := rendered(folder, template, alerts)) != text:
            yield f"{found}\nshould be\n{text}"
    for template, alerts, texts in MENTIONED:
        found = rendered(folder, template, alerts)
        if not re.search(".*".join(map(re.escape, texts)), found, re.DOTALL) or "Trunk 20." in found:
            yield f"{found}\nshould mention {texts}"


@every_suite
def test_messages_read_well(tmp_path: Path) -> None:
    amtool("check-config", str(CONFIG))
    assert "\n\n".join(mistakes(tmp_path)) == ""


@pytest.mark.parametrize("name", [name for name in ALERTS if name.startswith("MihuTrunk") and "Trunks" not in name])
def test_many_alerts_about_trunks_are_summed_up_in_words(tmp_path: Path, name: str) -> None:
    title = rendered(tmp_path, "mihu.title", [fired("A.", 1, name), fired("B.", 2, name)])
    assert re.fullmatch(r"[A-Z]+ acme: .*\b2 trunks\b.*", title)
