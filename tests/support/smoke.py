"""Tries an installed exporter, by the standard library alone: ``python3 tests/support/smoke.py /path/to/program``."""

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

_PATIENCE = 60.0
_FILES = (
    "config.yaml",
    "alertmanager/mihu.tmpl",
    "grafana/json/mihu-overview.json",
    "mixin/mixin.libsonnet",
    "prometheus/prometheus.yaml",
    "prometheus/rules/mihu-trunk-exporter.rules.yaml",
    "runbooks/MihuTrunkGone.md",
    "systemd/mihu-trunk-exporter.service",
)
_LISTENING = re.compile(r"http://[^/\s\"]+:\d+")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def try_out(program: Path) -> str:
    """Try a program's commands, scrape its demo once, return its version; an AssertionError says what fails."""
    version = _output(program, "--version").split()[-1]
    assert "workspaces" in json.loads(_output(program, "--config.schema"))["properties"]
    with tempfile.TemporaryDirectory() as folder:
        _output(program, "assets", folder, "--runbook-url", "https://runbooks.internal")
        missing = [name for name in _FILES if not (Path(folder) / name).stat().st_size]
        assert not missing, missing
        metrics = _demo(program, Path(folder) / "log")
    assert f'mihu_exporter_build_info{{version="{version}"' in metrics, metrics
    assert re.search(r"^mihu_trunks\{.*} \d+$", metrics, re.MULTILINE), metrics
    return version


def _output(program: Path, *arguments: str) -> str:
    command = [str(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE).stdout  # noqa: S603


def _demo(program: Path, log: Path) -> str:
    """Return what a scrape gets once every workspace was polled."""
    command = [str(program), "--demo", "--web.listen-address", "127.0.0.1:0"]
    with log.open("w") as output:
        demo = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603 - ours
    try:
        give_up = time.monotonic() + _PATIENCE
        while time.monotonic() < give_up and demo.poll() is None:
            if found := _LISTENING.search(log.read_text(encoding="utf-8")):
                try:
                    _get(f"{found[0]}/-/ready")
                    return _get(f"{found[0]}/metrics")
                except urllib.error.HTTPError as not_ready:
                    not_ready.close()
            time.sleep(0.05)
        raise AssertionError(f"it is not ready: {log.read_text(encoding='utf-8')}")
    finally:
        demo.terminate()
        demo.wait(_PATIENCE)


def _get(url: str) -> str:
    with _DIRECT.open(url, timeout=_PATIENCE) as answer:
        return str(answer.read(), "utf-8")


if __name__ == "__main__":
    sys.stdout.write(f"{try_out(Path(sys.argv[1]))} works\n")
