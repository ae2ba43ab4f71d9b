"""Accepting what is certain without a person, where the settings say so: marked automatic, one in a few for review."""

from zlib import crc32

import msgspec

from unsilo.flow.maps.queue import Unmapped, queue, suggestions
from unsilo.flow.service import Service
from unsilo.kernel import Issue, Result
from unsilo.terminology.maps import ELEMENTS, Entry
from unsilo.terminology.suggest import load_model

__all__ = ["ACTOR", "Accepted", "accept", "sampled"]

ACTOR = "automatic"
_MOST = 1000


class Accepted(msgspec.Struct):
    """What was put into use, and how many codes were left to people."""

    entries: list[Entry]
    left: int


def sampled(service: Service, entry: Entry) -> bool:
    """Tell whether an automatic decision is one of those that people look at afterwards."""
    every = service.settings.maps.sample_every
    return entry.origin == ACTOR and every > 0 and crc32(entry.id.encode()) % every == 0


def _certain(service: Service, one: Unmapped) -> Entry | None:
    """Return the decision for a code whose unit is one, whose first suggestion is certain enough, else None."""
    element = next(each for each in ELEMENTS.values() if each.path == one.element)
    if len(one.units) > 1 or one.pending or one.published:
        return None
    least = max(service.settings.maps.automatic_from, load_model().automatic)
    first = suggestions(service.terminology, element, one.item(), {}, 1)[0]
    if not first.code or first.decision != "auto" or first.score < least or not first.consistent:
        return None
    return Entry(
        "", one.element, one.system, one.code, element.system, first.code, first.display, one.label,
        unit=next(iter(one.units), ""), specimen=one.specimen, origin=ACTOR, score=first.score,
    )  # fmt: skip


def accept(service: Service, reason: str = "") -> Result[Accepted]:
    """Put into use what is certain; no value where the settings do not allow it.

    Whoever asked before: a code that a person has decided about, or refused, is never decided here.
    """
    if not service.settings.maps.automatic:
        text = "decisions without a person are off"
        return Result(None, [Issue("error", "forbidden", text, hint="maps.automatic", rule="maps.automatic")])
    decided = {(e.element, e.system, e.code) for e in service.maps.entries()}
    found = queue(service.store, limit=_MOST)
    entries = []
    for one in found:
        entry = None if (one.element, one.system, one.code) in decided else _certain(service, one)
        if entry is not None:
            entries.append(entry)
    if not entries:
        return Result(Accepted([], len(found)))
    why = reason or f"certain by the model of version {load_model().version}"
    done = service.maps.propose(entries, ACTOR, why)
    for step in ("approve", "publish"):
        if done.value is None:
            return Result(None, done.issues)
        done = service.maps.act([entry.id for entry in done.value], step, ACTOR, why, second=False)
    return Result(Accepted(done.value or [], len(found) - len(entries)), done.issues)
