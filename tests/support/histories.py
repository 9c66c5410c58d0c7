"""Histories: what happens to phone numbers, played through the exporter's own code, and what must fire by when.

A file of histories is a list in YAML. Times are those of Prometheus, from the start of the history.

* ``name``: what happens, in words. ``numbers``: the trunks at the start, healthy and bound on call; AB by default.
* ``start``: what is so from the start. ``happens``: what happens later, by time. Both are sentences: a method of
  :class:`Telephony` and its arguments, or ``stop``, ``start``, ``restart``, ``reload``, ``cut-off``, ``reconnect`` with
  the number of a replica or none for all, or ``scrape-fails`` (the next), ``prometheus-away``, ``prometheus-back``.
* ``fires``: ``ALERT SEVERITY [NUMBER] [REASON] by TIME[, over by TIME]``; one that is not over fires until the end.
  Nothing else may ever fire, but for ``may``, a list of the names of alerts that do not matter.
* ``until``: how long it goes on. ``step``: seconds between scrapes and between evaluations. ``poll``: seconds.
* ``replicas``; ``storage`` (true or false); ``clocks``: seconds by which the replicas' clocks are wrong; ``workspace``
  and ``metrics``: settings as in the configuration. ``reloaded``: the settings of the workspace after a ``reload``.
"""

import asyncio
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import httpx
import yaml

from exporter.config.loading import load
from exporter.config.settings import Metrics, ValidatedConfig, Workspace
from exporter.metrics.exposition import Segments
from exporter.metrics.gzip_segments import inflated_parts
from exporter.metrics.text import PROMETHEUS
from support.clock import ManualClock
from support.polling import Bench
from support.promql import selectors, selects
from support.rules import HISTORIES, RULES
from support.trunks import Row, bound, page, row, unbound

_SELECTORS = [selector for rule in RULES for selector in selectors(rule.expr)]
_FAMILIES = frozenset(selector.name for selector in _SELECTORS)
_DURATION = re.compile(r"(\d+)([dhms])")
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_JOB = "mihu-trunk-exporter"
_FIRING = re.compile(
    r"(\w+) (critical|warning|info)(?: ([A-Z]))?(?: (not_active|blocked|unbound))? by (\w+)(?:, over by (\w+))?"
)
# A change comes just after a poll, and a poll just after a scrape: nothing is noticed later than that.
_AFTER_POLL = 2.0
_ABOUT_EXPORTERS = {"stop", "start", "prometheus-away", "prometheus-back"}
_AFTER_SCRAPE = 1.0
_SHORT = 3_600.0


@cache
def _is_read(series: str) -> bool:
    """Tell whether a rule asks for a series: promtool takes its time for each that it is fed."""
    (named,) = selectors(series)
    return any(selects(selector, named) for selector in _SELECTORS)


def seconds(text: str) -> float:
    """Return how long ``1h30m`` is."""
    return float(sum(int(count) * _SECONDS[unit] for count, unit in _DURATION.findall(text)))


def number_of(name: str) -> str:
    """Return the number of a trunk that a history calls A."""
    return str(row(ord(name) - ord("A"))["number"])


class Firing(NamedTuple):
    """An alert that must fire, from when at the latest, and until when."""

    alert: str
    severity: str
    number: str
    reason: str
    by: float
    over: float | None

    @staticmethod
    def parse(text: str) -> "Firing":
        """Read a line of ``fires``."""
        found = _FIRING.fullmatch(text)
        assert found, f"not understood: {text}"
        alert, severity, name, reason, by, over = found.groups(default="")
        number = number_of(name) if name else ""
        return Firing(alert, severity, number, reason, seconds(by), seconds(over) if over else None)


