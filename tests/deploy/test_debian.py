"""The Debian package, as far as it is told without building it: deploy/debian/try.sh builds and installs one."""

import re
import sys

from support.processes import PROJECT
from support.programs import run

from exporter.cli import main

FOLDER = PROJECT / "deploy" / "debian"


def test_the_manual_page_has_every_command_and_every_flag() -> None:
    page = run(sys.executable, FOLDER / "man.py").stdout
    text = page.replace(r"\-", "-")
    assert text.startswith('.TH MIHU-TRUNK-EXPORTER 1 "" "mihu-trunk-exporter ')
    assert set(re.findall(r'^\.SH "COMMAND (\w+)"$', text, re.MULTILINE)) == {name.upper() for name in main.commands}
    for command_ in (main, *main.commands.values()):
        shown = (parameter for parameter in command_.params if not getattr(parameter, "hidden", False))
        for flag in (name for parameter in shown for name in parameter.opts if name.startswith("--")):
            assert re.search(rf"^\.B .*{re.escape(flag)}\b", text, re.MULTILINE), flag
    requests = set(re.findall(r"^[.'](\w*)", page, re.MULTILINE))
    assert requests == {"TH", "SH", "TP", "PP", "B", "I"}, "no text begins as a request does"


def test_its_files_are_those_of_the_unit() -> None:
    unit = (PROJECT / "deploy" / "systemd" / "mihu-trunk-exporter.service").read_text(encoding="utf-8")
    build = (FOLDER / "build.sh").read_text(encoding="utf-8")
    for file in re.findall(r"(?:--config\.file=|EnvironmentFile=-)(\S+)", unit):
        assert f'"$root{file}"' in build
    variables = {f"MIHU_{parameter.name}".upper() for parameter in main.params}
    assert set(re.findall(r"^#(\w+)=", (FOLDER / "default").read_text("utf-8"), re.MULTILINE)) <= variables
