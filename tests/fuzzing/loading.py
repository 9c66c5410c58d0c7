"""Loads configuration files: whatever they hold, what comes of it can be used, or is refused with every place."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import yaml
from fuzzing.configurations import CONFIG, WEB, Files
from support.certificates import Authority
from support.clock import ManualClock

from exporter.api.client import Client
from exporter.config.loading import load
from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig
from exporter.config.showing import shown
from exporter.metrics.api_metrics import ApiMetrics
from exporter.polling.buckets import BucketMaker
from exporter.web.config import load_web_config
from exporter.web.middleware import Access

T = TypeVar("T")


class LoadsOfAnything:
    """Loads files from one folder, where also the files are that they name."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        Authority(self._folder, "authority").sign("server")
        (self._folder / "token").write_text("s3cr3t", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def load(self, files: Files) -> None:
        """Load what the exporter polls."""
        config = self._loaded(load, files, CONFIG)
        if config is not None:
            _use(config)

    def load_web(self, files: Files) -> None:
        """Load what the web server goes by."""
        config = self._loaded(load_web_config, files, WEB)
        if config is not None:
            Access(config)

    def _loaded(self, load_it: Callable[[Path], T], files: Files, name: str) -> T | None:
        for file, content in files.items():
            path = self._folder / file
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        try:
            return load_it(self._folder / name)
        except ConfigError as error:
            problems = error.problems
        assert problems
        for problem in problems:
            assert self._folder in Path(problem.file).parents
            assert problem.message
            assert str(problem).isprintable()
        return None


def _use(config: ValidatedConfig) -> None:
    assert yaml.safe_load(shown(config))
    for workspace in config.workspaces:
        BucketMaker(workspace, config.metrics)
        Client(workspace, clock=ManualClock(), observer=ApiMetrics(workspace.name))