class Telephony:
    """The API with its trunks, to which things happen in sentences."""

    def __init__(self, names: str) -> None:
        self.rows: dict[str, Row] = {name: row(ord(name) - ord("A")) for name in names}
        self._status = 200
        self._hides_bindings = False
        self._broken_rows = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self._status != 200:
            return httpx.Response(self._status, json={})
        rows = [dict(one) for one in self.rows.values()]
        for index, one in enumerate(rows):
            if self._hides_bindings:
                del one["bindings"]
            elif index < self._broken_rows:
                one["billing"] = {"monthly_fee": "much", "currency": 7}
        per_page = int(request.url.params["per_page"])
        return httpx.Response(200, content=page(rows, 1, total=len(rows), per_page=per_page))

    def lose(self, name: str, channel: str) -> None:
        self._bindings(name, **{channel: unbound()})

    def bind(self, name: str, channel: str, agent: str) -> None:
        self._bindings(name, **{channel: bound(agent)})

    def status(self, name: str, *words: str) -> None:
        self._change(name, status=" ".join(words))

    def compliance(self, name: str, *words: str) -> None:
        self._change(name, compliance={"status": " ".join(words), "requirements": [{"name": "Proof of address"}]})

    def limit(self, name: str, service: str, channels: str) -> None:
        self._service(name, service, channel_limit=int(channels))

    def disable(self, name: str, service: str) -> None:
        self._service(name, service, enabled=False)

    def enable(self, name: str, service: str) -> None:
        self._service(name, service, enabled=True)

    def fee(self, name: str, fee: str) -> None:
        self._change(name, billing={"monthly_fee": float(fee), "currency": "EUR"})

    def forget(self, name: str, field: str) -> None:
        self._change(name, **{field: None})

    def space(self, name: str) -> None:
        """Write the number of a trunk with spaces."""
        number = str(self.rows[name]["number"])
        self._change(name, number=f"{number[:2]} {number[2:5]} {number[5:]}")

    def renumber(self, name: str, other: str) -> None:
        self._change(name, number=number_of(other))

    def twin(self, name: str, other: str) -> None:
        """List a trunk in one more row."""
        self.rows[other] = dict(self.rows[name])

    def remove(self, name: str) -> None:
        del self.rows[name]

    def add(self, name: str, *aspects: str) -> None:
        """Add a trunk; ``add D as A`` gives it the number of A, under a uuid of its own."""
        self.rows[name] = row(ord(name) - ord("A"))
        if aspects:
            self.rows[name]["number"] = number_of(aspects[1])

    def api(self, what: str) -> None:
        """Answer with a status, without any bindings, with fields that cannot be read, or well again."""
        self._hides_bindings = what == "hides-bindings"
        self._broken_rows = 1 if what == "breaks-a-fee" else 0
        self._status = int(what) if what.isdigit() else 200

    def _change(self, name: str, **fields: object) -> None:
        self.rows[name] = {**self.rows[name], **fields}

    def _bindings(self, name: str, **channels: Any) -> None:  # noqa: ANN401 - JSON
        self._change(name, bindings={**self.rows[name]["bindings"], **channels})

    def _service(self, name: str, service: str, **fields: object) -> None:
        settings = self.rows[name]["channel_settings"]
        self._change(name, channel_settings={**settings, service: {**settings[service], **fields}})


