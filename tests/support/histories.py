"""Histories: what happens to phone numbers, played through the exporter's own code, and what must fire by when.

A file of histories is a list in YAML, each with the keys of :class:`History`. Times are those of Prometheus, from the
start of the history. What happens is told in sentences: a verb and its arguments. There are the verbs of Telephony;
``stop``, ``start``, ``restart``, ``reload`` and ``redeploy`` (restart, reloaded) with a replica's number or none: all;
``cut-off`` and ``reconnect`` with one; ``scrape-fails`` (the next), ``prometheus-away`` and ``prometheus-back``.
"""

import asyncio
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import cache
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Annotated, Any, NamedTuple

import httpx
import yaml
from pydantic import BaseModel, BeforeValidator

from exporter.config.loading import load
from exporter.config.settings import Metrics, ValidatedConfig, Workspace
from exporter.metrics.exposition import Segments
from exporter.metrics.gzip_segments import inflated_parts
from exporter.metrics.text import PROMETHEUS
from support.clock import ManualClock
from support.files import write_yaml
from support.polling import Bench
from support.promql import selectors, selects
from support.rules import HISTORIES, RULES
from support.trunks import Row, bound, page, row, unbound

_SELECTORS = [selector for rule in RULES for selector in selectors(rule.expr)]
_FAMILIES = frozenset(selector.name for selector in _SELECTORS)
_DURATION = re.compile(r"(\d+)([dhms])")
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FIRING = re.compile(
    r"(\w+) (critical|warning|info)(?: ([A-Z]))?(?: (not_active|blocked|unbound))? by (\w+)(?:, over by (\w+))?"
)
# A change comes just after a poll, and a poll just after a scrape: nothing is noticed later than that.
_AFTER_POLL = 2.0
_AFTER_SCRAPE = 1.0
_ABOUT_EXPORTERS = {"stop", "start", "prometheus-away", "prometheus-back"}
Sample = tuple[str, str]  # a series as Prometheus names it, and the value
_LENGTHS = (3_600.0, 7_200.0, 36 * 3_600.0)  # of histories that share a test, in seconds; the others share one, too


@cache
def _is_read(series: str) -> bool:
    """Tell whether a rule asks for a series: promtool takes its time for each that it is fed."""
    (named,) = selectors(series)
    return any(selects(selector, named) for selector in _SELECTORS)


def _seconds(text: str) -> float:
    """Return how long ``1h30m`` is."""
    return float(sum(int(count) * _SECONDS[unit] for count, unit in _DURATION.findall(text)))


def _number(name: str) -> str:
    return str(row(ord(name) - ord("A"))["number"])


class Firing(NamedTuple):
    """An alert that must fire, from when at the latest, and until when; one that is not over fires until the end."""

    labels: Mapping[str, str]
    by: float
    over: float | None

    @staticmethod
    def parse(text: str) -> "Firing":
        """Read ``ALERT SEVERITY [NUMBER] [REASON] by TIME[, over by TIME]``."""
        found = _FIRING.fullmatch(text)
        assert found, f"not understood: {text}"
        alert, severity, name, reason, by, over = found.groups(default="")
        labels = {"alertname": alert, "severity": severity, "number": _number(name) if name else "", "reason": reason}
        return Firing(labels, _seconds(by), _seconds(over) if over else None)


Seconds = Annotated[float, BeforeValidator(_seconds)]
Sentences = Annotated[list[str], BeforeValidator(lambda what: [what] if isinstance(what, str) else what)]


class History(BaseModel, extra="forbid", frozen=True):
    name: str  # what happens, in words
    numbers: str = "AB"  # the trunks at the start, healthy and bound on call
    start: Sentences = []  # what is so from the start
    happens: Mapping[Seconds, Sentences] = {}  # later
    fires: list[Annotated[Firing, BeforeValidator(Firing.parse)]] = []  # and nothing else ever
    may: list[str] = []  # alerts that do not matter, by their names
    until: Seconds  # how long it goes on
    step: float = 30  # seconds between scrapes and between evaluations
    poll: int = 60  # seconds
    replicas: int = 1
    clocks: list[float] | None = None  # seconds by which those of the replicas are wrong
    storage: bool = False
    workspace: dict[str, Any] = {}  # settings as in the configuration
    reloaded: dict[str, Any] = {}  # the same after a ``reload``
    metrics: dict[str, Any] = {}
    reloaded_metrics: dict[str, Any] = {}  # that differ after a ``reload``

    @property
    def is_about_exporters(self) -> bool:
        """Whether an exporter or Prometheus is away for a while, or an alert about exporters names no workspace."""
        verbs = {sentence.split()[0] for what in self.happens.values() for sentence in what}
        return bool(verbs & _ABOUT_EXPORTERS) or any("MihuExporter" in each.labels["alertname"] for each in self.fires)


