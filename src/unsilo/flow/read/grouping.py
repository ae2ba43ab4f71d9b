"""Facts of the same thing brought together: duplicates counted, disagreements laid side by side with the reason."""

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from unsilo.flow.read.describe import DENIALS, grave, particulars, status_word, subject, title
from unsilo.flow.read.fact import Fact, mark_of, void
from unsilo.flow.read.same import APART, DOMAIN, PLAIN, Alike, Near, alike, strengths
from unsilo.flow.read.words import codeable, fold, quantity
from unsilo.kernel import Json
from unsilo.terminology.same import Reader

__all__ = ["SERIES", "Group", "Side", "group", "is_open", "of_same_thing"]


class Side(msgspec.Struct):
    """What one source says now about the thing, and all its facts of it; `newest` when every side has a date."""

    fact: Fact
    facts: list[Fact]
    newest: bool = False


class Group(msgspec.Struct):
    """All facts of one thing. `verdict`: `single`, `agree`, `series`, `conflict`; `why` says what differs."""

    title: str
    lead: Fact
    sides: list[Side]
    facts: list[Fact]
    verdict: str
    why: str
    pips: list[tuple[str, int]]
    new: int
    grounds: list[tuple[Fact, Fact, str, str]] = []
    """(one, other, words, rule): why facts with different codes or words stand in one group."""
    near: list[Near] = []
    """What is related to the thing and is not it."""

    @property
    def count(self) -> int:
        """Return how many stored facts stand behind this one row."""
        return len(self.facts)


