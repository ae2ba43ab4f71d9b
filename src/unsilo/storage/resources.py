"""Reading resources, persons and their facts; thread-safe, each call on a lent connection."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from unsilo.identity.decide import Candidate
from unsilo.identity.record import unpack
from unsilo.kernel import Lineage
from unsilo.storage.connect import Readers
from unsilo.storage.keys import words
from unsilo.storage.listing import facts_query, numbered_query, people_query, terms_query, versions_query
from unsilo.storage.packing import unpack_lineage
from unsilo.storage.rows import LinkEvent, ListMember, PersonHit, PersonRow, Source, Stored
from unsilo.storage.statements import load
from unsilo.storage.tx import stored
from unsilo.storage.tx_matching import MOST_CANDIDATES, MOST_IN_BLOCK, in_blocks
from unsilo.storage.tx_people import Opinion, ReviewRow, Sampled

__all__ = ["ResourceReads"]

_RES = load("resource")
_PERSON = load("person")
_AT_ONCE = 500
"""Numbers that are asked for in one statement."""


def _newest(row: Any) -> tuple[int, int]:
    return -row[0], -row[1]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


class ResourceReads:
    """The reading half of the store that concerns resources and persons."""

    _readers: Readers

    def read(self, resource_type: str, id_: str, version: int | None = None) -> Stored | None:
        """Return the current version (state 1 when deleted) or the given one; None when there is none."""
        row = self._readers.row(_RES["read"], (resource_type, id_))
        if row is None:
            return None
        found = stored(row)
        if version is None or version == found.version:
            return found
        row = self._readers.row(_RES["version"], (resource_type, id_, version))
        return None if row is None else stored(row)

    def read_many(self, keys: list[tuple[str, str]]) -> dict[tuple[str, str], Stored]:
        """Return the current versions of (type, id) pairs that are there, in one statement."""
        rows = self._readers.rows(_RES["read_many"], (_json(keys),))
        return {(row[1], row[2]): stored(row) for row in rows}

    def history(self, resource_type: str, id_: str) -> list[Stored]:
        """Return every version, the highest number first; `late` marks those that were never current."""
        return [stored(row) for row in self._readers.rows(_RES["versions"], (resource_type, id_))]

    def lineage(self, resource_type: str, id_: str, version: int | None = None) -> list[Lineage]:
        """Return where each element of a version (None: the current one) came from."""
        row = self._readers.row(_RES["lineage_of"], (resource_type, id_, version))
        return [] if row is None else unpack_lineage(row[0])

    def effects(self, mid: int) -> list[Stored]:
        """Return the resource versions that a message made or said again."""
        return [stored(row) for row in self._readers.rows(_RES["effects"], (mid,))]

    def person(self, uid: str | int) -> PersonRow | None:
        """Return a person by public uid or number; one that was left by its last record leads to where that went."""
        row = self._readers.row(_PERSON["by_number" if isinstance(uid, int) else "by_uid"], (uid,))
        if row is None:
            return None
        return PersonRow(row[0], row[1], row[2], [r[1] for r in self._readers.rows(_PERSON["patients_of"], (row[0],))])

    def person_of(self, patient_id: str) -> int | None:
        """Return the person of a source Patient."""
        row = self._readers.row(_PERSON["of_patient"], (patient_id.removeprefix("Patient/"),))
        return None if row is None else int(row[0])

    def sources(self, person: int) -> list[Source]:
        """Return a person's source Patients with the reason of each link; stubs have no resource."""
        make: Callable[..., Source] = Source
        found = []
        for row in self._readers.rows(_PERSON["sources"], (person,)):
            resource = stored(row[8:])
            found.append(make(*row[:8], resource if resource.state < 2 else None))
        return found

    def link_events(self, person: int) -> list[LinkEvent]:
        """Return every change of the edges of a person and of the records it has now, the oldest first."""
        return [LinkEvent(*row) for row in self._readers.rows(_PERSON["events"], (person,))]

    def reviews(self, state: str = "open", after: int = 0, limit: int = 100) -> list[ReviewRow]:
        """Return pairs of the review queue in one state, in the order of their coming, after number `after`."""
        return [ReviewRow(*row) for row in self._readers.rows(_PERSON["review_open"], (state, after, limit))]

    def reviews_of(self, rid: int) -> list[ReviewRow]:
        """Return the pairs of the queue in which a source Patient (its row number) stands."""
        return [ReviewRow(*row) for row in self._readers.rows(_PERSON["review_of"], (rid,))]

    def review(self, number: int) -> ReviewRow | None:
        """Return one pair of the queue."""
        row = self._readers.row(_PERSON["review_one"], (number,))
        return None if row is None else ReviewRow(*row)

    def review_counts(self) -> dict[str, int]:
        """Return how many pairs of the queue are in each state."""
        return {state: int(count) for state, count in self._readers.rows(_PERSON["review_counts"], ())}

    def opinions(self, left: str, right: str) -> list[Opinion]:
        """Return all that people said of two source Patients (or of one beside itself), the first first."""
        rids = sorted(found.rid for id_ in (left, right) if (found := self.read("Patient", id_)) is not None)
        rows = self._readers.rows(_PERSON["opinions"], tuple(rids)) if len(rids) == 2 else []
        return [Opinion(*row) for row in rows]

    def all_opinions(self, after: int = 0, limit: int = 100_000) -> list[tuple[int, int, str, str]]:
        """Return (low, high, kind, actor) of what people said of all pairs, in its order."""
        rows = self._readers.rows(_PERSON["all_opinions"], (after, limit))
        return [(int(low), int(high), str(kind), str(actor)) for low, high, kind, actor in rows]

    def samples(self, limit: int = 10_000) -> list[Sampled]:
        """Return the pairs drawn for clerical review, with the state of each in the queue."""
        return [Sampled(*row) for row in self._readers.rows(_PERSON["samples"], (limit,))]

    def review_scores(self, after: int = 0, limit: int = 100_000) -> list[tuple[int, float, int]]:
        """Return (number, probability, microseconds) of the pairs that the scorer put into the queue."""
        return [
            (int(n), float(score), int(at)) for n, score, at in self._readers.rows(_PERSON["scores"], (after, limit))
        ]

    def match_records(self, after: int = 0, limit: int = 1000) -> list[tuple[int, str, int, bytes]]:
        """Return (row number, id, person, packed record) of linked source Patients after a row number."""
        rows = self._readers.rows(_PERSON["records_after"], (after, limit))
        return [(int(pat), str(id_), int(person), bytes(record)) for pat, id_, person, record in rows]

    def match_records_of(self, ids: list[str]) -> dict[str, bytes]:
        """Return the packed records of source Patients by id; those that there are not are left out."""
        rids = {found.rid: id_ for id_ in ids if (found := self.read("Patient", id_)) is not None}
        rows = self._readers.rows(_PERSON["records_of"], (_json(sorted(rids)),)) if rids else []
        return {rids[int(pat)]: bytes(record) for pat, record in rows}

    def match_candidates(self, keys: list[int], limit: int = MOST_CANDIDATES) -> list[Candidate]:
        """Return the linked source Patients that share a blocking key, as a transaction would see them."""
        rows = self._readers.rows(_PERSON["blocks"], (_json(keys), len(keys) * MOST_IN_BLOCK))
        shared, _ = in_blocks((int(key), int(pat)) for key, pat in rows)
        if not shared:
            return []
        found = self._readers.rows(_PERSON["candidates"], (0, _json(sorted(shared)), limit))
        return [Candidate.of(person, unpack(bytes(record)), settled) for person, record, settled in found]

    def match_model(self) -> tuple[str, bytes] | None:
        """Return version and bytes of the model that decides, None when none was trained."""
        row = self._readers.row(_PERSON["model"], ())
        if row is None:
            return None
        body = self._readers.row(_PERSON["model_body"], (row[0],))
        return None if body is None else (str(row[0]), bytes(body[0]))

    def find_people(self, text: str, limit: int = 20) -> list[PersonHit]:
        """Return persons one of whose records has every typed word at the start of a name, identifier or birth date."""
        typed = words(text)
        if not typed:
            return []
        if len(typed) > 1:
            typed.sort(key=lambda word: (self._readers.row(*terms_query(word))[0], -len(word)))
        sql, values = people_query(typed[0], typed[1:], limit)
        return self.people([row[0] for row in self._readers.rows(sql, values)])

    def people(self, people: list[int]) -> list[PersonHit]:
        """Return the persons of these numbers with their records, in this order, without those that have none."""
        hits: dict[int, PersonHit] = {}
        for row in self._readers.rows(_PERSON["patients_json"], (_json(people),)):
            hit = hits.setdefault(row[0], PersonHit(row[0], row[1], []))
            hit.patients.append(stored(row[2:]))
        return [hits[person] for person in people if person in hits]

    def facts(
        self, person: int, types: list[str] | None = None, since: int | None = None, limit: int | None = None
    ) -> list[Stored]:
        """Return what is known of a person from all its source Patients, the newest date first.

        `since` is microseconds; what has no date is left out by it. Patients themselves come from `sources`.
        """
        sql, values = facts_query(person, types, since, limit)
        rows = self._readers.rows(sql, values)
        rows.sort(key=_newest)
        # A resource stands there twice when it names two records of the person, or two dates.
        seen: set[int] = set()
        return [stored(row[1:]) for row in rows if not (row[1] in seen or seen.add(row[1]))]  # type: ignore[func-returns-value]

    def facts_beside(self, person: int, known: Mapping[tuple[int, int], Stored]) -> list[Stored]:
        """Return `facts`, of which versions that were read before are not read again: `known` by (rid, version).

        A version never changes but for its clock, which may be older in what was known.
        """
        sql, values = versions_query(person)
        rows = self._readers.rows(sql, values)
        rows.sort(key=_newest)
        versions = {rid: (rid, version) for _, rid, version in rows}
        new = [rid for rid, version in versions.items() if version not in known]
        read: dict[int, Stored] = {}
        for start in range(0, len(new), _AT_ONCE):
            sql, values = numbered_query(new[start : start + _AT_ONCE])
            read |= {row[0]: stored(row) for row in self._readers.rows(sql, values)}
        found = [known.get(version) or read.get(rid) for rid, version in versions.items()]
        return [each for each in found if each is not None]  # what was deleted between the two is no longer there

    def list_state(self, patient: str) -> list[ListMember]:
        """Return the members of a source Patient's snapshot lists, also those that are no longer sent."""
        rows = self._readers.rows(_PERSON["list_state"], (patient.removeprefix("Patient/"),))
        return [ListMember(*row) for row in rows]
