"""CodeSystems, ValueSets and ConceptMaps that clients stored, found by canonical."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from unsilo.flow.fhir import search as searching
from unsilo.kernel import Json, json
from unsilo.policy import EVERYTHING, Predicate
from unsilo.search import Vocabulary
from unsilo.storage import Store

__all__ = ["stored_by"]

_FRESH = 1.0
"""Seconds that an answer is good for: what a client stores is used so soon by every node."""
_KEPT = 2_000


def stored_by(store: Store, vocabulary: Callable[[], Vocabulary]) -> Callable[[str, str], Json | None]:
    """Return a `flow.terminology.Stored` over a store. Terminology is no patient's: it is found whoever asks."""
    known: dict[tuple[str, str], tuple[float, Json | None]] = {}
    lock = threading.Lock()
    key = store.secret("page")
    everything = Predicate(0, EVERYTHING)

    def find(kind: str, canonical: str) -> Json | None:
        now = monotonic()
        with lock:
            last = known.get((kind, canonical))
        if last is not None and now - last[0] < _FRESH:
            return last[1]
        url, _, version = canonical.partition("|")
        found: Json | None = None
        if url and len(canonical) <= 2_000 and url.isprintable():
            said = url.replace("\\", "\\\\").replace(",", "\\,").replace("$", "\\$").replace("|", "\\|")
            pairs = [("url", said), ("_sort", "-_lastUpdated"), ("_count", "1")]
            if version:
                pairs.append(("version", version.replace("\\", "\\\\").replace(",", "\\,").replace("|", "\\|")))
            asked, _ = searching.prepare(everything, kind, pairs, vocabulary(), key, kin=False)
            rows = searching.search(store, asked, key).rows if asked is not None else []
            found = json.decode(rows[0].body) if rows else None
        with lock:
            if len(known) >= _KEPT:
                known.clear()
            known[kind, canonical] = (now, found)
        return found

    return find
