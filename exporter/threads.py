"""Threads for what may hang: neither the event loop nor the end of the program waits for them."""

import errno
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def start(function: Callable[[], T]) -> "Future[T]":
    """Call a function in a thread of its own.

    Raises:
        OSError: there can be no more threads.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # so that whoever stops waiting does not stop the others

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is waited for
            future.set_exception(error)

    try:
        Thread(target=run, daemon=True).start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from error
    return future
