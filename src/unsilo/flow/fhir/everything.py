"""The whole record of a person (FHIR R4 Patient-everything): all linked source Patients, what is in their
compartments, and what that refers to outside."""

from collections.abc import Iterable
from functools import cache
from typing import Any, Protocol

import msgspec

from unsilo.fhir.index import patient_date
from unsilo.flow.fhir.marks import mark, unmark
from unsilo.policy.predicate import Predicate
from unsilo.spec.compartments import compartment
from unsilo.spec.parameters import parameters
from unsilo.spec.r4 import resource_types, type_number
from unsilo.storage import Stored
from unsilo.storage.plan import All, Date, Include, Member, Missing, Node, Page, Plan, Updated
from unsilo.storage.plan import Any as Either

__all__ = ["MOST_COUNT", "Reads", "Record", "facts", "record"]

MOST_COUNT = 1000
_AROUND = (
    "Organization", "Practitioner", "PractitionerRole", "Location", "Medication", "HealthcareService", "Device",
    "Substance",
)  # fmt: skip
"""What belongs to no patient and is needed to read a record: who, where, with what."""
_FAR = 1 << 62


class Reads(Protocol):
    """What is asked of the store."""

    def search(self, plan: Plan) -> Page:
        """Run a search."""

    def read(self, predicate: Predicate, type_: str, id_: str) -> Stored | None:
        """Return the current version of a resource that may be seen."""


class Record(msgspec.Struct):
    """A page of a record: entries in order, what they refer to, how many in all, the mark of the next page or ""."""

    rows: list[Stored]
    around: list[Stored]
    total: int
    next: str


@cache
def _numbers(kinds: frozenset[str]) -> tuple[int, ...]:
    return tuple(sorted(type_number(kind) for kind in kinds))


@cache
def members() -> frozenset[str]:
    """Return the types that a Patient's compartment may hold."""
    return frozenset(kind for kind, codes in compartment("Patient").items() if codes) & resource_types()


@cache
def _includes(kinds: frozenset[str]) -> tuple[Include, ...]:
    """References from the record to what belongs to no patient."""
    found = []
    targets = _numbers(frozenset(_AROUND))
    for kind in sorted(kinds):
        numbers = [
            row.number for row in parameters(kind).values()
            if row.kind == "reference" and row.expression and not set(row.targets).isdisjoint(_AROUND)
        ]  # fmt: skip
        if numbers:
            found.append(Include((type_number(kind),), tuple(sorted(numbers)), targets))
    return tuple(found)


def _within(kinds: Iterable[str], start: int, end: int) -> Node:
    """Ask for care between two moments (R4 Patient-everything); what has no time of care cannot be said to be outside.

    Leaving an allergy out because nobody wrote when it was seen would be a danger.
    """
    sp = tuple(sorted(number for kind in kinds if (number := patient_date(kind))))
    if not sp:
        return All(())
    dates = (Date(sp, "gt", start, start), Date(sp, "lt", end, end))
    return Either((All(dates), Missing(sp, ("dat",), True)))


def _plan(
    predicate: Predicate, patient: str, kinds: Iterable[str], since: int, count: int, after: tuple[Any, ...] | None,
    *, around: bool, total: bool, care: tuple[int, int] | None = None,
) -> Plan:  # fmt: skip
    wanted = frozenset(kinds)
    types = _numbers(wanted)
    clauses: tuple[Node, ...] = (Member(patient, types),)
    if since:
        clauses = (*clauses, Updated("ge", since, _FAR))
    if care is not None:
        clauses = (*clauses, _within(wanted, *care))
    return Plan(
        predicate, types, clauses, count=count, total="accurate" if total else "none",
        includes=_includes(wanted) if around else (), after=after,
    )  # fmt: skip


def facts(reads: Reads, predicate: Predicate, patient: str, kinds: Iterable[str], most: int = 10_000) -> list[Stored]:
    """Return what is in the compartments of a person's Patients, of some types, at most `most`."""
    wanted = frozenset(kinds) & (members() | {"Patient"})
    if not wanted:
        return []
    return reads.search(_plan(predicate, patient, wanted, 0, most, None, around=False, total=False)).rows


def _wanted(rows: list[Stored], kinds: frozenset[str] | None) -> list[Stored]:
    """Return rows of these types, each once."""
    return list({row.rid: row for row in rows if kinds is None or row.type in kinds}.values())


def record(
    reads: Reads, predicate: Predicate, patient: str, key: bytes, *, kinds: frozenset[str] | None, since: int,
    count: int, page: str, care: tuple[int, int] | None = None,
) -> Record | None:  # fmt: skip
    """Return a page of the record; the Patients stand first, the asked one before the others.

    None when the page's mark is not this server's. `kinds` None is every type; `care` is (from, to) in microseconds.
    """
    scope = f"everything/{patient}/{','.join(sorted(kinds or ()))}/{since}{care or ''}"
    after = unmark(key, scope, page) if page else None
    if page and after is None:
        return None
    wanted = members() if kinds is None else kinds & members()
    around = kinds is None or not kinds.isdisjoint(_AROUND)
    people: list[Stored] = []
    near: list[Stored] = []
    if kinds is None or "Patient" in kinds:
        met = reads.search(
            _plan(predicate, patient, ["Patient"], since, MOST_COUNT, None, around=around and not page, total=False)
        )  # fmt: skip
        people, near = met.rows, met.includes
        people.sort(key=lambda row: (row.id != patient, row.id))
    others = wanted - {"Patient"}
    if not others:
        return Record([] if page else people, _wanted(near, kinds), len(people), "")
    shown = [] if page else people
    room = max(1, count - len(shown))
    found = reads.search(_plan(predicate, patient, others, since, room, after, around=around, total=True, care=care))
    aside = _wanted([*near, *found.includes], kinds)
    following = "" if found.after is None else mark(key, scope, found.after)
    return Record([*shown, *found.rows], aside, len(people) + (found.total or 0), following)
