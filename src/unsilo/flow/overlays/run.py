"""Messages through the maps of a feed, with an overlay of choice and without a store."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

from unsilo import mapping
from unsilo.config import Feed
from unsilo.flow.process import DECODERS, State, site_of
from unsilo.formats import hl7v2
from unsilo.kernel import Envelope, Issue, Result, seal
from unsilo.mapping.engine import CompiledMap
from unsilo.mapping.model import Mapped, Site

__all__ = ["RECEIVED", "Run", "map_envelope", "map_file", "opened", "site_with"]

RECEIVED = 1_767_225_600_000_000
"""When files without a journal count as received (2026-01-01, microseconds): the same every time they are tried."""


class Run(NamedTuple):
    """One message: what its map gave, None when it could not be read, and all Issues."""

    envelope: Envelope
    mapped: Mapped | None
    issues: list[Issue]


def site_with(feed: Feed, overlay: bytes | None = None) -> Site:
    """Return what the mapping knows of a feed, with another overlay than its own (OSError: its own file is gone)."""
    if overlay is None:
        return site_of(feed)
    bare = site_of(msgspec.structs.replace(feed, overlay=""))
    return msgspec.structs.replace(bare, overlay=overlay)


@lru_cache(maxsize=16)
def _opened(fmt: str, site: bytes) -> CompiledMap:
    return mapping.load(fmt, msgspec.json.decode(site, type=Site))


def opened(feed: Feed, overlay: bytes | None = None) -> CompiledMap:
    """Return the compiled maps of a feed with an overlay."""
    return _opened(feed.format, msgspec.json.encode(site_with(feed, overlay)))


def map_envelope(envelope: Envelope, feed: Feed, maps: CompiledMap) -> Run:
    """Map one message."""
    decoded: Result[State] = _decoded(State(envelope, feed))
    if decoded.value is None:
        return Run(envelope, None, decoded.issues)
    mapped = maps.run(decoded.value.tree, envelope)
    return Run(envelope, mapped, [*decoded.issues, *mapped.issues])


def _decoded(state: State) -> Result[State]:
    found = DECODERS[state.envelope.format](state)
    if not found.ok:
        return Result(None, found.issues)
    state.tree = found.value
    return Result(state, found.issues)


def map_file(content: bytes, feed: Feed, maps: CompiledMap) -> Iterator[Run]:
    """Map the message of a file, or each of a batch."""
    parts = [content]
    if feed.format == "hl7v2":
        split = hl7v2.split_batch(content)
        parts = [child.content for child in split.value.children] if split.value is not None else []
        if not parts:
            yield Run(seal(feed.name, feed.format, content, RECEIVED), None, split.issues)
    for part in parts:
        yield map_envelope(seal(feed.name, feed.format, part, RECEIVED), feed, maps)
