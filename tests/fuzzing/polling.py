"""Polls what an API answers: whatever it is, a poll ends, is counted, and can be scraped."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx
from fuzzing.answers import PER_PAGE, Answers
from hypothesis import strategies as st
from support.clock import LeapingClock
from support.exposed import openmetrics_families, text_of
from support.polling import Bench
from support.samples import samples
from support.views import exposition

from exporter.api.errors import Reason
from exporter.config.patterns import compile_pattern
from exporter.config.settings import ExpectRule, Filter, Match, Metrics, NumberStyle
from exporter.metrics.text import OPENMETRICS, PROMETHEUS

NAMES = st.text(min_size=1, max_size=8).filter(str.isprintable)  # as the configuration allows
SETTINGS: st.SearchStrategy[Mapping[str, Any]] = st.sampled_from(
    [
        {},
        {"verify_total": False},
        {"filter": Filter(search="+")},
        {"max_trunks": 10, "metrics": Metrics(number=NumberStyle.MASKED, agent_names=False)},
        {"metrics": Metrics(trunk_details=False)},
        {"metrics": Metrics(deny=(compile_pattern("mihu_trunk_c.*"),))},
        {"expect": (ExpectRule(match=Match(number=(compile_pattern(r"\+39.*"),)), channels=("sms", "whatsapp")),)},
    ]
)
_FAILURES = "mihu_poll_failures_total"


class PollsOfAnything:
    """Polls one API after the other, in one event loop.

    Attributes:
        shown: what the last poll of each left to be scraped, by names that only one has.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._count = 0
        self.shown = exposition(clock=LeapingClock())

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._runner.__exit__(kind, error, traceback)

    def poll(self, odd: Answers, good: Answers, name: str, settings: Mapping[str, Any]) -> None:
        """Poll odd answers, and good ones after that."""
        self._count += 1
        self._runner.run(self._poll(odd, good, f"{name}{self._count}", settings))

    def text(self) -> str:
        """Return what is shown in the Prometheus format."""
        return text_of(self._runner.run(self.shown.everything(PROMETHEUS)))

    async def _poll(self, odd: Answers, good: Answers, name: str, settings: Mapping[str, Any]) -> None:
        api = odd

        def answer(request: httpx.Request) -> httpx.Response:
            return api(request)

        bench = Bench(answer, clock=LeapingClock(), name=name, per_page=PER_PAGE, **settings)
        fault = await bench.poller.poll()
        assert fault is None or fault.reason is not Reason.INTERNAL
        shown = samples(text_of(await bench.exposition.some([name], PROMETHEUS)))
        if fault is None:
            openmetrics_families(text_of(await bench.exposition.some([name], OPENMETRICS)))
        failures = {
            dict(labels)["reason"] for (family, labels), value in shown.items() if family == _FAILURES and value
        }
        assert failures == ({str(fault.reason)} if fault else set())
        self.shown.show(*bench.exposition.views())
        api = good
        assert await bench.poller.poll() is None