def of_same_thing(facts: Iterable[Fact], keys: Callable[[Fact], list[str]]) -> list[list[Fact]]:
    """Partition facts so that any two which share a key, directly or through others, are together; order is kept."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    first: list[tuple[str, Fact]] = []
    for fact in facts:
        own = keys(fact)
        for key in own:
            parent.setdefault(key, key)
        for key in own[1:]:
            parent[root(key)] = root(own[0])
        first.append((own[0], fact))
    sets: dict[str, list[Fact]] = {}
    for key, fact in first:
        sets.setdefault(root(key), []).append(fact)
    return list(sets.values())


def _stem(words: str) -> str:
    """Return the name before the first digit: `warfarin 3 mg tablet` and `Warfarin 5 mg` are of the same substance."""
    for place, char in enumerate(words):
        if char.isdigit():
            return words[:place].strip(" ,-(")
    return words


def _visit_keys(fact: Fact) -> list[str]:
    """Visits without a date cannot be told apart by a reader: those of one source and name stand as one row."""
    if fact.when.precision:
        return [fact.ref]
    return [f"{fact.source}:{title(fact.resource)}"]


def _single_keys(fact: Fact) -> list[str]:
    return [fact.ref]


_KEYS: dict[str, Callable[[Fact], list[str]]] = {
    "DiagnosticReport": lambda f: f.keys,
    "ServiceRequest": lambda f: f.keys,
    "Encounter": _visit_keys,
}
"""By what facts of the other types, whose codes are not read for their meaning, are of one thing."""

SERIES = frozenset({"DiagnosticReport", "ServiceRequest", "Encounter", "DocumentReference", "Appointment"})
"""Types whose facts of one name are occasions, not repetitions of one statement."""

_OPEN = {"Active", "Recurrence", "Relapse", "Unknown", "Final", "In progress", "Planned", "Booked", "Current", ""}


def _allergy_features(resource: Json) -> dict[str, str]:
    reactions = sorted(
        fold(codeable(m)) for r in resource.get("reaction") or () for m in r.get("manifestation") or () if codeable(m)
    )
    return {
        "status": status_word(resource),
        "certainty": codeable(resource.get("verificationStatus")),
        "criticality": str(resource.get("criticality") or ""),
        "reaction": ", ".join(reactions),
    }


def _condition_features(resource: Json) -> dict[str, str]:
    return {
        "status": status_word(resource),
        "certainty": codeable(resource.get("verificationStatus")),
        "severity": codeable(resource.get("severity")),
    }


def _medication_features(resource: Json) -> dict[str, str]:
    about = dict(particulars(resource))
    kind = str(resource.get("resourceType"))
    doses = ("Ordered", "Taken", "Given", "Directions")
    dose = next((about[name] for name in doses if name in about), "")
    amounts = sorted(
        quantity(part.get("doseQuantity"))
        for dosage in resource.get("dosageInstruction") or ()
        for part in dosage.get("doseAndRate") or ()
        if part.get("doseQuantity")
    )
    status = status_word(resource)
    label = "dispensed dose" if kind == "MedicationDispense" else "dose"
    return {"status": "" if status == "Unknown" else status, label: ", ".join(amounts) or fold(dose)}


_FEATURES: dict[str, Callable[[Json], dict[str, str]]] = {
    "AllergyIntolerance": _allergy_features,
    "Condition": _condition_features,
    "MedicationRequest": _medication_features,
    "MedicationStatement": _medication_features,
    "MedicationDispense": _medication_features,
    "Immunization": lambda r: {"status": status_word(r), "lot": str(r.get("lotNumber") or "")},
    "Procedure": lambda r: {"status": status_word(r)},
}
"""What two sources may disagree about. A feature that one of them does not state is no disagreement."""


def _differences(sides: list[Side], reader: Reader) -> list[str]:
    found: list[str] = []
    named: dict[str, set[tuple[str, ...]]] = {}
    for side in sides if len(sides) > 1 else ():
        if side.fact.type in _STRONG and not void(side.fact) and (said := strengths(side.fact, reader)):
            named.setdefault(side.fact.type, set()).add(said)
    by_type: dict[str, list[dict[str, str]]] = {}
    for side in sides:
        features = _FEATURES.get(side.fact.type)
        if features and not void(side.fact):
            by_type.setdefault(side.fact.type, []).append(features(side.fact.resource))
    for rows in by_type.values():
        for name in rows[0]:
            stated = {row[name] for row in rows if row.get(name)}
            if len(stated) > 1 and name not in found:
                found.append(name)
    if any(len(each) > 1 for each in named.values()):
        found.append("strength")
    return found


def _recent(fact: Fact) -> tuple[int, int]:
    return (fact.when.at, fact.updated)


_STRONG = frozenset(kind for kind, domain in DOMAIN.items() if domain == "medicine")
_LEADS = {"MedicationRequest": 2, "MedicationStatement": 1}


def _leading(fact: Fact) -> tuple[bool, bool, bool, int, int, int]:
    """What a row shows first: open and still sent; the gravest allergy; an order before what was dispensed of it."""
    return (
        status_word(fact.resource) in _OPEN,
        not fact.gone,
        grave(fact.resource),
        _LEADS.get(fact.type, 0),
        *_recent(fact),
    )


def _make(alike: Alike, reader: Reader) -> Group:
    facts = sorted(alike.facts, key=_recent, reverse=True)
    standing = [f for f in facts if not void(f)] or facts
    by_source: dict[tuple[object, ...], Side] = {}
    several = len(standing) > 1
    for fact in standing:
        place: tuple[object, ...] = (fact.source, fact.type)
        if several and fact.type in _STRONG and status_word(fact.resource) in ("Active", "Current"):
            # Two strengths that one source has in use at once are two statements, not an old and a new one.
            place = (*place, strengths(fact, reader))
        if place in by_source:
            by_source[place].facts.append(fact)
        else:
            by_source[place] = Side(fact, [fact])
    sides = list(by_source.values())
    if len(sides) > 1 and all(s.fact.when.precision for s in sides):
        stamps = [s.fact.when.at for s in sides]
        for side, stamp in zip(sides, stamps, strict=True):
            side.newest = stamp == max(stamps) and stamps.count(stamp) == 1
    differs = _differences(sides, reader)
    sources = Counter(f.source for f in facts)
    occasions = all(f.type in SERIES for f in facts)
    alike_word = "series" if occasions else "agree"
    verdict = "conflict" if differs else alike_word if len(facts) > 1 else "single"
    who = "Sources" if len({side.fact.source for side in sides}) > 1 else "Statements"
    why = f"{who} differ in {_listed(differs)}" if differs else ""
    lead = max(standing, key=_leading)
    sides.sort(key=lambda side: side.fact is not lead)
    name = _named(lead, facts)
    if differs and lead.type.startswith("Medication"):
        # A strength in the heading of a row whose doses disagree would read as the answer.
        name = _stem(name) or name
    new = sum(f.new for f in facts)
    return Group(name, lead, sides, facts, verdict, why, list(sources.items()), new, alike.grounds, alike.near)


def _named(lead: Fact, facts: list[Fact]) -> str:
    """Return the leading statement's name; where that is a bare code, the words that another one has for the same."""
    for fact in (lead, *facts):
        about = subject(fact.resource)
        said = (about.get("text"), *(c.get("display") for c in about.get("coding") or () if isinstance(c, dict)))
        if any(said):
            return title(fact.resource)
    return title(lead.resource)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def group(facts: Iterable[Fact], reader: Reader = PLAIN) -> list[Group]:
    """Return one Group a thing: open ones first, newest first among them; withdrawn ones last.

    `reader` tells what is the same across systems of codes; APART takes every statement by itself.
    """
    facts = list(facts)
    if reader is APART:
        sets = [Alike([fact]) for fact in facts]
    else:
        sets = alike((f for f in facts if f.type in DOMAIN), reader)
        others = (f for f in facts if f.type not in DOMAIN)
        sets += map(Alike, of_same_thing(others, lambda f: _KEYS.get(f.type, _single_keys)(f)))
    groups = [_make(part, reader) for part in sets]
    _denials(groups)
    return sorted(groups, key=_place)


def _denies(fact: Fact) -> bool:
    return bool(set(fact.keys) & DENIALS.keys())


def _denials(groups: list[Group]) -> None:
    """Mark a `none known` that stands beside something known: both are shown, and that they disagree."""
    live = [g for g in groups if not void(g.lead)]
    known = [g for g in live if not _denies(g.lead) and status_word(g.lead.resource) not in ("Resolved", "Inactive")]
    for item in live:
        if _denies(item.lead) and known:
            item.verdict, item.why = "conflict", f"Other sources name {len(known)}: {_listed([g.title for g in known])}"


_DONE_IS_FINE = frozenset({"Immunization", "Procedure", "MedicationStatement"})


def _place(item: Group) -> tuple[bool, bool, bool, bool, int, str]:
    lead = item.lead
    word = status_word(lead.resource)
    mark = mark_of(lead)
    closed = word not in _OPEN and not (word == "Completed" and lead.type in _DONE_IS_FINE)
    serious = lead.type == "AllergyIntolerance" and any(grave(s.fact.resource) for s in item.sides)
    shut = closed or bool(mark and mark.tone == "void")
    return (void(lead), shut or _denies(lead), not serious, bool(lead.gone), -lead.when.at, item.title)


def is_open(item: Group) -> bool:
    """Tell whether a group still concerns what is to come: not completed, cancelled or withdrawn."""
    return not _place(item)[1]
