"""What a scrape gets, and when it changes; how values and labels are spelled; texts compressed apart as one file."""

import asyncio
import gzip
import math
import re
import zlib
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
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
from exporter.metrics.gzip_segments import (
    EMPTY,
    Column,
    ColumnCopy,
    Segment,
    compress,
    gzip_parts,
    inflated_parts,
    join,
)
from exporter.metrics.text import OPENMETRICS, PROMETHEUS, Format, labelled, number

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
        families = openmetrics_families(scraped.text_of(*names, format_=OPENMETRICS))
        read = [sample for family in families for sample in family.samples]
        openmetrics = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in read}
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
    def test_what_the_exporter_says_of_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MIHU_REVISION", "\udcff")  # no text
        metrics = ExporterMetrics()
        assert 'revision="\N{REPLACEMENT CHARACTER}"' in metrics.text(PROMETHEUS)
        metrics.loaded(ValidatedConfig(workspaces=(), hash=0xABCDEF), now=1_700_000_000.5)
        shown = {name: value for (name, _), value in samples(metrics.text(PROMETHEUS)).items()}
        assert shown["mihu_exporter_config_hash"] == 0xABCDEF
        assert shown["mihu_exporter_config_last_reload_successful"] == 1
        assert shown["mihu_exporter_config_last_reload_success_timestamp_seconds"] == 1_700_000_000.5
        assert shown["mihu_exporter_build_info"] == 1
        assert (shown["mihu_exporter_shard_ordinal"], shown["mihu_exporter_shards"]) == (0, 1)
        assert shown.keys() >= {"process_start_time_seconds", "process_resident_memory_bytes", "python_info"}


# A reader splits lines at newlines only, and every other character may come unescaped.
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.sampled_from('"\\n\n{},= #a')).map("".join)
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0, "0"), (1, "1"), (1.0, "1"), (-3.0, "-3"), (-0.0, "0"), (1.5, "1.5"), (0.1, "0.1"), (1e-7, "1e-07")),
        *((Decimal("0.3"), "0.3"), (Decimal("10.00"), "10"), (1699335116.25, "1699335116.25"), (1e21, "1e+21")),
        *((2.0**53 - 1, "9007199254740991"), (2.0**53, "9007199254740992"), (Decimal("1e400"), "+Inf")),
        *((math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN")),
    ],
    ids=repr,
)
def test_numbers(value: float | Decimal, text: str) -> None:
    assert number(value) == text


@given(value=st.floats(allow_nan=False))
@example(value=2.0**53 + 2)
@example(value=5e-324)
def test_numbers_are_read_back_as_they_were(value: float) -> None:
    assert float(number(value)) == value


@given(value=VALUES)
def test_labels_are_read_back_as_they_were(value: str) -> None:
    line = f"m{{{labelled([('a', value), ('b', value), ('c', 'end')])}}} 1\n"
    [family] = text_string_to_metric_families(line)
    assert [sample.labels for sample in family.samples] == [{"a": value, "b": value, "c": "end"}]
    [family] = openmetrics_families(f"{line}# EOF\n")
    assert [sample.labels for sample in family.samples] == [{"a": value, "b": value, "c": "end"}]
    assert samples(line) == {("m", frozenset({"a": value, "b": value, "c": "end"}.items())): 1}


PART = 256 * 1024

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), max_size=8)


def zipped(*segments: Segment) -> bytes:
    return b"".join(gzip_parts(segments))


def one_member(file: bytes) -> bytes:
    """Return what a gzip file holds; a client that reads one member only must get all of it."""
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    text = inflater.decompress(file)
    assert inflater.eof
    assert inflater.unused_data == b""
    assert text == gzip.decompress(file)
    return text


@given(texts=TEXTS)
def test_any_texts_are_one_gzip_member(texts: list[str]) -> None:
    segments = [compress(text) for text in texts]
    file = zipped(*segments)
    assert one_member(file) == "".join(texts).encode()


@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1, max_size=8),
    others=st.dictionaries(st.integers(0, 7), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)),
)
def test_a_column_with_some_segments_replaced_is_that_of_the_new_ones(texts: list[str], others: dict[int, str]) -> None:
    others = {index: text for index, text in others.items() if index < len(texts)}
    column = replaced(Column.of_empty(len(texts)), dict(enumerate(texts)))
    changed = replaced(column, others)
    expected = [others.get(index, text) for index, text in enumerate(texts)]
    assert changed.whole == join(map(compress, expected))
    again = replaced(changed, {index: texts[index] for index in others})
    assert again.whole == column.whole


def replaced(column: Column, texts: Mapping[int, str]) -> Column:
    copy = ColumnCopy(column)
    for index, text in sorted(texts.items()):
        copy.replace(index, compress(text))
    return copy.finish()


@pytest.mark.parametrize("length", [0, 1, PART - 1, PART, PART + 1, 3 * PART + 17], ids="{} bytes".format)
def test_text_is_inflated_in_parts_of_bounded_size(length: int) -> None:
    for text in ("a" * length, "".join(f"{index * 7919} " for index in range(length))[:length]):
        parts = list(inflated_parts([compress(text), EMPTY, compress("end")]))
        assert b"".join(parts) == text.encode() + b"end"
        assert all(0 < len(part) <= PART for part in parts)


def test_the_recorded_length_is_modulo_4_gib() -> None:
    huge = Segment(b"", 0, 2**32 + 5, 0)
    assert zipped(huge)[-4:] == (5).to_bytes(4, "little")
