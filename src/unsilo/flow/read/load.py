"""From the store to view models: a person's facts with their sources, what is gone, what is new, what waits."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from unsilo.config import Feed
from unsilo.flow.read.banner import BY_INTERFACE, SEX, Banner, banner, best_name, source_name
from unsilo.flow.read.fact import Fact, Source, named_sources
from unsilo.flow.read.grouping import group
from unsilo.flow.read.person import PersonView, person_view
from unsilo.flow.read.remembered import Remembered
from unsilo.flow.read.same import APART, PLAIN
from unsilo.flow.read.timeline import fitting
from unsilo.flow.read.words import say_when, when
from unsilo.kernel import Json, clock, json
from unsilo.storage import LinkEvent, MessageRow, PersonHit, Store, Stored
from unsilo.storage import Source as Record
from unsilo.terminology.same import Reader

Core = tuple[Json, dict[str, Any]]

__all__ = [
    "Loaded",
    "Waiting",
    "fact_of",
    "feed_of",
    "feed_words",
    "find",
    "foresee",
    "head",
    "load",
    "record_line",
    "rule_words",
    "sureness",
    "view",
    "waiting",
]


class Loaded(msgspec.Struct):
    """One person as the store knows them: the records behind, all facts, the sources by key, when the user looked."""

    person: int
    uid: str
    records: list[Record]
    patients: list[Fact]
    facts: list[Fact]
    sources: dict[str, Source]
    looked: int


class Waiting(msgspec.Struct):
    """Messages about the person that have not reached the record: `state` is `dead`, `held` or `queued`."""

    state: str
    messages: list[MessageRow]


@lru_cache(maxsize=200_000)
def feed_of(store: Store, mid: int) -> str:
    """A message's feed never changes, so it is asked once."""
    found = store.message(mid)
    return found.feed if found is not None else ""


_MOST_FACTS = 12_000
_HOUR = 3_600_000_000


class _Read(NamedTuple):
    """What was read of a person, by (row, version), and of it the decoded resources with what was worked out."""

    versions: dict[tuple[int, int], Stored]
    cores: dict[tuple[int, int], Core]


_read: Remembered[_Read] = Remembered(_MOST_FACTS, lambda found: len(found.cores))
"""A version never changes, so it is read and decoded once as long as it is remembered."""
_views: Remembered[tuple[object, PersonView]] = Remembered(4 * _MOST_FACTS, lambda found: len(found[1].facts))


def fact_of(stored: Stored, source: str, *, gone: int = 0, looked: int = 0, core: Core | None = None) -> Fact:
    """Return the Fact of a stored version; `looked` (µs, 0 never) marks what changed since as new."""
    body, memo = core if core is not None else core_of(stored)
    new = bool(looked) and stored.updated > looked
    return Fact(stored.type, stored.id, stored.version, stored.updated, source, body, gone, new, memo=memo)


def core_of(stored: Stored) -> Core:
    """Return the decoded resource with an empty memo; an empty object when the version has no body (deleted)."""
    return (json.decode(stored.body) if stored.body else {}, {})


def load(
    store: Store, feeds: Mapping[str, Feed], uid: str, user: int = 0, *, types: list[str] | None = None
) -> Loaded | None:
    """Read a person; None when the uid is unknown. `types` narrows the facts to some resource types."""
    row = store.person(uid)
    if row is None:
        return None
    looked = store.users.last_looked(user, row.person) if user else 0
    records = store.sources(row.person)
    known = _read.get(store, row.person) or _Read({}, {})
    whole = types is None and bool(known.versions)
    stored = store.facts_beside(row.person, known.versions) if whole else store.facts(row.person, types)
    gone = _gone(store, records)
    live = [r.resource for r in records if r.resource is not None and r.resource.state == 0]
    by_mid = {mid: feed_of(store, mid) for mid in {s.mid for s in [*stored, *live]}}
    cores = {(s.rid, s.version): known.cores.get((s.rid, s.version)) or core_of(s) for s in stored}
    if types is None:
        for each in stored:
            each.body = b""  # it is decoded
        _read.keep(store, row.person, _Read(dict(zip(cores, stored, strict=True)), cores))
    facts = [
        fact_of(s, by_mid[s.mid], gone=gone.get(f"{s.type}/{s.id}", 0) if gone else 0, looked=looked, core=core)
        for s, core in zip(stored, cores.values(), strict=True)
    ]
    patients = [fact_of(s, by_mid[s.mid], looked=looked) for s in live]
    names = sorted({fact.source for fact in [*facts, *patients]})
    sources = named_sources((name, feed_words(name, feeds, patients)) for name in names)
    return Loaded(row.person, row.uid, records, patients, facts, sources, looked)


def view(
    store: Store,
    loaded: Loaded,
    *,
    now: int,
    zone: tzinfo,
    lanes: str = "kind",
    span: str = "all",
    only: str = "",
    reader: Reader = PLAIN,
) -> PersonView:
    """Return the person's page, worked out anew whenever a fact, its standing, what is new to the reader, or what is
    known of codes changed."""
    state = (
        [(f.ref, f.version, f.gone, f.new, f.source) for f in [*loaded.facts, *loaded.patients]],
        loaded.sources, now // _HOUR, str(zone), reader.refresh(),
    )  # fmt: skip
    key = (loaded.person, lanes, span, only, reader is APART)
    found = _views.get(store, key)
    if found is not None and found[0] == state:
        return found[1]
    made = person_view(
        loaded.patients, loaded.facts, loaded.sources, now=now, zone=zone, lanes=lanes, span=span, only=only,
        reader=reader,
    )  # fmt: skip
    _views.keep(store, key, (state, made))
    return made


