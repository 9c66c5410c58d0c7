"""What a scrape gets, and when it changes."""

import asyncio
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.clock import ManualClock
from support.exposed import findings_of_promtool, openmetrics_families, text_of
from support.samples import ABOUT_TRUNKS, samples
from support.trunks import row
from support.views import exposition, view

from exporter.config.settings import ValidatedConfig
from exporter.metrics.catalogue import CATALOGUE, SHOWN_FAMILIES
from exporter.metrics.exporter_metrics import ExporterMetrics
from exporter.metrics.exposition import View
from exporter.metrics.text import OPENMETRICS, PROMETHEUS, Format

FORMATS = pytest.mark.parametrize("format_", [PROMETHEUS, OPENMETRICS], ids=["Prometheus", "OpenMetrics"])


class Scraped:
    """An exposition of some views, on a clock that stands still."""

    def __init__(self, *views: View) -> None:
        self._clock = ManualClock()
        self.exposition = exposition(*views, clock=self._clock)

    def text(self, format_: Format = PROMETHEUS) -> str:
        return text_of(asyncio.run(self.exposition.everything(format_)))

    def text_of(self, *workspaces: str, format_: Format = PROMETHEUS) -> str:
        return text_of(asyncio.run(self.exposition.some(workspaces, format_)))

    def wait(self, seconds: float) -> None:
        asyncio.run(self._clock.advance(seconds))


def workspaces_in(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r'{workspace="([^"]*)"', text)))


@FORMATS
def test_a_scrape_shows_the_latest_views(format_: Format) -> None:
    scraped = Scraped(view("acme", [row()]))
    text = scraped.text_of("acme", format_=format_)
    for _ in range(2):
        assert workspaces_in(scraped.text(format_)) == ["acme"]
    scraped.exposition.show(view("acme", [row(status="suspended")]))
    assert scraped.text_of("acme", format_=format_) != text
    scraped.exposition.show(view("globex"))
    assert workspaces_in(scraped.text(format_)) == ["acme", "globex"]
    assert 'status="suspended"' in scraped.text(format_)


def test_the_kept_body_expires() -> None:
    scraped = Scraped(view("acme", [row()], expires_at=300), view("globex", [row()], expires_at=400))
    assert workspaces_in("".join(trunk_lines(scraped.text()))) == ["acme", "globex"]
    scraped.wait(300)
    assert workspaces_in("".join(trunk_lines(scraped.text()))) == ["globex"]
    scraped.wait(100)
    assert trunk_lines(scraped.text()) == []
    assert workspaces_in(scraped.text()) == ["acme", "globex"]


def trunk_lines(text: str) -> list[str]:
    return [line for line in text.splitlines(keepends=True) if ABOUT_TRUNKS.match(line)]


class TestFormats:
    def test_both_hold_the_same_samples(self) -> None:
        names = ("acme", "globex")
        scraped = Scraped(*(view(name, [row(index) for index in range(3)]) for name in names))
        read = openmetrics_families(scraped.text_of(*names, format_=OPENMETRICS))
        openmetrics = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in read
            for sample in family.samples
        }
        assert openmetrics == samples(scraped.text_of(*names))

    def test_everything_parses_and_has_the_type_that_it_says(self) -> None:
        scraped = Scraped(view("acme", [row()]), view('"odd" \\ name', [row(location='"\n\\')]))
        expected = {family.name.removesuffix("_total"): family.type.value for family in SHOWN_FAMILIES}
        lax = text_string_to_metric_families(scraped.text())
        for families in (list(lax), openmetrics_families(scraped.text(OPENMETRICS))):
            seen = {family.name: family.type for family in families if family.name in expected}
            assert seen == expected
            assert all(family.documentation for family in families)

    @pytest.mark.programs
    def test_promtool_finds_nothing(self) -> None:
        scraped = Scraped(view("acme", [row()]), view("globex", [row()]))
        assert findings_of_promtool(scraped.text()) == ""

    @FORMATS
    def test_families_come_in_one_piece_in_the_order_of_the_catalogue(self, format_: Format) -> None:
        text = Scraped(view("acme", [row()]), view("globex", [row()])).text(format_)
        names = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
        assert len(names) == len(set(names))
        assert "_created" not in text
        ours = [name for name in names if name.startswith("mihu_")]
        # Of a storage something is said only where there is one.
        in_order = [family.name for family in CATALOGUE if family.name != "mihu_exporter_storage_healthy"]
        if format_ is OPENMETRICS:
            in_order = [name.removesuffix("_total") for name in in_order]
        assert sorted(ours) == sorted(in_order)
        assert ours[: len(SHOWN_FAMILIES)] == in_order[: len(SHOWN_FAMILIES)]


class TestExporterMetrics:
    def test_what_the_exporter_says_of_itself(self) -> None:
        metrics = ExporterMetrics()
        metrics.loaded(ValidatedConfig(workspaces=(), hash=0xABCDEF), now=1_700_000_000.5)
        shown = {name: value for (name, _), value in samples(metrics.text(PROMETHEUS)).items()}
        assert shown["mihu_exporter_config_hash"] == 0xABCDEF
        assert shown["mihu_exporter_config_last_reload_successful"] == 1
        assert shown["mihu_exporter_config_last_reload_success_timestamp_seconds"] == 1_700_000_000.5
        assert shown["mihu_exporter_build_info"] == 1
        assert (shown["mihu_exporter_shard_ordinal"], shown["mihu_exporter_shards"]) == (0, 1)
        assert shown.keys() >= {"process_start_time_seconds", "process_resident_memory_bytes", "python_info"}
