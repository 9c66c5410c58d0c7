"""An executor that runs everything where it is submitted: at once, or when a test lets it."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class InlineExecutor(Executor):
    """Runs everything at once until it becomes busy; then what waits runs when it catches up."""

    def __init__(self) -> None:
        self._free_for = -1
        self._waiting: list[Callable[[], None]] = []

    def become_busy(self, after: int = 0) -> None:
        """Run this many more at once, and no others."""
        self._free_for = after

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        self._waiting.append(lambda: _run(future, lambda: fn(*args, **kwargs)))
        if self._free_for:
            self._free_for -= 1
            self._waiting.pop()()
        return future

    def run_next(self) -> None:
        self._waiting.pop(0)()

    def catch_up(self) -> None:
        """Run what waits, and from now on everything at once."""
        self._free_for = -1
        for work in self._waiting:
            work()
        self._waiting.clear()


def _run(future: Future[T], function: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function())
    except Exception as error:  # noqa: BLE001 - an executor hands every error over
        future.set_exception(error)
