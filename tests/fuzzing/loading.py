"""Loads configuration files: whatever they hold, what comes of it can be used, or is refused with every place."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import yaml
from fuzzing.configurations import CONFIG, WEB, Files
from support.certificates import Authority
from support.polling import Bench

from exporter.config.loading import load
from exporter.config.problems import ConfigError
from exporter.config.settings import ValidatedConfig
from exporter.config.showing import shown
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
    """Yield what reads files, in a folder with what they name, and uses the configuration in them, if there is one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Authority(folder, "authority").sign("server")
        (folder / "token").write_text("s3cr3t", encoding="utf-8")

        def check(files: Files) -> None:
            for file, content in files.items():
                path = folder / file
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            try:
                config = read(folder / main)
            except ConfigError as error:
                problems = error.problems
            else:
                use(config)
                return
            assert problems
            for problem in problems:
                assert folder in Path(problem.file).parents
                assert problem.message
                assert str(problem).isprintable()

        yield check


def _use(config: ValidatedConfig) -> None:
    assert yaml.safe_load(shown(config))
    for workspace in config.workspaces:
        Bench(None, workspace, metrics=config.metrics)
