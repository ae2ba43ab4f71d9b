"""Processes that make the pieces of an export beside this one, and write each where it is told to."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Hand", "Made", "Make", "Span", "hands", "joined", "write_at"]


class Span(NamedTuple):
    """Rows of a type: those after row number `after` up to `upto`, of the time `until` or before.

    `elements` are the (type, name) of which alone something is wanted; none for all.
    """

    kind: str
    after: int
    upto: int
    until: int
    elements: tuple[tuple[str, str], ...] = ()


_ENDED = "a process of the export ended"

Make = Callable[[Span], list[bytes]]
"""What makes the lines of a span."""


class Made:
    """A span of which lines are made, here or beside: how many they are, and how many bytes; here also these."""

    def __init__(self, span: Span, hand: Hand | None = None, lines: Sequence[bytes] = ()) -> None:
        self.span, self.hand = span, hand
        self.block = joined(lines)
        self.count, self.size = len(lines), len(self.block)


def write_at(file: int, place: int, block: bytes) -> None:
    """Write all of a block at a place of an open file."""
    rest = memoryview(block)
    while rest:
        done = os.pwrite(file, rest, place)
        rest, place = rest[done:], place + done


def joined(lines: Sequence[bytes]) -> bytes:
    """Return lines as they stand in a file."""
    return b"\n".join([*lines, b""])


def _work(orders: Connection, prepare: Callable[[], Make]) -> None:
    """Make and write what is ordered until the pipe is closed; a fault is the answer to its order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever orders hears of it, and closes the pipe
    make: Make | None = None
    blocks: deque[bytes] = deque()
    while True:
        try:
            order = orders.recv()
        except EOFError:
            return
        said: Any = None
        try:
            if isinstance(order, Span):
                make = make or prepare()
                lines = make(order)
                block = joined(lines)
                said = len(lines), len(block)
                if lines:
                    blocks.append(block)
            else:
                path, place = order
                file = os.open(path, os.O_WRONLY)
                try:
                    write_at(file, place, blocks.popleft())
                finally:
                    os.close(file)
        except Exception as fault:  # noqa: BLE001 - it is raised where the order came from
            said = fault
        try:
            orders.send(said)
        except (OSError, pickle.PicklingError):
            return


class Hand:
    """A process beside this one. It answers order after order, so that several may be under way.

    `asked` and `answered` count the orders: what is ordered now is done once as many are answered as are asked now.
    """

    def __init__(self, prepare: Callable[[], Make]) -> None:
        fork = multiprocessing.get_context("fork")
        self._orders, theirs = fork.Pipe()
        self._waiting: deque[Made | None] = deque()
        self.asked = self.answered = 0
        self._process = fork.Process(target=self._run, args=(theirs, prepare), daemon=True)
        self._process.start()
        theirs.close()

    def _run(self, orders: Connection, prepare: Callable[[], Make]) -> None:
        self._orders.close()  # the other end, which only who orders may hold open
        _work(orders, prepare)

    def make(self, span: Span) -> Made:
        """Have a span made; it is when `hear` has heard of it."""
        made = Made(span, self)
        self._order(span, made)
        return made

    def write(self, path: Path, place: int) -> None:
        """Have the oldest lines that were made written at a place of a file that is there."""
        self._order((str(path), place), None)

    def _order(self, order: Any, made: Made | None) -> None:
        self._waiting.append(made)
        self.asked += 1
        try:
            self._orders.send(order)
        except OSError as fault:
            raise OSError(_ENDED) from fault

    def is_made(self, made: Made) -> bool:
        """Tell whether a span is made, as far as was heard."""
        return made not in self._waiting

    def hear(self, *, wait: bool = False) -> None:
        """Hear all answers that are there, with `wait` at least one; a fault is raised."""
        while wait or self._orders.poll():
            wait = False
            try:
                said = self._orders.recv()
            except (EOFError, OSError) as fault:
                raise OSError(_ENDED) from fault
            self.answered += 1
            made = self._waiting.popleft()
            if isinstance(said, Exception):
                raise said
            if made is not None:
                made.count, made.size = said

    def leave(self) -> None:
        """Order nothing more; the process ends when nobody holds the pipe any more, also no process forked later."""
        self._orders.close()

    def join(self) -> None:
        """Wait for the end of the process."""
        self._process.join()


@contextmanager
def hands(number: int, prepare: Callable[[], Make]) -> Iterator[list[Hand]]:
    """Give so many processes, forked from this one, which must have no threads yet; none where nothing can be forked.

    `prepare` is called in each of them with its first order, and gives what makes lines there.
    """
    made: list[Hand] = []
    try:
        made += [Hand(prepare) for _ in range(number if sys.platform == "linux" else 0)]
        yield made
    finally:
        for hand in made:
            hand.leave()
        for hand in made:
            hand.join()