def foresee(store: Store, feeds: Mapping[str, Feed], uid: str, user: int, zone: tzinfo, reader: Reader) -> None:
    """Work out what the page of a person who was found will show, unless the person was looked at lately."""
    row = store.person(uid)
    if row is None or _read.get(store, row.person) is not None:
        return
    loaded = load(store, feeds, uid, user)
    if loaded is not None:
        now = clock.now()
        view(store, loaded, now=now, zone=zone, span=fitting(loaded.facts, now), reader=reader)


def feed_words(name: str, feeds: Mapping[str, Feed], patients: Iterable[Fact] = ()) -> str:
    """Return who sends on a feed: its organisation, else who keeps a record that came by it, else its name."""
    feed = feeds.get(name)
    if feed is not None and feed.organisation:
        return feed.organisation
    if not name:
        return next((source_name(p.resource) for p in patients), BY_INTERFACE)
    return name


def _gone(store: Store, records: list[Record]) -> dict[str, int]:
    found = {}
    for record in records:
        for member in store.list_state(record.patient_id):
            if member.gone:
                found[member.member] = member.gone
    return found


def head(loaded: Loaded, now: int, zone: tzinfo, reader: Reader = PLAIN) -> Banner:
    """Return the banner alone."""
    allergies = [f for f in loaded.facts if f.type == "AllergyIntolerance"]
    return banner(loaded.patients, loaded.sources, group(allergies, reader), now, zone)


_RULES: dict[str, tuple[str, str]] = {
    "R1": ("Certain", "the same number"),
    "merge": ("Certain", "a merge of the sender"),
    "R2": ("Probable", "name, birth date and sex"),
}
"""How sure each rule of `identity` is, and its ground in a few words."""


def sureness(records: list[Record], events: list[LinkEvent], doubtful: int = 0) -> str:
    """Say in words how sure it is that the records belong to one person; the weakest link decides.

    `doubtful` of them stand in pairs that wait for somebody to decide.
    """
    count = len(records)
    if count == 0:
        return "No source record"
    if count == 1:
        parted = any(e.kind == "unlink" for e in events)
        said = "another was unlinked from it" if parted else "" if doubtful else "nothing to link"
        return ", ".join(["One source record", *([said] if said else []), *(["in review"] if doubtful else [])])
    by_hand = sum(bool(r.actor) and not r.actor.startswith("feed:") for r in records)
    found = [_RULES[r.rule] for r in records if r.rule in _RULES]
    grounds = [f"{n} by {words}" for words, n in Counter(words for _, words in found).items()]
    grounds += [f"{by_hand} by a person's decision"] if by_hand else []
    sure = "Probable" if any(word == "Probable" for word, _ in found) else "Certain"
    return (
        f"{sure}: {count} records, "
        + (" and ".join(grounds) if grounds else "linked")
        + (f"; {doubtful} of them in review" if doubtful else "")
    )


def waiting(store: Store, patients: Iterable[Fact]) -> list[Waiting]:
    """Return the messages about this person that failed or wait, by state; looked up by the person's numbers."""
    numbers = {
        str(identifier["value"])
        for fact in patients
        for identifier in fact.resource.get("identifier") or ()
        if identifier.get("value")
    }
    found: list[Waiting] = []
    for state in ("dead", "held", "queued"):
        rows = {
            row.mid: row
            for value in sorted(numbers)
            for row in store.search_messages(kind="patient", value=value, state=state, limit=50)
            if ("patient", value) in row.keys
        }
        if rows:
            found.append(Waiting(state, sorted(rows.values(), key=lambda m: -m.mid)))
    return found


def find(
    store: Store, feeds: Mapping[str, Feed], hits: list[PersonHit], now: int, zone: tzinfo
) -> list[tuple[str, Banner, int]]:
    """Return (uid, head, number of records) of found persons; allergies are not looked up for a list of names."""
    found = []
    for hit in hits:
        patients = [fact_of(s, feed_of(store, s.mid)) for s in hit.patients if s.state == 0]
        names = {f.source: feed_words(f.source, feeds, [f]) for f in patients}
        sources = named_sources(names.items())
        found.append((hit.uid, banner(patients, sources, [], now, zone), len(hit.patients)))
    return found


_RULE_WORDS: dict[str, str] = {
    "R1": "Same number.", "R2": "Same particulars.", "merge": "Merged by the sender.",
    "unmerge": "Parted by the sender.",
    "manual": "Decided by a person.", "new": "First record.", "none": "First record.",
}  # fmt: skip


def rule_words(rule: str) -> str:
    """Return a matching rule's id in a few words."""
    return _RULE_WORDS.get(rule, rule)


def record_line(store: Store, feeds: Mapping[str, Feed], patient_id: str, stored: Stored | None) -> dict[str, Any]:
    """Return what one line about a source record shows."""
    patient = json.decode(stored.body) if stored is not None and stored.body else {}
    feed = feed_of(store, stored.mid) if stored is not None else ""
    numbers = [str(i["value"]) for i in patient.get("identifier") or () if i.get("value")]
    gender = str(patient.get("gender") or "")
    return {
        "id": patient_id, "keeper": feed_words(feed, feeds) if patient else "Not received yet",
        "name": best_name(patient) or "Name not recorded", "born": say_when(when(patient.get("birthDate"))),
        "sex": SEX.get(gender, gender), "numbers": numbers,
    }  # fmt: skip
