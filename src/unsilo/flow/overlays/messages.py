"""The messages that overlays are tried on: the last of a feed in the journal, or files; bounded in memory."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

from unsilo.config import Feed
from unsilo.flow.convert.inputs import inputs
from unsilo.flow.overlays.run import RECEIVED
from unsilo.formats import hl7v2
from unsilo.kernel import Envelope, seal
from unsilo.storage import Store

__all__ = ["BESIDE", "filed", "journaled", "spread"]

T = TypeVar("T")
BESIDE = (".expect", ".bundle.json")
"""Endings of what is expected of a message, which stands beside it."""
_PAGE = 200
_CHUNK = 40
"""Messages that one process works on at once."""
_CHUNK_BYTES = 4 * 1024 * 1024
_FEW = 120
"""Up to so many messages the work is done without starting processes."""


def journaled(store: Store, feed: str, last: int, since: int = 0) -> Iterator[Envelope]:
    """Yield the last messages of a feed whose bytes are there, the newest first, received from `since` (microseconds).

    Batch files are left out; their messages are not.
    """
    before: int | None = None
    left = last
    while left > 0:
        rows = store.search_messages(feed=feed, since=since, limit=min(_PAGE, left), before=before)
        if not rows:
            return
        before = rows[-1].mid
        for row in rows:
            if row.state == "batch" or row.removed_on:
                continue
            envelope = store.envelope(row.id)
            if envelope is not None:
                left -= 1
                yield envelope


def filed(paths: Iterable[Path], feed: Feed) -> Iterator[Envelope]:
    """Yield the messages of files and folders, those of a batch one by one, but no expectations.

    OSError when a file cannot be read.
    """
    for file, _ in inputs(paths):
        if file.name.endswith(BESIDE):
            continue
        content = file.read_bytes()
        parts = [content]
        if feed.format == "hl7v2":
            split = hl7v2.split_batch(content)
            parts = [child.content for child in split.value.children] if split.value is not None else parts
        for part in parts:
            yield seal(feed.name, feed.format, part, RECEIVED)


def _chunks(envelopes: Iterator[Envelope]) -> Iterator[list[Envelope]]:
    chunk: list[Envelope] = []
    size = 0
    for envelope in envelopes:
        chunk.append(envelope)
        size += len(envelope.content)
        if len(chunk) >= _CHUNK or size > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def spread(
    envelopes: Iterator[Envelope], work: Callable[[list[Envelope]], T], workers: int = 0
) -> Iterator[tuple[int, T]]:
    """Yield (messages, what `work` made of them), in order; in processes where it is worth it.

    `work` can be pickled. As many chunks are read ahead as keep the processes busy, so memory stays bounded.
    """
    workers = workers or max(1, os.cpu_count() or 1)
    first = list(islice(envelopes, _FEW + 1 if workers > 1 else 0))
    rest = envelopes
    if len(first) <= _FEW and workers > 1:
        rest, workers = iter(()), 1
    chunks = _chunks(_chain(first, rest))
    if workers == 1:
        for chunk in chunks:
            yield len(chunk), work(chunk)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        waiting: deque[tuple[int, Future[T]]] = deque()
        for chunk in chunks:
            waiting.append((len(chunk), pool.submit(work, chunk)))
            if len(waiting) >= 2 * workers:
                count, done = waiting.popleft()
                yield count, done.result()
        while waiting:
            count, done = waiting.popleft()
            yield count, done.result()


def _chain(first: list[Envelope], rest: Iterator[Envelope]) -> Iterator[Envelope]:
    yield from first
    yield from rest