class _Phase(Random):
    """Chance that always lets a poll come a whole interval after the first."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - as its parent
        return b


class Replica:
    """An exporter that runs, or does not."""

    def __init__(self, index: int, play: "_Play", clock: ManualClock) -> None:
        self.instance = f"{play.document['name']}-{index}:10155"
        self.clock = clock
        self.is_cut_off = False
        self._index = index
        self._play = play
        self._stack: AsyncExitStack | None = None
        self._own: list[str] = []  # the lines of the exporter itself, which do not change
        self._lines: dict[int, tuple[Segments, list[str]]] = {}
        self._bench = self._new_bench()
        self._polling = AsyncExitStack()

    def _new_bench(self) -> Bench:
        play = self._play
        return Bench(
            self._answer,
            play.workspace,
            metrics=play.metrics,
            clock=self.clock,
            random=_Phase(1),
            folder=play.storage and play.storage / str(self._index),
        )

    async def start(self) -> None:
        self._stack = AsyncExitStack()
        started = self.clock.time()
        self._lines = {}
        self._bench = bench = self._new_bench()
        bench.exporter_metrics.loaded(ValidatedConfig(workspaces=(), hash=1), now=started)
        if bench.storage is not None:
            await bench.storage.open()
            self._stack.push_async_callback(bench.storage.end)
        own = bench.exporter_metrics.text(PROMETHEUS).splitlines()
        self._own = [line for line in own if line.startswith("mihu_")] + [f"process_start_time_seconds {started}"]
        await self._stack.enter_async_context(self._polling)
        await self._polling.enter_async_context(bench.running(_AFTER_SCRAPE + 29 * self._index))

    async def reload(self) -> None:
        """Poll at once with other settings; what is known stays, as in a reload that changes no address."""
        await self._polling.aclose()
        self._bench.configure(self._play.reloaded, self._play.metrics, self._bench.poller.snapshot)
        await self._polling.enter_async_context(self._bench.running())

    async def stop(self) -> None:
        if self._stack is not None:
            await self._stack.aclose()
            self._stack = None

    @property
    def is_up(self) -> bool:
        return self._stack is not None

    def lines(self) -> Iterator[str]:
        """Yield what a scrape gets, as far as the rules ask for it."""
        now = self.clock.monotonic()
        for view in self._bench.exposition.views():
            for segments in view.at(now):
                known, lines = self._lines.get(id(segments), ({}, []))
                if known is not segments:
                    read = [segment for name, segment in segments.items() if _FAMILIES & {name, f"{name}_total"}]
                    lines = b"".join(inflated_parts(read)).decode().splitlines()
                    self._lines[id(segments)] = segments, lines
                yield from lines
        yield from self._own

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut_off:
            raise httpx.ConnectError("no route", request=request)
        return self._play.telephony(request)


class _Play:
    """A history as it happens.

    Attributes:
        samples: what Prometheus scraped, by series, then by scrape.
    """

    def __init__(self, document: Mapping[str, Any], folder: Path) -> None:
        self.document = document
        self.workspace, self.metrics = _settings(document, document.get("workspace", {}), folder)
        self.reloaded, _ = _settings(document, document.get("reloaded", {}), folder)
        self.storage = folder if document.get("storage", False) else None
        self.telephony = Telephony(str(document.get("numbers", "AB")).replace(" ", ""))
        clocks = document.get("clocks", [0] * int(document.get("replicas", 1)))
        self.replicas = [Replica(index, self, ManualClock(float(wrong))) for index, wrong in enumerate(clocks)]
        self.samples: dict[str, dict[int, str]] = {}
        self.scrapes = 0
        self.is_watched = True
        self.scrape_fails = False  # the next one

    async def run(self) -> None:
        for sentence in _sentences(self.document.get("start", [])):
            await self._happen(sentence)
        for replica in self.replicas:
            await replica.start()
        happens = sorted((seconds(time) + _AFTER_POLL, what) for time, what in self.document.get("happens", {}).items())
        step, until = step_of(self.document), seconds(self.document["until"])
        now = 0.0
        for index in range(int(until / step) + 1):
            while happens and happens[0][0] <= index * step:
                due, what = happens.pop(0)
                await self._pass(due - now)
                now = due
                for sentence in _sentences(what):
                    await self._happen(sentence)
            await self._pass(index * step - now)
            now = index * step
            self.scrapes = index + 1
            if self.is_watched:
                self._scrape(index)
        for replica in self.replicas:
            await replica.stop()

    async def _pass(self, duration: float) -> None:
        for replica in self.replicas:
            await replica.clock.advance(duration)

    async def _happen(self, sentence: str) -> None:
        verb, *words = sentence.split()
        if verb in {"stop", "start", "restart", "reload", "cut-off", "reconnect"}:
            for replica in [self.replicas[int(words[0])]] if words else self.replicas:
                await self._happen_to(replica, verb)
        elif verb in {"prometheus-away", "prometheus-back"}:
            self.is_watched = verb == "prometheus-back"
        elif verb == "scrape-fails":
            self.scrape_fails = True
        else:
            getattr(self.telephony, verb)(*words)

    async def _happen_to(self, replica: Replica, verb: str) -> None:
        if verb in {"stop", "restart"}:
            await replica.stop()
        if verb in {"start", "restart"}:
            await replica.start()
        if verb == "reload":
            await replica.reload()
        if verb in {"cut-off", "reconnect"}:
            replica.is_cut_off = verb == "cut-off"

    def _scrape(self, index: int) -> None:
        for replica in self.replicas:
            added = f'job="{_JOB}",instance="{replica.instance}"'
            is_scraped = replica.is_up and not self.scrape_fails
            self._sample(f"up{{{added}}}", index, str(int(is_scraped)))
            for line in replica.lines() if is_scraped else ():
                name, value = line.rsplit(" ", 1)
                family, _, labels = name.partition("{")
                self._sample(f"{family}{{{added},{labels}" if labels else f"{family}{{{added}}}", index, value)
        self.scrape_fails = False

    def _sample(self, series: str, index: int, value: str) -> None:
        if _is_read(series):
            self.samples.setdefault(series, {})[index] = value


def _sentences(what: str | Sequence[str]) -> Sequence[str]:
    return [what] if isinstance(what, str) else what


def step_of(document: Mapping[str, Any]) -> float:
    """Return the seconds between two scrapes."""
    return float(document.get("step", 30))


def _settings(document: Mapping[str, Any], workspace: Mapping[str, Any], folder: Path) -> tuple[Workspace, Metrics]:
    """Return the settings of a history, read as a configuration file is."""
    config = {
        "global": {"poll_interval": f"{document.get('poll', 60)}s"},
        "metrics": document.get("metrics", {}),
        "workspaces": [
            {
                "name": document["name"],
                "base_url": "https://acme.mihu.ai",
                "authorization": {"credentials": "test-token"},
                **workspace,
            }
        ],
    }
    file = folder / "config.yaml"
    file.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    loaded = load(file)
    return loaded.workspaces[0], loaded.metrics


def _encoded(samples: Mapping[int, str], scrapes: int) -> str:
    """Return a series as promtool reads it; one that ends is stale from the next scrape on."""
    runs: list[tuple[str, int]] = []
    for index in range(scrapes):
        value = samples.get(index)
        if value is None:
            value = "stale" if index - 1 in samples else "_"
        if runs and runs[-1][0] == value:
            runs[-1] = value, runs[-1][1] + 1
        else:
            runs.append((value, 1))
    return " ".join(_run(value, count) for value, count in runs)


def _run(value: str, count: int) -> str:
    if count == 1:
        return value
    return f"_x{count}" if value == "_" else f"{value}x{count - 1}"


def rule_tests(histories: Sequence[Mapping[str, Any]], folder: Path) -> Iterator[dict[str, Any]]:
    """Play histories, all with one step, and yield them as unit tests of promtool.

    Those in which no exporter stops share tests, each as a workspace of its own, since many take promtool little longer
    than one. Short ones do not go on with the long. What is stored goes to the folder.
    """
    short: list[_Play] = []
    long: list[_Play] = []
    for index, document in enumerate(histories):
        own = folder / str(index)
        own.mkdir()
        play = _Play(document, own)
        asyncio.run(play.run())
        if _is_about_exporters(document):
            yield _test(document["name"], [play])
        elif seconds(document["until"]) <= _SHORT:
            short.append(play)
        else:
            long.append(play)
    yield from (_test("trunks and reading", plays) for plays in (short, long) if plays)


def _test(name: str, plays: Sequence[_Play]) -> dict[str, Any]:
    step = step_of(plays[0].document)
    expected = [query for play in plays for query in _expected(play.document, step)]
    until = max(seconds(play.document["until"]) for play in plays)
    if len(plays) > 1:
        ever = f'ALERTS{{alertstate="firing",workspace=""}}[{until:.0f}s]'
        expected.append(_query(f"max_over_time({ever})", until))
    return {
        "name": name,
        "interval": f"{step:g}s",
        "input_series": [
            {"series": series, "values": _encoded(samples, play.scrapes)}
            for play in plays
            for series, samples in play.samples.items()
        ],
        "promql_expr_test": expected,
    }


def _expected(document: Mapping[str, Any], step: float) -> Iterator[dict[str, Any]]:
    """Yield the queries whose answers say that what should fire did in time, and nothing else ever."""
    until = seconds(document["until"])
    workspace = 'instance=""' if _is_about_exporters(document) else f'workspace="{document["name"]}"'
    firings = [Firing.parse(text) for text in document.get("fires", [])]
    others = "|".join(document.get("may", []))
    ever = f'ALERTS{{alertstate="firing",{workspace},alertname!~"{others}"}}[{until:.0f}s]'
    labels = ("alertname", "severity", "number", "reason")
    expected = {tuple(zip(labels, expected[:4], strict=True)) for expected in firings}
    yield _query(
        f"group by ({', '.join(labels)}) (max_over_time({ever}))",
        until,
        *("{" + _matchers(pair for pair in each if pair[1]) + "}" for each in sorted(expected)),
    )
    for each in firings:
        about = _matchers(zip(labels, each[:4], strict=True))
        alerts = f'ALERTS{{alertstate="firing",{about},{workspace}}}'
        yield _query(f"group({alerts})", each.by, "{}")
        if each.over is None:
            rest = until - each.by
            yield _query(f"sum(count_over_time({alerts}[{rest:.0f}s])) >= bool {rest / step:.0f}", until, "{}")
        else:
            yield _query(alerts, each.over)


def _matchers(labels: Iterable[tuple[str, str]]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels)


def _query(expr: str, time: float, *series: str) -> dict[str, Any]:
    """Return a question of promtool, and the series that are the answer, each with the value 1."""
    samples = [{"labels": labels, "value": 1} for labels in series]
    return {"expr": expr, "eval_time": f"{time:.0f}s", "exp_samples": samples}


def _is_about_exporters(document: Mapping[str, Any]) -> bool:
    """Tell whether an exporter or Prometheus is away for a while, or an alert about exporters names no workspace."""
    if any("MihuExporter" in text for text in document.get("fires", [])):
        return True
    sentences = [sentence for what in document.get("happens", {}).values() for sentence in _sentences(what)]
    return any(sentence.split()[0] in _ABOUT_EXPORTERS for sentence in sentences)


def documents() -> list[Mapping[str, Any]]:
    """Return all histories."""
    return [document for file in HISTORIES for document in yaml.safe_load(file.read_text(encoding="utf-8"))]
