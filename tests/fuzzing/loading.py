"""Loads configuration files: whatever they hold, what comes of it can be used, or is refused with every place."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

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


def loading() -> AbstractContextManager[Callable[[Files], None]]:
    """Return what yields a check of the exporter's configuration, as files."""
    return _checking(load, CONFIG, _use)


def loading_web() -> AbstractContextManager[Callable[[Files], None]]:
    """Return what yields a check of the web server's configuration, as files."""
    return _checking(load_web_config, WEB, Access)


@contextmanager
def _checking(read: Callable[[Path], T], main: str, use: Callable[[T], object]) -> Iterator[Callable[[Files], None]]:
    """Yield what reads files and uses the configuration in them, if there is one."""
    with _folder() as folder:

        def check(files: Files) -> None:
            config = _loaded(read, folder, files, main)
            if config is not None:
                use(config)

        yield check


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a folder that has the files that configurations name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Authority(folder, "authority").sign("server")
        (folder / "token").write_text("s3cr3t", encoding="utf-8")
        yield folder


def _loaded(load_it: Callable[[Path], T], folder: Path, files: Files, name: str) -> T | None:
    for file, content in files.items():
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    try:
        return load_it(folder / name)
    except ConfigError as error:
        problems = error.problems
    assert problems
    for problem in problems:
        assert folder in Path(problem.file).parents
        assert problem.message
        assert str(problem).isprintable()
    return None


def _use(config: ValidatedConfig) -> None:
    assert yaml.safe_load(shown(config))
    for workspace in config.workspaces:
        BucketMaker(workspace, config.metrics)
        Client(workspace, clock=ManualClock(), observer=ApiMetrics(workspace.name))
