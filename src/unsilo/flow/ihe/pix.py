"""Cross-referenced identifiers of a person, the same for PIXm (ITI-83), PIX (ITI-9) and its notifications (ITI-10)."""

from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec

from unsilo.config import Settings
from unsilo.flow.golden.person import visible
from unsilo.flow.ihe.domains import Reads, holders, identifiers, is_known
from unsilo.flow.persons.replaced import Identifier
from unsilo.kernel import Json
from unsilo.policy import Predicate
from unsilo.search import Vocabulary
from unsilo.storage import Store, Stored

__all__ = ["Asked", "Crossed", "Known", "cross", "known_to"]


class Known(NamedTuple):
    """What a question is asked of: the store, readings under a predicate, and what the settings say."""

    store: Store
    reads: Reads
    predicate: Predicate
    vocabulary: Vocabulary
    settings: Settings


class Asked(msgspec.Struct, frozen=True):
    """The identifier whose person is meant (or the id of a Patient here), and the domains that are wanted (all)."""

    source: Identifier
    id: str = ""
    targets: tuple[str, ...] = ()


class Crossed(msgspec.Struct):
    """The answer. `state` is `found`, `nothing` (the person has no other identifier), `unknown` (the identifier),
    `domain` (its domain), `target` (a wanted domain; `wrong` are their places from 0)."""

    state: str
    identifiers: list[Json] = []
    patients: list[str] = []
    person: int = 0
    wrong: list[int] = []


def known_to(service: Any, predicate: Predicate) -> Known:
    """Return what a node knows, under a predicate."""
    vocabulary, settings = service.parameters.vocabulary, service.settings
    return Known(service.store, service.store.guarded, predicate, vocabulary, settings)


def cross(known: Known, asked: Asked, own: Collection[str] = ()) -> Crossed:
    """Return the other identifiers of whoever has one; `own` are names of this server as a domain of ids.

    Refusals go in the order of the profiles: the source's domain, the source, the targets. What may not be seen is
    as if it were not there.
    """
    found = _source(known, asked)
    if isinstance(found, Crossed):
        return found
    wrong = [
        at
        for at, system in enumerate(asked.targets)
        if system not in own and not is_known(known.reads, known.predicate, known.vocabulary, known.settings, system)
    ]
    if wrong:
        return Crossed("target", wrong=wrong)
    person = known.store.person_of(found.id)
    if person is None:
        return Crossed("unknown")
    patients = [patient for _, patient in visible(known.store, known.reads, known.predicate, person)]
    wanted = set(asked.targets)
    rows = [
        (patient, item)
        for patient, item in identifiers(patients)
        if (item["system"], item["value"]) != asked.source and (not wanted or item["system"] in wanted)
    ]
    rows.sort(key=lambda row: (row[1]["system"], row[1]["value"]))
    whole = not wanted or bool(wanted.intersection(own))
    live = {str(patient["id"]) for patient, _ in identifiers(patients)} | {found.id}
    ids = live if whole else {str(patient["id"]) for patient, _ in rows}
    ids.discard(asked.id)
    state = "found" if rows or (ids and bool(own)) else "nothing"
    return Crossed(state, [item for _, item in rows], sorted(ids), person)


def _source(known: Known, asked: Asked) -> Stored | Crossed:
    if asked.id:
        row = known.reads.read(known.predicate, "Patient", asked.id)
        return row if row is not None and row.state == 0 else Crossed("unknown")
    rows = holders(known.reads, known.predicate, known.vocabulary, asked.source)
    if rows:
        return rows[0]
    system = asked.source[0]
    recognised = is_known(known.reads, known.predicate, known.vocabulary, known.settings, system)
    return Crossed("unknown" if recognised else "domain")