def histories() -> list[History]:
    return [History(**each) for file in HISTORIES for each in yaml.safe_load(file.read_text(encoding="utf-8"))]


def _service(service: str, **fields: object) -> Row:
    return {"channel_settings": {service: fields}}


# What sentences change of a trunk's row: all that they do not name stays.
_CHANGES: Mapping[str, Callable[..., Row]] = {
    "lose": lambda channel: {"bindings": {channel: unbound()}},
    "bind": lambda channel, agent: {"bindings": {channel: bound(agent)}},
    "status": lambda *words: {"status": " ".join(words)},
    "compliance": lambda *words: {
        "compliance": {"status": " ".join(words), "requirements": [{"name": "Proof of address"}]}
    },
    "limit": lambda service, channels: _service(service, channel_limit=int(channels)),
    "disable": lambda service: _service(service, enabled=False),
    "enable": lambda service: _service(service, enabled=True),
    "fee": lambda fee: {"billing": {"monthly_fee": float(fee), "currency": "EUR"}},
    "forget": lambda field: {field: None},
    "renumber": lambda other: {"number": _number(other)},
}


def _merged(whole: Row, changes: Row) -> Row:
    inner = {key: _merged(whole[key], part) for key, part in changes.items() if isinstance(part, dict)}
    return whole | changes | inner


class Telephony:
    """The API with its trunks, to which things happen in sentences: the methods' names, and those of changes."""

    def __init__(self, names: str) -> None:
        self._rows: dict[str, Row] = {}
        for name in names:
            self.add(name)
        self._answers = "well"

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self._answers.isdigit():
            return httpx.Response(int(self._answers), json={})
        rows = [dict(each) for each in self._rows.values()]
        if self._answers == "breaks-a-fee":
            rows[0]["billing"] = {"monthly_fee": "much", "currency": 7}
        elif self._answers == "hides-bindings":
            for each in rows:
                del each["bindings"]
        per_page = int(request.url.params["per_page"])
        return httpx.Response(200, content=page(rows, 1, total=len(rows), per_page=per_page))

    def happen(self, verb: str, *words: str) -> None:
        if verb in _CHANGES:
            name, *rest = words
            self._rows[name] = _merged(self._rows[name], _CHANGES[verb](*rest))
        else:
            getattr(self, verb)(*words)

    def space(self, name: str) -> None:
        """Write the number of a trunk with spaces."""
        number = str(self._rows[name]["number"])
        self._rows[name]["number"] = f"{number[:2]} {number[2:5]} {number[5:]}"

    def twin(self, name: str, other: str) -> None:
        """List a trunk in one more row."""
        self._rows[other] = dict(self._rows[name])

    def remove(self, name: str) -> None:
        del self._rows[name]

    def add(self, name: str, *aspects: str) -> None:
        """Add a trunk; ``add D as A`` gives it the number of A, under a uuid of its own."""
        self._rows[name] = row(ord(name) - ord("A"))
        if aspects:
            self._rows[name]["number"] = _number(aspects[1])

    def api(self, answers: str) -> None:
        """Answer with a status, without any bindings, with a fee that cannot be read, or well again."""
        self._answers = answers


