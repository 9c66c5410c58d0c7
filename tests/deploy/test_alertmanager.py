"""The example for Alertmanager: who is told, what is held back, and how it reads."""

import asyncio
import json
import os
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from support import newer_programs
from support.processes import eventually, running_alertmanager
from support.programs import run
from support.rules import ALERTS, DEPLOY, RUNBOOKS, fenced

CONFIG = DEPLOY / "alertmanager" / "alertmanager.yaml"
TEMPLATES = DEPLOY / "alertmanager" / "mihu.tmpl"
RECEIVERS = {"critical": "page", "warning": "chat", "info": "mail"}
ABOUT_EXPORTER = re.compile("Mihu(Exporter|Shard|Config|Storage).+")
# Nothing is known of these while their workspace is not read.
ABOUT_TRUNKS = re.compile("MihuTrunk.+|MihuFleetShrank|MihuTermsChanged|MihuInvalidFields|MihuPollDrift")
NOT_READ = {"MihuDataStale", "MihuPollsFailing"}


def amtool(*arguments: str) -> str:
    done = run("amtool", *arguments)
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


@pytest.mark.parametrize("suite", newer_programs.SUITES)
def test_a_newer_alertmanager_holds_back_and_writes_the_same(
    tmp_path: Path, suite: str, newer: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts = [fired(f"Trunk {number} & <b>", number=number) for number in range(30)]
    templates = ["mihu.title", "mihu.text", "mihu.chat.title", "mihu.chat.text", "mihu.color"]
    written = [rendered(tmp_path, template, alerts, ["A"]) for template in templates]
    for binary in newer("amtool", suite):
        monkeypatch.setenv("PATH", f"{binary.parent}:{os.environ['PATH']}")
        amtool("check-config", str(CONFIG))
        consequence = {**ANNOUNCED, "alertname": "MihuTrunkOutOfService"}
        held_back = held_back_by(tmp_path, {**ANNOUNCED, "alertname": "MihuTrunkChannelLost"}, [consequence])
        assert held_back == {("MihuTrunkOutOfService", "acme")}
        assert [rendered(tmp_path, template, alerts, ["A"]) for template in templates] == written


def test_the_example_holds_no_secret() -> None:
    text = CONFIG.read_text(encoding="utf-8")
    assert not re.search(
        r"^\s*(smtp_auth_password|password|slack_api_url|api_url|bearer_token|credentials):", text, re.MULTILINE
    )
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
    everywhere = [route, *route["routes"], *(inner for child in route["routes"] for inner in child.get("routes", []))]
    own = [child for child in everywhere if child.get("group_by") == ["alertname"]]
    assert [child["matchers"] for child in own] == [[f'alertname=~"{ABOUT_EXPORTER.pattern}"']] * 2
    assert {name for name in ALERTS if ABOUT_EXPORTER.fullmatch(name)} == {
        "MihuExporterDown",
        "MihuExporterRestarting",
        "MihuConfigReloadFailed",
        "MihuStorageUnhealthy",
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


ANNOUNCED = {"workspace": "acme", "phone_number_uuid": "u1", "number": "+1", "reason": "unbound"}


def held_back_by(folder: Path, cause: dict[str, str], others: Sequence[dict[str, str]]) -> set[tuple[str, str]]:
    """Return the names and workspaces of the alerts that are held back while their cause is firing."""
    found: set[tuple[str, str]] = set()

    async def scenario(http: httpx.AsyncClient) -> None:
        alerts = [
            alert(one["alertname"], **{k: v for k, v in one.items() if k != "alertname"}) for one in [cause, *others]
        ]
        (await http.post("/api/v2/alerts", json=alerts)).raise_for_status()

        async def are_known() -> bool:
            return len((await http.get("/api/v2/alerts")).json()) == len(alerts)

        await eventually(are_known, "the alerts are there")

        async def some_are_held_back() -> bool:
            found.update(await muted(http, "inhibitedBy"))
            return bool(found)

        await eventually(some_are_held_back, "alerts are inhibited")
        found.update(await muted(http, "inhibitedBy"))

    with_alertmanager(folder, scenario)
    return found


def every_other(cause: str) -> list[dict[str, str]]:
    return [
        {**ANNOUNCED, "alertname": name, "workspace": workspace}
        for name in sorted(ALERTS.keys() - {cause})
        for workspace in ("acme", "beta")
    ]


def test_alerts_about_trunks_are_held_back_while_their_workspace_is_not_read(tmp_path: Path) -> None:
    others = [one for one in every_other("MihuDataStale") if not CAUSED.fullmatch(one["alertname"])]
    held_back = held_back_by(tmp_path, {"alertname": "MihuDataStale", "workspace": "acme"}, others)
    assert held_back == {
        (name, "acme") for name in ALERTS if ABOUT_TRUNKS.fullmatch(name) and not CAUSED.fullmatch(name)
    }


# They hold back others themselves.
CAUSED = re.compile("Mihu(DataStale|Exporter.+|AuthFailing|InvalidFields|TrunkGone|TrunkChannelLost)")


@pytest.mark.parametrize(
    ("cause", "consequences"),
    [
        ("MihuAuthFailing", NOT_READ),
        ("MihuExporterDown", NOT_READ),
        ("MihuInvalidFields", {"MihuTrunkOutOfService", "MihuTrunksOutOfService"}),
        ("MihuTrunkChannelLost", {"MihuTrunkOutOfService", "MihuTrunkServiceDisabled"}),
    ],
)
def test_one_event_pages_once(tmp_path: Path, cause: str, consequences: set[str]) -> None:
    others = [{**ANNOUNCED, "alertname": name} for name in sorted(consequences)]
    others += [{**ANNOUNCED, "alertname": name, "workspace": "beta"} for name in sorted(consequences)]
    held_back = held_back_by(tmp_path, {**ANNOUNCED, "alertname": cause}, others)
    assert held_back >= {(name, "acme") for name in consequences}
    assert not {name for name, workspace in held_back if workspace == "beta"}


def test_without_any_exporter_that_is_the_one_alert(tmp_path: Path) -> None:
    others = [one for one in every_other("MihuExporterDown") if not CAUSED.fullmatch(one["alertname"])]
    held_back = held_back_by(tmp_path, {"alertname": "MihuExporterDown"}, others)
    expected = {one["alertname"] for one in others if not ABOUT_EXPORTER.fullmatch(one["alertname"])}
    assert held_back == {(name, workspace) for name in expected for workspace in ("acme", "beta")}


def test_the_page_on_silencing_silences_each_alert_and_no_other(tmp_path: Path) -> None:
    """Its command is carried out with what its table has for each alert."""
    page = (RUNBOOKS / "silencing.md").read_text(encoding="utf-8")
    (command,) = fenced(page, "sh")
    words = shlex.split(command.replace("\\\n", " ").replace("$USER", "somebody"))
    options = [word for word in words if word.startswith("--") and not word.startswith("--duration=")]
    rows = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| [^|]+ \| (\w+) \| (?:`([^`]+)`)? \|$", page, re.MULTILINE)
    assert [name for name, *_ in rows] == sorted(ALERTS)

    async def scenario(http: httpx.AsyncClient) -> None:
        assert options[0] == "--alertmanager.url=http://localhost:9093"
        for name, link, duration, also in rows:
            assert link == name
            flags = [f"--alertmanager.url={http.base_url}", *options[1:], f"--duration={duration}"]
            matchers = dict(word.split("=", 1) for word in shlex.split(also))
            named = [f"{label}={value}" for label, value in matchers.items()]
            await asyncio.to_thread(amtool, "silence", "add", *flags, f"alertname={name}", *named)
            (await http.post("/api/v2/alerts", json=[alert(name, **matchers)])).raise_for_status()

        async def are_silenced() -> bool:
            return {name for name, _ in await muted(http, "silencedBy")} == ALERTS.keys()

        await eventually(are_silenced, "every alert is silenced")
        silences = (await http.get("/api/v2/silences")).json()
        assert len(silences) == len(ALERTS)

    with_alertmanager(tmp_path, scenario)


def fired(summary: str, *, number: int = 1, name: str = "MihuTrunkChannelLost", status: str = "firing") -> Any:  # noqa: ANN401 - JSON
    """Return an alert about a trunk as a template gets it."""
    return {
        "status": status,
        "labels": {
            "alertname": name,
            "severity": severity(name),
            "workspace": "acme",
            "number": f"+3906{number}",
            "phone_number_uuid": f"u{number}",
        },
        "annotations": {"summary": summary, "runbook_url": f"https://wiki.internal/runbooks/{name}.md"},
        "startsAt": "2030-01-02T03:04:05Z",
        "endsAt": "2030-01-02T04:05:06Z",
    }


def rendered(folder: Path, template: str, firing: Sequence[Any], resolved: Sequence[str] = ()) -> str:
    """Render a template for alerts, or for alerts of one kind, given their summaries."""
    alerts = [one if isinstance(one, dict) else fired(one, number=index) for index, one in enumerate(firing, 1)]
    alerts += [fired(text, number=index, status="resolved") for index, text in enumerate(resolved, 1)]
    labels = [set(one["labels"].items()) for one in alerts]
    data = {
        "receiver": "page",
        "status": "firing" if firing else "resolved",
        "alerts": alerts,
        "groupLabels": {"workspace": "acme"},
        "commonLabels": dict(set.intersection(*labels)),
        "commonAnnotations": {},
        "externalURL": "http://localhost:9093",
    }
    file = folder / "data.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    text = f'{{{{ template "{template}" . }}}}'
    return amtool(
        "template", "render", f"--template.glob={TEMPLATES}", f"--template.text={text}", f"--template.data={file}"
    )


LOST = "+39061 lost its agent <Ada> on call"
RUNBOOK = "https://wiki.internal/runbooks/MihuTrunkChannelLost.md"


def test_a_title_names_the_number_and_the_event(tmp_path: Path) -> None:
    assert rendered(tmp_path, "mihu.title", [LOST]).strip() == f"CRITICAL acme: {LOST}"
    assert rendered(tmp_path, "mihu.title", [], [LOST]).strip() == f"RESOLVED acme: {LOST}"
    escaped = "CRITICAL acme: +39061 lost its agent &lt;Ada&gt; on call"
    assert rendered(tmp_path, "mihu.chat.title", [LOST]).strip() == escaped


@pytest.mark.parametrize("template", ["mihu.title", "mihu.chat.title"])
def test_a_title_sums_up_what_happened_to_many(tmp_path: Path, template: str) -> None:
    many = [f"{number}." for number in range(12)]
    assert rendered(tmp_path, template, many, ["Three."]).strip() == "CRITICAL acme: 12 trunks lost their agents"
    assert rendered(tmp_path, template, [], many).strip() == "RESOLVED acme: 12 trunks lost their agents"


@pytest.mark.parametrize("name", [name for name in ALERTS if name.startswith("MihuTrunk") and "Trunks" not in name])
def test_many_alerts_about_trunks_are_summed_up_in_words(tmp_path: Path, name: str) -> None:
    title = rendered(tmp_path, "mihu.title", [fired("A.", number=1, name=name), fired("B.", number=2, name=name)])
    assert re.fullmatch(r"[A-Z]+ acme: .*\b2 trunks\b.*", title.strip())


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (("not_active", "not_active"), "2 trunks are not active"),
        (("blocked", "blocked"), "2 trunks are blocked by their services"),
        (("unbound", "unbound"), "2 trunks are without an agent"),
        (("unbound", "blocked"), "2 trunks are out of service"),
    ],
)
def test_trunks_out_of_service_are_summed_up_by_reason(tmp_path: Path, reasons: Sequence[str], words: str) -> None:
    alerts = [fired("A", number=number, name="MihuTrunkOutOfService") for number in range(2)]
    for one, reason in zip(alerts, reasons, strict=True):
        one["labels"]["reason"] = reason
    assert rendered(tmp_path, "mihu.title", alerts).strip() == f"CRITICAL acme: {words}"


@pytest.mark.parametrize("template", ["mihu.text", "mihu.chat.text"])
def test_the_worst_comes_first(tmp_path: Path, template: str) -> None:
    news = fired("News.", name="MihuTermsChanged")
    bad, worse = fired("Bad.", number=2, name="MihuTrunkPending"), fired("Worse.", number=3)
    text = rendered(tmp_path, template, [news, bad, worse])
    assert text.index("Worse.") < text.index("Bad.") < text.index("News.")
    assert rendered(tmp_path, "mihu.title", [news, bad, worse]).strip() == "CRITICAL acme: 3 alerts"


def test_a_mail_reads_as_text_with_links(tmp_path: Path) -> None:
    assert rendered(tmp_path, "mihu.text", [LOST], ["+39062 is gone from the list"]) == (
        f"""\
{LOST}

Firing:

* acme: {LOST}
  Since 2030-01-02 03:04 UTC, critical. {RUNBOOK}
  http://localhost:3000/d/mihu-trunk?var-workspace=acme&var-number=%2B39061&var-uuid=u1
  http://localhost:10155/trunk?workspace=acme&uuid=u1

Resolved:

* acme: +39062 is gone from the list
  From 2030-01-02 03:04 to 2030-01-02 04:05 UTC.

All alerts: http://localhost:9093
"""
    )


def test_texts_name_the_last_agent(tmp_path: Path) -> None:
    alert = fired("Blocked.", name="MihuTrunkOutOfService")
    alert["annotations"] |= {"last_agent": "<Ada> on call"}
    assert "UTC, critical. Last agent: <Ada> on call. https://" in rendered(tmp_path, "mihu.text", [alert])
    text = rendered(tmp_path, "mihu.chat.text", [alert])
    assert text.startswith("• acme: Blocked., last agent: &lt;Ada&gt; on call <https://")


def test_links_lead_to_what_an_alert_is_about_and_to_nothing_that_is_not_known(tmp_path: Path) -> None:
    alert = fired("Lost.")
    del alert["annotations"]["runbook_url"]
    del alert["labels"]["phone_number_uuid"]
    assert "http://localhost:10155/trunk?workspace=acme&number=%2B39061\n" in rendered(tmp_path, "mihu.text", [alert])
    del alert["labels"]["number"]
    text = rendered(tmp_path, "mihu.text", [alert])
    assert "UTC, critical.\n  http://localhost:10155/workspace?name=acme\n" in text
    assert "/d/mihu-trunk" not in text


def test_a_chat_message_escapes_what_would_be_markup(tmp_path: Path) -> None:
    assert rendered(tmp_path, "mihu.chat.text", ["Two <b> & c"], ["Three"]).strip() == (
        f"• acme: Two &lt;b&gt; &amp; c <{RUNBOOK}|What to do>"
        " <http://localhost:10155/trunk?workspace=acme&uuid=u1|Status>"
        " <http://localhost:3000/d/mihu-trunk?var-workspace=acme&var-number=%2B39061&var-uuid=u1|Dashboard>\n"
        "✓ Resolved: acme: Three"
    )


@pytest.mark.parametrize("template", ["mihu.text", "mihu.chat.text"])
def test_a_long_list_is_cut(tmp_path: Path, template: str) -> None:
    text = rendered(tmp_path, template, [f"Trunk {number}." for number in range(300)])
    assert "Trunk 19." in text
    assert "Trunk 20." not in text
    assert "and more: 300 in all." in text


@pytest.mark.parametrize(("firing", "color"), [(["One."], "#d55e00"), ([], "#0072b2")], ids=["critical", "resolved"])
def test_a_color_means_one_thing(tmp_path: Path, firing: list[str], color: str) -> None:
    assert rendered(tmp_path, "mihu.color", firing, ["Two."]).strip() == color
