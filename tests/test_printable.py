"""A fleet whose texts would take over a terminal, and an API whose errors would: wherever they are shown."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import httpx
import pytest
from click.testing import CliRunner
from structlog import get_logger
from support.logged import Format, captured_log
from support.once import collected
from support.processes import PROJECT, exporter_command
from support.programs import on_terminal
from support.simulating import simulating, write_config

from exporter.cli import main
from exporter.commands.common import say
from exporter.config.loading import load
from exporter.config.settings import shown
from exporter.simulator.api import Tenant
from exporter.simulator.fleet import Fleet

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\n\u2028\u202eevil\u2066\x7f\x00"
UNSAFE = set(HOSTILE) - {character for character in HOSTILE if character.isprintable()}


def unsafe_in(document: object, but: str = "") -> set[str]:
    """Return what is unsafe in a text, or in the texts of a document."""
    match document:
        case str():
            return UNSAFE & set(document) - set(but)
        case dict():
            return unsafe_in([*document, *document.values()], but)
        case list():
            return set[str]().union(*(unsafe_in(each, but) for each in document))
    return set()


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet.generate(12, 3)
    for index, number in enumerate(fleet.numbers[:3]):
        agent = {"bound": True, "agent_name": f"{HOSTILE}{index}", "agent_uuid": f"{HOSTILE}{index}"}
        words = dict.fromkeys(("status", "location", "type", "source", "country_code"), HOSTILE)
        fleet.change(
            number,
            now=time.time(),
            **words,
            number=f"{HOSTILE}{number}",
            phone_number_uuid=f"{HOSTILE}{index}",
            bindings={"call": agent, "sms": agent, "whatsapp": agent},
            billing={"monthly_fee": 1, "currency": HOSTILE},
            compliance={"status": HOSTILE, "requirements": []},
        )
    return fleet


@pytest.fixture
def config(tmp_path: Path, fleet: Fleet) -> Iterator[Path]:
    tenants = [Tenant("acme", "token-a", fleet)]
    with simulating(tenants) as simulator:
        folder = tmp_path / "\udcff"  # no text
        folder.mkdir()
        (folder / "token").write_text("token-a", encoding="utf-8")
        config = write_config(folder, simulator, tenants)
        text = config.read_text(encoding="utf-8").replace("credentials: token-a", "credentials_file: token")
        config.write_text(text, encoding="utf-8")
        yield config


# How the documents are read in which a line is not a text.
READ: dict[str, Callable[[str], object]] = {"json": json.loads, "csv": lambda text: list(csv.reader(io.StringIO(text)))}


@pytest.mark.parametrize("log_format", get_args(Format))
@pytest.mark.parametrize("format_", ["prometheus", "json", "table", "csv"])
def test_once_writes_and_logs_no_unsafe_text(config: Path, fleet: Fleet, format_: str, log_format: str) -> None:
    flags = ["--config.file", str(config), "--storage.path", str(config.parent / "storage")]
    flags += ["once", "--format", format_, "--log.format", log_format, "--log.level", "debug"]
    CliRunner().invoke(main, flags)
    fleet.change(fleet.numbers[0], now=time.time(), status=f"{HOSTILE}!", bindings={})
    ended = CliRunner().invoke(main, flags)
    assert ended.exit_code == 0
    assert "evil" in ended.stdout
    assert "trunk changed" in ended.stderr
    assert not unsafe_in(ended.stdout + ended.stderr, but="\n")
    assert not unsafe_in(READ.get(format_, str.splitlines)(ended.stdout))
    lines = ended.stderr.splitlines()
    assert not unsafe_in(lines if log_format == "logfmt" else [json.loads(line) for line in lines])


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize(("flags", "text"), [("once --format table", "evil"), ("--config.check", "is valid")])
def test_none_is_shown_on_a_terminal(config: Path, flags: str, text: str, encoding: str) -> None:
    command = exporter_command("--config.file", str(config), *flags.split())
    shown = on_terminal(command, PROJECT, {"PYTHONIOENCODING": encoding}, 300)
    assert (shown.status, text in shown.text) == (0, True)
    assert not unsafe_in(shown.text, but="\r\n")


@pytest.mark.parametrize("format_", ["text", "json"])
def test_doctor_writes_no_unsafe_text(config: Path, format_: str) -> None:
    assert shown(load(config)).encode()
    ended = CliRunner().invoke(main, ["--config.file", str(config), "doctor", "--format", format_])
    assert ended.exit_code == 0
    assert not unsafe_in(ended.stdout + ended.stderr, but="\n")
    assert not unsafe_in(READ.get(format_, str.splitlines)(ended.stdout))


def test_an_error_of_the_api_is_of_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    error = {"success": False, "message": HOSTILE, "error": {"code": HOSTILE}}
    (acme,) = collected({"acme": lambda _: httpx.Response(422, json=error)})
    assert acme.poll.failure is not None
    assert "evil" in acme.poll.failure.message
    assert not unsafe_in(acme.poll.failure.message)
    say(HOSTILE)
    log = capsys.readouterr().err
    assert log.startswith("mihu-trunk-exporter: \ufffd]0;owned")
    assert not unsafe_in(log, but="\n")


@pytest.mark.parametrize("format_", get_args(Format))
def test_the_log_has_no_unsafe_text_and_tracebacks_as_they_are(format_: Format) -> None:
    with captured_log(format_=format_) as log:
        try:
            json.loads(HOSTILE)
        except ValueError as error:
            error.add_note(HOSTILE)
            get_logger().exception(HOSTILE, workspace=HOSTILE, count=3)
    (line,) = log.getvalue().splitlines()
    assert not unsafe_in(line)
    assert r"\n  File" in line
    if format_ == "json":
        event = json.loads(line)
        assert event["count"] == 3
        assert not unsafe_in(event, but="\n")
