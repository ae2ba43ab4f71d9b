"""What a worker counts of the messages that pass through it, told from time to time."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from unsilo.flow.shapes.documents import CCDA, FHIR
from unsilo.flow.shapes.part import ALL, Form, Part
from unsilo.flow.shapes.v2 import V2

__all__ = ["FORMS", "Delta", "Watch"]

FORMS: dict[str, Form] = {"hl7v2": V2, "ccda": CCDA, "fhir": FHIR}
_MESSAGES = 500
"""Messages after which the counts of a feed are told."""
_SECONDS = 5.0
_MOST_PARTS = 20_000
"""Different parts that are remembered of a feed; then they begin anew."""
_MOST_SEEN = 20_000


class Delta(msgspec.Struct, array_like=True):
    """What passed since the last time: key to (count, parent), and for keys that are new to the worker a message."""

    feed: str
    counts: dict[str, tuple[int, str]]
    first: dict[str, str]


class _Feed:
    """The counts of one feed. Parts stay in `parts` when they are told, with 0; `seen` are keys."""

    def __init__(self, form: Form, now: float) -> None:
        self.form = form
        self.parts: Counter[Part] = Counter()
        self.seen: set[str] = set()
        self.first: dict[str, str] = {}
        self.messages = 0
        self.told = now


class Watch:
    """Counts parts of messages; one a worker, used by one thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self._feeds: dict[str, _Feed] = {}

    def note(self, feed: str, fmt: str, message: str, tree: Any) -> None:
        """Count a parsed message of a feed; `message` is its id."""
        one = self._feeds.get(feed)
        if one is None:
            one = self._feeds[feed] = _Feed(FORMS[fmt], self.now() - _SECONDS)
        parts = one.form.parts(tree)
        one.messages += 1
        known = len(one.parts)
        one.parts.update(parts)
        if len(one.parts) > known:
            self._look(one, parts, message)

    def _look(self, one: _Feed, parts: list[Part], message: str) -> None:
        """Find the keys of parts that were not there before."""
        for part in parts:
            for key in one.form.keys(part):
                if key.name not in one.seen and len(one.seen) < _MOST_SEEN:
                    one.seen.add(key.name)
                    one.first[key.name] = message

    def take(self, feed: str) -> Delta | None:
        """Return what there is to tell of a feed: at once when something is new, else from time to time."""
        one = self._feeds.get(feed)
        if one is None or not one.messages:
            return None
        if not one.first and one.messages < _MESSAGES and self.now() - one.told < _SECONDS:
            return None
        counts: dict[str, tuple[int, str]] = {}
        for part, times in one.parts.items():
            for key in one.form.keys(part) if times else ():
                known = counts.get(key.name)
                counts[key.name] = ((known[0] if known else 0) + key.times * times, key.parent)
        delta = Delta(feed, counts, one.first)
        kept = one.parts if len(one.parts) < _MOST_PARTS else ()
        one.parts, one.first, one.messages, one.told = Counter(dict.fromkeys(kept, 0)), {}, 0, self.now()
        return delta if ALL in counts else None
