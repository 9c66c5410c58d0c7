"""Loads what belongs together: the problems of one file do not hide those of another."""

from collections.abc import Callable
from typing import TypeVar

from exporter.config.problems import ConfigError, Problem

A = TypeVar("A")
B = TypeVar("B")


def load_both(load_first: Callable[[], A], load_second: Callable[[], B]) -> tuple[A, B]:
    """Load two configurations.

    Raises:
        ConfigError: one or both cannot be used; has every problem of both.
    """
    try:
        first = load_first()
    except ConfigError as error:
        raise ConfigError((*error.problems, *_problems_of(load_second))) from error
    return first, load_second()


def _problems_of(load: Callable[[], object]) -> tuple[Problem, ...]:
    try:
        load()
    except ConfigError as error:
        return error.problems
    return ()
