"""Patient Demographics Query (ITI-21, QBP^Q22): who meets the criteria, one PID a person, in parts when wanted."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from unsilo.config import Feed
from unsilo.flow.golden.person import golden_of
from unsilo.flow.golden.survive import Golden
from unsilo.flow.ihe.domains import cx, is_known, system_of
from unsilo.flow.ihe.pix import Known
from unsilo.flow.ihe.rsp import Fault, joined
from unsilo.flow.persons.replaced import replaced_links
from unsilo.formats.hl7v2 import Segment
from unsilo.kernel import Json, json
from unsilo.mapping.outward import pid_fields
from unsilo.search import parse, plan

__all__ = ["Pointers", "Rest", "domains", "page", "persons"]

_MAIDEN = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
_MOST_POINTERS = 1000


class Rest(msgspec.Struct):
    """What of an answer is still to come: whose query it was, the persons left, the domains that are wanted."""

    owner: str
    tag: str
    asked: str
    persons: list[int]
    systems: tuple[str, ...]
    until: float = 0.0


class Pointers:
    """Continuation pointers of this node: each is good once, for its feed and query, for some minutes."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._lock = seconds, threading.Lock()
        self._held: OrderedDict[str, Rest] = OrderedDict()

    def keep(self, rest: Rest) -> str:
        """Return a pointer to the rest; the oldest gives way when very many are open."""
        pointer = secrets.token_urlsafe(18)
        with self._lock:
            rest.until = time.monotonic() + self._seconds
            self._held[pointer] = rest
            while len(self._held) > _MOST_POINTERS:
                self._held.popitem(last=False)
        return pointer

    def take(self, pointer: str, owner: str, asked: str) -> Rest | None:
        """Return what a pointer leads to, once; None when it is not known, not the asker's, or over."""
        with self._lock:
            found = self._held.get(pointer)
            if found is None or (found.owner, found.asked) != (owner, asked):
                return None
            del self._held[pointer]
        return found if found.until >= time.monotonic() else None

    def cancel(self, owner: str, tag: str) -> int:
        """Forget what is left of a query (QCN^J01); return how many pointers there were."""
        with self._lock:
            gone = [key for key, rest in self._held.items() if (rest.owner, rest.tag) == (owner, tag)]
            for key in gone:
                del self._held[key]
        return len(gone)


def domains(qpd: Segment, field: int, feed: Feed, known: Known) -> tuple[list[str], list[Fault]]:
    """Return the systems of What Domains Returned, and a fault for each repetition that is not recognised."""
    systems: list[str] = []
    faults: list[Fault] = []
    for rep in range(min(qpd.count(field), 200)):
        parts = [qpd.get(field, rep, 4, at) for at in (1, 2, 3)]
        system = system_of(feed, *parts) if any(parts) else ""
        if system and is_known(known.reads, known.predicate, known.vocabulary, known.settings, system):
            systems.append(system)
        elif any(parts) or qpd.get(field, rep):
            faults.append(Fault(("QPD", 1, field, rep + 1), "204", "this domain is not known"))
    return list(dict.fromkeys(systems)), faults


def persons(known: Known, pairs: Sequence[tuple[str, str]]) -> tuple[list[int], list[Fault]]:
    """Return the persons one of whose records meets all criteria, each once; too many are a fault, not a cut list."""
    search, issues = parse("Patient", pairs, known.vocabulary, kin=False)
    if search is None or issues:
        text = issues[0].text if issues else "this cannot be asked"
        return [], [Fault(("QPD", 1, 3), "102", text)]
    most = known.settings.ihe.answer_persons
    made = plan(search, known.predicate, known.vocabulary)
    asked = msgspec.structs.replace(
        made, count=most * 2 + 1, sort=(), includes=(), total="none", only_count=False, after=None
    )  # fmt: skip
    rows = known.reads.search(asked).rows
    found: dict[int, None] = {}
    for row in rows:
        person = known.store.person_of(row.id) if not replaced_links(json.decode(row.body)) else None
        if person is not None:
            found[person] = None
    if len(found) > most or len(rows) > most * 2:
        text = f"more than {most} persons meet this; say more of whom is meant"
        return [], [Fault(("QPD", 1, 3), "207", text)]
    return list(found), []


def _pids(known: Known, feed: Feed, rest: Rest) -> Iterator[tuple[int, int, str]]:
    """Yield (place, person, PID) of those that have a number of the wanted domains."""
    feeds = [feed, *known.settings.feeds.values()]
    for at, person in enumerate(rest.persons):
        golden = golden_of(known.store, known.reads, known.predicate, known.settings, person)
        line = _pid(golden, feeds, rest.systems) if golden is not None else ""
        if line:
            yield at, person, line


def page(known: Known, feed: Feed, rest: Rest, limit: int) -> tuple[list[str], list[int], list[int]]:
    """Return PID segments of the next `limit` persons (0 for all), whose they are, and the persons after them."""
    lines: list[str] = []
    shown: list[int] = []
    for at, person, line in _pids(known, feed, rest):
        if limit and len(lines) == limit:
            return lines, shown, rest.persons[at:]
        lines.append(f"PID|{len(lines) + 1}|{line.partition('|')[2].partition('|')[2]}")
        shown.append(person)
    return lines, shown, []


def _pid(golden: Golden, feeds: Sequence[Feed], systems: Sequence[str]) -> str:
    """Return the PID of a golden record, "" when none of its numbers is of the wanted domains (3.21.4.2.2.8 case 2)."""
    patient: Json = {"resourceType": "Patient", "id": "x"}
    for one in golden.chosen:
        if isinstance(one.value, dict) and one.name not in ("maritalStatus",):
            patient.setdefault(one.name, []).append(one.value)
        else:
            patient[one.name] = one.value
    numbers = [item for item in patient.get("identifier", []) if _whole(item)]
    accounts = [item for item in numbers if _type(item) == "AN"]
    own = [item for item in numbers if item not in accounts]
    wanted = [item for item in own if not systems or item["system"] in systems]
    if not wanted:
        return ""
    fields = pid_fields({key: value for key, value in patient.items() if key != "identifier"})
    fields += [""] * (19 - len(fields))
    wanted.sort(key=lambda item: (item["system"], item["value"]))
    fields[3] = "~".join(joined(cx(feeds, item)) for item in wanted)
    maiden = [item.get("valueString") for item in patient.get("extension", []) if item.get("url") == _MAIDEN]
    if maiden and isinstance(maiden[0], str):
        fields[6] = joined([maiden[0]])
    if accounts:
        fields[18] = joined(cx(feeds, accounts[0]))
    while fields and not fields[-1]:
        fields.pop()
    return "|".join(fields)


def _whole(item: Any) -> bool:
    return isinstance(item, dict) and bool(item.get("system")) and bool(item.get("value")) and item.get("use") != "old"


def _type(item: Json) -> str:
    kind = item.get("type")
    codings = kind.get("coding") if isinstance(kind, dict) else None
    return next((str(c.get("code")) for c in codings or () if isinstance(c, dict)), "")
