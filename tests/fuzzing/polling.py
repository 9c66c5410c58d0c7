"""Polls what an API answers: whatever it is, a poll ends, is counted, and can be scraped."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx
from fuzzing.answers import PER_PAGE, Answers
from hypothesis import strategies as st
from support.exposed import findings_of_promtool, openmetrics_families, text_of
from support.polling import Bench
from support.samples import samples
from support.views import exposition

from exporter.api.errors import Reason
from exporter.config.patterns import compile_pattern
from exporter.config.settings import ExpectRule, Filter, Match, Metrics, NumberStyle
from exporter.metrics.exposition import Exposition
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


@contextmanager
def polling() -> Iterator[Callable[..., None]]:
    """Yield what polls an API's odd answers, and good ones after that, in one event loop for all.

    In the end promtool looks at all that the last polls left to be scraped, by names that only one has.
    """
    shown, numbers = exposition(), count(1)
    with asyncio.Runner() as runner:

        def poll(odd: Answers, good: Answers, name: str, settings: Mapping[str, Any]) -> None:
            runner.run(_poll(shown, odd, good, f"{name}{next(numbers)}", settings))

        yield poll
        assert findings_of_promtool(text_of(runner.run(shown.everything(PROMETHEUS)))) == ""


async def _poll(shown: Exposition, odd: Answers, good: Answers, name: str, settings: Mapping[str, Any]) -> None:
    api = odd

    def answer(request: httpx.Request) -> httpx.Response:
        return api(request)

    bench = Bench(answer, name=name, per_page=PER_PAGE, **settings)
    fault = await bench.poll()
    assert fault is None or fault.reason is not Reason.INTERNAL
    found = samples(text_of(await bench.exposition.some([name], PROMETHEUS)))
    if fault is None:
        openmetrics_families(text_of(await bench.exposition.some([name], OPENMETRICS)))
    failures = {dict(labels)["reason"] for (family, labels), value in found.items() if family == _FAILURES and value}
    assert failures == ({str(fault.reason)} if fault else set())
    shown.show(*bench.exposition.views())
    api = good
    assert await bench.poll() is None
