"""Brings what other threads have finished to the event loop, all that came meanwhile in one turn of it."""

import asyncio
from collections import deque
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any, TypeVar

__all__ = ["Arrivals"]

T = TypeVar("T")


class Arrivals:
    """One event loop's waiting.

    The writer resolves the futures of a whole group one after the other; `asyncio.wrap_future` would wake the loop for
    each of them, and wait for the interpreter lock each time.
    """

    def __init__(self) -> None:
        self._come: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._told = False

    def wait(self, future: "Future[T]") -> "asyncio.Future[T]":
        """Return what to await for the result of a future of another thread; who stops waiting cancels nothing."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()
        future.add_done_callback(partial(self._arrived, loop, waiting))
        return waiting

    def _arrived(self, loop: asyncio.AbstractEventLoop, waiting: "asyncio.Future[Any]", future: "Future[Any]") -> None:
        self._come.append((waiting, future))
        # `_take` says first that nobody is told, and then takes: what is put here is either taken, or told of.
        if not self._told and not loop.is_closed():
            self._told = True
            loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        self._told = False
        while self._come:
            waiting, future = self._come.popleft()
            if waiting.done():
                continue
            try:
                waiting.set_result(future.result())
            except CancelledError:
                waiting.cancel()
            except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
                waiting.set_exception(error)
