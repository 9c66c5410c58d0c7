"""Whatever the API answers and configurations hold, it ends well; ``make fuzz`` draws more, and names what failed."""

import asyncio
import math
import os
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from fuzzing.answers import GOOD_ANSWERS, ODD_ANSWERS, PER_PAGE, Answers
from fuzzing.configurations import CONFIG, FILES, WEB, WEB_FILES, Files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.certificates import Authority
from support.exposed import findings_of_promtool, openmetrics_families, text_of
from support.polling import Bench
from support.samples import samples
from support.views import exposition

from exporter.api.errors import Reason
from exporter.config.loading import load
from exporter.config.problems import ConfigError
from exporter.config.settings import ExpectRule, Filter, Match, Metrics, NumberStyle, ValidatedConfig, shown
from exporter.config.values import compile_pattern
from exporter.metrics.exposition import Exposition
from exporter.metrics.text import OPENMETRICS, PROMETHEUS
from exporter.web.config import load_web_config
from exporter.web.middleware import Access

T = TypeVar("T")
Test = Callable[..., None]

_EXAMPLES = int(os.environ.get("EXAMPLES", "0"))
_RUN = 250  # examples; hypothesis remembers what it drew for the length of a run
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


def examples(few: int, share: float) -> Callable[[Test], Test]:
    """Draw a few examples that are always the same, or in runs a share of those that are asked for."""
    chosen = settings(max_examples=few, derandomize=True)
    if _EXAMPLES:
        every = list(HealthCheck)
        most = min(_EXAMPLES, _RUN)
        chosen = settings(max_examples=most, database=None, suppress_health_check=every, print_blob=True)
    runs = range(max(1, math.ceil(share * _EXAMPLES / _RUN)))
    counted = pytest.mark.parametrize("_run", runs, indirect=True)
    return lambda test: counted(pytest.mark.usefixtures("_run")(chosen(test)))


@pytest.fixture
def _run() -> None:
    """Tell one run from another."""


@pytest.fixture(scope="module")
def poll() -> Iterator[Callable[..., None]]:
    """Yield what polls an API's odd answers, then good ones; promtool looks at what the last polls exposed."""
    everything, numbers = exposition(), count(1)
    with asyncio.Runner() as runner:

        def poll(odd: Answers, good: Answers, name: str, settings: Mapping[str, Any]) -> None:
            runner.run(_poll(everything, odd, good, f"{name}{next(numbers)}", settings))

        yield poll
        assert findings_of_promtool(text_of(runner.run(everything.everything(PROMETHEUS)))) == ""


async def _poll(everything: Exposition, odd: Answers, good: Answers, name: str, settings: Mapping[str, Any]) -> None:
    api = odd
    bench = Bench(lambda request: api(request), name=name, per_page=PER_PAGE, **settings)  # noqa: PLW0108 - it changes
    fault = await bench.poll()
    assert fault is None or fault.reason is not Reason.INTERNAL
    samples(text_of(await bench.exposition.some([name], PROMETHEUS)))
    if fault is None:
        openmetrics_families(text_of(await bench.exposition.some([name], OPENMETRICS)))
    assert bench.failures().keys() == ({fault.reason} if fault else set())
    everything.show(*bench.exposition.views())
    api = good
    assert await bench.poll() is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("configurations")
    Authority(folder, "authority").sign("server")
    (folder / "token").write_text("s3cr3t", encoding="utf-8")
    return folder


def _load(folder: Path, files: Files, read: Callable[[], T], use: Callable[[T], object]) -> None:
    """Use the configuration in files, or see that every place where it is wrong is told."""
    for file, content in files.items():
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    try:
        config = read()
    except ConfigError as error:
        problems = error.problems
    else:
        use(config)
        return
    assert problems
    for problem in problems:
        file, _, message = problem.partition(": ")
        assert folder in Path(file).parents
        assert message
        assert problem.isprintable()


def _use(config: ValidatedConfig) -> None:
    assert yaml.safe_load(shown(config))
    for workspace in config.workspaces:
        Bench(None, workspace, metrics=config.metrics)


@examples(100, share=0.5)
@given(odd=ODD_ANSWERS, good=GOOD_ANSWERS, name=NAMES, settings=SETTINGS)
def test_whatever_the_api_answers_it_is_counted_and_can_be_scraped_and_the_next_poll_succeeds(
    poll: Callable[..., None], **example: object
) -> None:
    poll(**example)


@examples(75, share=0.4)
@given(files=FILES)
def test_whatever_a_configuration_holds_it_can_be_used_or_is_refused_with_the_place_of_every_problem(
    folder: Path, files: Files
) -> None:
    _load(folder, files, lambda: load(folder / CONFIG), _use)


@examples(50, share=0.1)
@given(files=WEB_FILES)
def test_whatever_a_web_configuration_holds_it_can_be_used_or_is_refused_too(folder: Path, files: Files) -> None:
    _load(folder, files, lambda: load_web_config(folder / WEB), Access)
