"""A stored person's golden record, of the source Patients that the caller may see, without what is masked."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from unsilo.config import Feed, Settings
from unsilo.flow.golden.resource import as_patient
from unsilo.flow.golden.survive import Golden, SourceRecord, survive
from unsilo.flow.golden.table import rules
from unsilo.flow.read.fact import Fact
from unsilo.flow.read.load import feed_of, feed_words
from unsilo.kernel import Json, json
from unsilo.policy import Predicate, masked
from unsilo.storage import Store, Stored

__all__ = ["Reads", "golden_of", "golden_of_facts", "golden_patient", "visible"]


class Reads(Protocol):
    """What is asked of the store beyond who belongs together; the predicate comes first."""

    def read(self, predicate: Predicate, type_: str, id_: str) -> Stored | None:
        """Return the current version, None when there is none or it is hidden."""


def visible(store: Store, reads: Reads, predicate: Predicate, person: int) -> list[tuple[Stored, Json]]:
    """Return the live source Patients of a person that the caller may see, as far as they may be seen."""
    hidden = predicate.elements.get("Patient", frozenset())
    found = []
    for source in store.sources(person):
        row = reads.read(predicate, "Patient", source.patient_id)
        if row is not None and row.state == 0:
            found.append((row, masked(json.decode(row.body), hidden)))
    return found


def golden_of(store: Store, reads: Reads, predicate: Predicate, settings: Settings, person: int) -> Golden | None:
    """Return the golden record of a person, None when the caller may see none of its records."""
    records = [
        _record(row.id, patient, feed_of(store, row.mid), row.updated, settings.feeds)
        for row, patient in visible(store, reads, predicate, person)
    ]
    return _survive(records, settings) if records else None


def golden_patient(
    store: Store, reads: Reads, predicate: Predicate, settings: Settings, patient_id: str
) -> tuple[Golden, Json] | None:  # fmt: skip
    """Return the golden record of the person of a source Patient, and the same as a Patient named by the person."""
    number = store.person_of(patient_id)
    person = store.person(number) if number is not None else None
    found = golden_of(store, reads, predicate, settings, person.person) if person is not None else None
    return None if found is None or person is None else (found, as_patient(found, person.uid))


def golden_of_facts(patients: Sequence[Fact], settings: Settings) -> Golden:
    """Return the golden record of source Patients that a page has loaded already."""
    records = [_record(fact.id, fact.resource, fact.source, fact.updated, settings.feeds) for fact in patients]
    return _survive(records, settings)


def _record(id_: str, patient: Json, feed: str, updated: int, feeds: Mapping[str, Feed]) -> SourceRecord:
    keeper = feed_words(feed, feeds, [Fact("Patient", id_, 0, updated, feed, patient, 0, False)])
    return SourceRecord(id_, patient, feed, keeper, updated)


def _survive(records: Sequence[SourceRecord], settings: Settings) -> Golden:
    return survive(records, rules(settings.golden.rules), settings.golden.trust)