class _Phase(Random):
    """Chance that always lets a poll come a whole interval after the first."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - as its parent
        return b


class Replica:
    def __init__(self, index: int, play: "_Play", clock: ManualClock) -> None:
        self.target = f'job="mihu-trunk-exporter",instance="{play.history.name}-{index}:10155"'
        self.clock = clock
        self.is_up = False
        self._index = index
        self._play = play
        self.is_cut_off = False
        self._running = AsyncExitStack()
        self._polling = AsyncExitStack()

    async def start(self) -> None:
        play, started = self._play, self.clock.time()
        self._bench = bench = Bench(
            self._answer,
            play.settings[0],
            metrics=play.settings[1],
            clock=self.clock,
            random=_Phase(1),
            folder=play.folder / str(self._index) if play.history.storage else None,
        )
        bench.exporter_metrics.loaded(ValidatedConfig(workspaces=(), hash=1), now=started)
        if bench.storage is not None:
            await bench.storage.open()
            self._running.push_async_callback(bench.storage.end)
        own = bench.exporter_metrics.text(PROMETHEUS).splitlines()
        own = [line for line in own if line.startswith("mihu_")] + [f"process_start_time_seconds {started}"]
        self._own = [*self._read(own)]  # of the exporter itself: they do not change
        self._known: dict[int, tuple[Segments, list[Sample]]] = {}
        await self._running.enter_async_context(self._polling)
        await self._polling.enter_async_context(bench.running(_AFTER_SCRAPE + 29 * self._index))
        self.is_up = True

    async def stop(self) -> None:
        await self._running.aclose()
        self.is_up = False

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def redeploy(self) -> None:
        self._play.settings = self._play.reloaded
        await self.restart()

    async def reload(self) -> None:
        """Poll at once with other settings; what is known stays as far as a reload lets it."""
        await self._polling.aclose()
        before = self._bench.poller
        self._bench.configure(*self._play.reloaded, before.snapshot)
        self._bench.configure(*self._play.reloaded, before.snapshot_for(self._bench.poller.context))
        await self._polling.enter_async_context(self._bench.running())

    def samples(self) -> Iterator[Sample]:
        """Yield what a scrape gets, as far as the rules ask for it."""
        now = self.clock.monotonic()
        for view in self._bench.exposition.views():
            for segments in view.at(now):
                known, samples = self._known.get(id(segments), ({}, []))
                if known is not segments:
                    read = [segment for name, segment in segments.items() if _FAMILIES & {name, f"{name}_total"}]
                    samples = [*self._read(b"".join(inflated_parts(read)).decode().splitlines())]
                    self._known[id(segments)] = segments, samples
                yield from samples
        yield from self._own

    def _read(self, lines: Iterable[str]) -> Iterator[Sample]:
        for line in lines:
            name, value = line.rsplit(" ", 1)
            family, _, labels = name.partition("{")
            series = f"{family}{{{self.target},{labels}" if labels else f"{family}{{{self.target}}}"
            if _is_read(series):
                yield series, value

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut_off:
            raise httpx.ConnectError("no route", request=request)
        return self._play.telephony(request)


class _Play:
    """A history as it happens."""

    def __init__(self, history: History, folder: Path) -> None:
        self.history = history
        self.folder = folder
        self.settings = _settings(history, history.workspace, history.metrics, folder)
        self.reloaded = _settings(history, history.reloaded, history.metrics | history.reloaded_metrics, folder)
        self.telephony = Telephony(history.numbers)
        clocks = enumerate(history.clocks or [0.0] * history.replicas)
        self.replicas = [Replica(index, self, ManualClock(wrong)) for index, wrong in clocks]
        self.samples: dict[str, dict[int, str]] = {}  # that Prometheus scraped, by series, then by scrape
        self.scrapes = int(history.until / history.step) + 1
        self._is_watched = True
        self._scrape_fails = False  # the next one

    async def run(self) -> None:
        history = self.history
        await self._happen(history.start)
        for replica in self.replicas:
            await replica.start()
        happens = sorted((time + _AFTER_POLL, what) for time, what in history.happens.items())
        for index in range(self.scrapes):
            while happens and happens[0][0] <= index * history.step:
                due, what = happens.pop(0)
                await self._pass_until(due)
                await self._happen(what)
            await self._pass_until(index * history.step)
            if self._is_watched:
                self._scrape(index)
        for replica in self.replicas:
            await replica.stop()

    async def _pass_until(self, time: float) -> None:
        for replica in self.replicas:
            await replica.clock.advance(time - replica.clock.monotonic())

    async def _happen(self, sentences: Sequence[str]) -> None:
        for verb, *words in map(str.split, sentences):
            match verb:
                case "stop" | "start" | "restart" | "reload" | "redeploy":
                    for replica in [self.replicas[int(words[0])]] if words else self.replicas:
                        await getattr(replica, verb)()
                case "cut-off" | "reconnect":
                    self.replicas[int(words[0])].is_cut_off = verb == "cut-off"
                case "prometheus-away" | "prometheus-back":
                    self._is_watched = verb == "prometheus-back"
                case "scrape-fails":
                    self._scrape_fails = True
                case _:
                    self.telephony.happen(verb, *words)

    def _scrape(self, index: int) -> None:
        for replica in self.replicas:
            is_scraped = replica.is_up and not self._scrape_fails
            samples = replica.samples() if is_scraped else ()
            for series, value in (f"up{{{replica.target}}}", str(int(is_scraped))), *samples:
                self.samples.setdefault(series, {})[index] = value
        self._scrape_fails = False


def _settings(history: History, workspace: Row, metrics: Row, folder: Path) -> tuple[Workspace, Metrics]:
    """Return the settings of a history, read as a configuration file is."""
    address = {"base_url": "https://acme.mihu.ai", "authorization": {"credentials": "test-token"}}
    config = {
        "global": {"poll_interval": f"{history.poll}s"},
        "metrics": metrics,
        "workspaces": [{"name": history.name, **address, **workspace}],
    }
    loaded = load(write_yaml(folder / "config.yaml", config))
    return loaded.workspaces[0], loaded.metrics


def _encoded(samples: Mapping[int, str], scrapes: int) -> str:
    """Return a series as promtool reads it; one that ends is stale from the next scrape on."""
    values = (samples.get(index, "stale" if index - 1 in samples else "_") for index in range(scrapes))
    return " ".join(_run(value, len(list(run))) for value, run in groupby(values))


def _run(value: str, count: int) -> str:
    if count == 1:
        return value
    return f"_x{count}" if value == "_" else f"{value}x{count - 1}"


def rule_tests(histories: Sequence[History], folder: Path) -> Iterator[dict[str, Any]]:
    """Play histories, all with one step, and yield them as unit tests of promtool.

    Those in which no exporter stops share tests, each as a workspace of its own, since many take promtool little longer
    than one. Short ones do not go on with the long: each evaluation takes its time. What is stored goes to the folder.
    """
    by_length: dict[int, list[_Play]] = {}
    for index, history in enumerate(histories):
        own = folder / str(index)
        own.mkdir()
        play = _Play(history, own)
        asyncio.run(play.run())
        if history.is_about_exporters:
            yield _test(history.name, [play])
        else:
            by_length.setdefault(bisect_left(_LENGTHS, history.until), []).append(play)
    yield from (_test("trunks and reading", plays) for plays in by_length.values())


def _test(name: str, plays: Sequence[_Play]) -> dict[str, Any]:
    expected = [query for play in plays for query in _expected(play.history)]
    until = max(play.history.until for play in plays)
    if len(plays) > 1:
        ever = f'ALERTS{{alertstate="firing",workspace=""}}[{until:.0f}s]'
        expected.append(_query(f"max_over_time({ever})", until))
    return {
        "name": name,
        "interval": f"{plays[0].history.step:g}s",
        "input_series": [
            {"series": series, "values": _encoded(samples, play.scrapes)}
            for play in plays
            for series, samples in play.samples.items()
        ],
        "promql_expr_test": expected,
    }


def _expected(history: History) -> Iterator[dict[str, Any]]:
    """Yield the queries whose answers say that what should fire did in time, and nothing else ever."""
    workspace = 'instance=""' if history.is_about_exporters else f'workspace="{history.name}"'
    ever = f'ALERTS{{alertstate="firing",{workspace},alertname!~"{"|".join(history.may)}"}}[{history.until:.0f}s]'
    expected = {tuple(each.labels.items()) for each in history.fires}
    yield _query(
        f"group by (alertname, severity, number, reason) (max_over_time({ever}))",
        history.until,
        *("{" + _matchers(pair for pair in each if pair[1]) + "}" for each in sorted(expected)),
    )
    for each in history.fires:
        alerts = f'ALERTS{{alertstate="firing",{_matchers(each.labels.items())},{workspace}}}'
        yield _query(f"group({alerts})", each.by, "{}")
        if each.over is None:
            rest = history.until - each.by
            fired = f"sum(count_over_time({alerts}[{rest:.0f}s])) >= bool {rest / history.step:.0f}"
            yield _query(fired, history.until, "{}")
        else:
            yield _query(alerts, each.over)


def _matchers(labels: Iterable[tuple[str, str]]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels)


def _query(expr: str, time: float, *series: str) -> dict[str, Any]:
    """Return a question of promtool, and the series that are the answer, each with the value 1."""
    samples = [{"labels": labels, "value": 1} for labels in series]
    return {"expr": expr, "eval_time": f"{time:.0f}s", "exp_samples": samples}
