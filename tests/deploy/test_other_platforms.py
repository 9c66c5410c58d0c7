"""What docs/ write for VictoriaMetrics, Grafana Alloy and the OpenTelemetry Collector is what Prometheus is told here.

vmagent, vmalert and VictoriaMetrics run in tests/end_to_end/test_paging.py. Alloy and the collector are in no
package to ask: of their configuration, what is Prometheus's own is checked by promtool, and all of it read.
"""

import json
import re
import shlex
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from support.files import write_yaml
from support.processes import PROJECT
from support.programs import run_well
from support.rules import PROMETHEUS, fenced

EXAMPLE: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text(encoding="utf-8"))
INTERVAL = EXAMPLE["global"]["scrape_interval"]
(JOB,) = EXAMPLE["scrape_configs"]


def block(name: str, language: str) -> str:
    (text,) = fenced((PROJECT / "docs" / f"{name}.md").read_text(encoding="utf-8"), language)
    return text


def test_vmagent_takes_the_page_and_the_example_of_the_rest(tmp_path: Path, newer: Callable[..., list[Path]]) -> None:
    scrape = yaml.safe_load(block("victoriametrics", "yaml"))
    assert scrape == {"global": {"scrape_interval": INTERVAL}, "scrape_configs": [JOB]}
    sd = yaml.safe_load((PROMETHEUS / "prometheus-sd.yaml").read_text(encoding="utf-8"))
    flags = shlex.split(fenced((PROJECT / "docs" / "victoriametrics.md").read_text(encoding="utf-8"), "sh")[0])[1:]
    assert "-promscrape.maxScrapeSize=1GiB" in flags, "by default, it refuses what 3,900 trunks are"
    for vmagent, config in product(newer("vmagent", "sid"), (scrape, {"scrape_configs": sd["scrape_configs"]})):
        write_yaml(tmp_path / "scrape.yaml", config)
        run_well(vmagent, "-dryRun", *flags, cwd=tmp_path)


def test_the_receiver_of_the_collector_has_what_prometheus_takes(tmp_path: Path) -> None:
    config = yaml.safe_load(block("opentelemetry", "yaml"))
    (received,) = config["receivers"]["prometheus"]["config"]["scrape_configs"]
    assert received == {**JOB, "scrape_interval": INTERVAL}
    file = write_yaml(tmp_path / "prometheus.yaml", config["receivers"]["prometheus"]["config"])
    run_well("promtool", "check", "config", file)
    for pipeline in config["service"]["pipelines"].values():
        for kind in ("receivers", "exporters"):
            assert set(pipeline[kind]) == set(config[kind])


def test_alloy_scrapes_as_prometheus_does() -> None:
    text = block("alloy", "alloy")
    scrape, _, write = text.partition("\n}\n")
    texts = re.findall(r'^\s*"?(\w+)"?\s+=\s+"([^"]*)"$', scrape, re.MULTILINE)
    assert dict(texts) == {"job_name": JOB["job_name"], "scrape_interval": INTERVAL}
    targets = [{"__address__": target} for target in JOB["static_configs"][0]["targets"]]
    assert json.loads(re.findall(r"targets\s+= (.*)", scrape)[0].replace(" = ", ": ").rstrip(",")) == targets
    (receiver,) = re.findall(r"forward_to\s+= \[(.*)\.receiver\]", scrape)
    component, name = receiver.rsplit(".", 1)
    assert f'{component} "{name}" {{' in write
    assert all(text.count(opening) == text.count(closing) for opening, closing in ("{}", "[]", "()"))
