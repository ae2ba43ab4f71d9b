"""Who the person is, put together from all source records, with every disagreement kept in sight."""

from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo

import msgspec

from unsilo.flow.read.describe import DENIALS, grave, particulars, title
from unsilo.flow.read.fact import Fact, Source, mark_of, void
from unsilo.flow.read.grouping import Group
from unsilo.flow.read.sections import NOT_ASKED
from unsilo.flow.read.words import address, age, code_keys, codeable, fold, human_name, say_when, when
from unsilo.kernel import Json

__all__ = [
    "BY_INTERFACE", "BY_SYSTEM", "Allergy", "Banner", "Number", "Stated", "banner", "best_name", "name_within",
    "source_name",
]  # fmt: skip

_NUMBERS: dict[str, str] = {
    "MR": "MRN", "PI": "Patient number", "PT": "Patient number", "SS": "Social security number",
    "NI": "National number", "NH": "Health system number", "HC": "Health card", "DL": "Driver's licence",
    "PPN": "Passport", "AN": "Account", "VN": "Visit number", "MA": "Medicaid number", "MC": "Medicare number",
}  # fmt: skip
"""Identifier types (HL7 table 0203) in words, the one that says most first."""
BY_SYSTEM: dict[str, str] = {
    "http://hl7.org/fhir/sid/us-ssn": "Social security number", "http://hl7.org/fhir/sid/us-mbi": "Medicare number",
    "http://hl7.org/fhir/sid/us-medicare": "Medicare number", "https://fhir.nhs.uk/Id/nhs-number": "NHS number",
}  # fmt: skip
"""Numbers of a whole country by system, for senders who say no type; the same number however it is spaced."""
_OWN_NUMBERS = frozenset(("MRN", "Patient number", "Number"))
"""Kinds of number by which a sender names a record of its own."""
_SPACING = str.maketrans("", "", "- ")
_NO_REACTION = "Reaction not recorded"
SEX = {"male": "Male", "female": "Female", "other": "Other", "unknown": "Unknown"}


class Stated(msgspec.Struct):
    """One attribute: the words shown first, and every other value with the sources that state it."""

    words: str
    others: list[tuple[str, str]]


class Number(msgspec.Struct):
    """An identifier with who assigned it and, when it is no longer good, why."""

    value: str
    assigner: str
    kind: str
    retired: bool


class Allergy(msgspec.Struct):
    """One allergy for the banner: substance, each reaction stated with its source key, and whether sources agree."""

    words: str
    reactions: list[tuple[str, str]]
    conflict: bool
    unsure: str
    severe: bool
    ref: str


class Banner(msgspec.Struct):
    """The head of a person's page. `allergy_state` says in words why there are no allergies, when there are none."""

    name: Stated
    former: list[str]
    born: Stated
    age: str
    sex: Stated
    numbers: list[Number]
    deceased: str
    allergies: list[Allergy]
    allergy_state: str
    addresses: list[str]
    telecoms: list[str]


def best_name(patient: Json) -> str:
    """Return the name to show: official, then usual, then the first that is not old; empty when none is sent."""
    names = [n for n in patient.get("name") or () if isinstance(n, dict)]
    order = {"official": 0, "usual": 1, None: 2, "anonymous": 6, "nickname": 5, "maiden": 4, "temp": 3, "old": 7}
    names.sort(key=lambda n: order.get(n.get("use"), 3))
    return next((words for n in names if (words := human_name(n))), "")


BY_INTERFACE = "FHIR interface"
"""Who is named for what a program wrote, when the record names nobody."""


def source_name(patient: Json) -> str:
    """Return who keeps this source record: managing organisation, else an identifier's assigner, else its system."""
    organisation = patient.get("managingOrganization") or {}
    if organisation.get("display"):
        return str(organisation["display"])
    for identifier in patient.get("identifier") or ():
        assigner = identifier.get("assigner") or {}
        if assigner.get("display"):
            return str(assigner["display"])
    for identifier in patient.get("identifier") or ():
        if identifier.get("system"):
            return str(identifier["system"]).rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    return BY_INTERFACE


def _stated(patients: Iterable[tuple[str, str]], absent: str) -> Stated:
    """Take (words, source name) pairs, newest first; the value most sources state comes first."""
    by_value: dict[str, tuple[str, list[str]]] = {}
    for words, source in patients:
        if words:
            by_value.setdefault(fold(words), (words, []))[1].append(source)
    if not by_value:
        return Stated(absent, [])
    ranked = sorted(by_value.values(), key=lambda v: -len(v[1]))
    return Stated(ranked[0][0], [(words, ", ".join(dict.fromkeys(sources))) for words, sources in ranked[1:]])


def banner(
    patients: list[Fact],
    sources: Mapping[str, Source],
    allergies: list[Group],
    now: int,
    zone: tzinfo = UTC,
) -> Banner:
    """Build the head from the source Patients (as facts) and the allergy groups; `now` is µs since 1970."""
    # A record that its sender merged away comes after those that live, however new its last message.
    ordered = sorted(patients, key=lambda f: (_merged_away(f.resource), -f.updated))
    rows = [(f.resource, sources[f.source].name if f.source in sources else source_name(f.resource)) for f in ordered]
    births = [(say_when(when(p.get("birthDate"))), s) for p, s in rows]
    born = _stated(births, "Not recorded")
    birth = next((when(p.get("birthDate")) for p, _ in rows if say_when(when(p.get("birthDate"))) == born.words), None)
    deaths = [when(p.get("deceasedDateTime")) for p, _ in rows if p.get("deceasedDateTime")]
    dead = bool(deaths) or any(p.get("deceasedBoolean") is True for p, _ in rows)
    end = deaths[0].at if deaths else now
    shown, former = _names(rows)
    return Banner(
        shown,
        former,
        born,
        age(birth, end) if birth and birth.precision and (deaths or not dead) else "",
        _stated([(SEX.get(str(p.get("gender")), str(p.get("gender") or "")), s) for p, s in rows], "Not recorded"),
        _numbers(rows),
        (f"Died {say_when(deaths[0], zone)}" if deaths else "Deceased, date not recorded") if dead else "",
        *_allergies(allergies),
        list(dict.fromkeys(address(a) for p, _ in rows for a in p.get("address") or () if address(a))),
        list(dict.fromkeys(str(t["value"]) for p, _ in rows for t in p.get("telecom") or () if t.get("value"))),
    )


def _merged_away(patient: Json) -> bool:
    """Tell whether another record replaced this one (A40)."""
    return any(isinstance(link, dict) and link.get("type") == "replaced-by" for link in patient.get("link") or ())


def _tokens(words: str) -> list[str]:
    """Return a name's words for comparing: no title, hyphens as spaces."""
    return fold(words.split(" (")[0].replace(",", " ").replace("-", " ").replace(".", " ")).split()


def _covers(small: list[str], large: list[str]) -> bool:
    """Tell whether every word of one name stands in the other, an initial standing for its name."""
    left = list(large)
    for word in sorted(small, key=len, reverse=True):
        found = next((w for w in left if w == word or (len(word) == 1 and w.startswith(word))), None)
        if found is None:
            return False
        left.remove(found)
    return True


def name_within(small: str, large: str) -> bool:
    """Tell whether a name in words only leaves out or shortens what another says."""
    return _covers(_tokens(small), _tokens(large))


def _names(rows: list[tuple[Json, str]]) -> tuple[Stated, list[str]]:
    """Return the name and what else was used; one that only leaves out or shortens given names contradicts nothing."""
    best = [(best_name(p), s) for p, s in rows]
    fullest = sorted((words for words, _ in best if words), key=lambda w: -sum(map(len, _tokens(w))))
    kept = [
        (next((w for w in fullest if _covers(_tokens(words), _tokens(w))), words) if words else "", source)
        for words, source in best
    ]
    shown = _stated(kept, "Name not recorded")
    said = {" ".join(_tokens(w)) for w, _ in kept}
    every = [best_name(p) for p, _ in rows] + [human_name(n) for p, _ in rows for n in p.get("name") or ()]
    former = dict.fromkeys(w for w in every if w and " ".join(_tokens(w)) not in said)
    shortened = {w for w in former if any(_covers(_tokens(w), t.split()) for t in said)}
    return shown, [w for w in former if w not in shortened]


def _numbers(rows: list[tuple[Json, str]]) -> list[Number]:
    found: dict[tuple[str, str], Number] = {}
    for patient, source in rows:
        for identifier in patient.get("identifier") or ():
            value = str(identifier.get("value") or "")
            if not value:
                continue
            assigner = str((identifier.get("assigner") or {}).get("display") or "") or source
            codes = {str(c.get("code")) for c in (identifier.get("type") or {}).get("coding") or ()}
            named = next((_NUMBERS[code] for code in _NUMBERS if code in codes), "")
            system = str(identifier.get("system") or assigner)
            kind = named or BY_SYSTEM.get(system) or codeable(identifier.get("type")) or "Number"
            retired = identifier.get("use") == "old" or bool((identifier.get("period") or {}).get("end"))
            # The number itself went with the record; a passport or insurance number did not.
            retired = retired or (_merged_away(patient) and kind in _OWN_NUMBERS)
            same = value.translate(_SPACING) if system in BY_SYSTEM else value
            found.setdefault((system, same), Number(value, assigner, kind, retired))
    return sorted(found.values(), key=lambda n: (n.retired, n.kind != "MRN", n.assigner))


def _allergies(groups: list[Group]) -> tuple[list[Allergy], str]:
    live = [g for g in groups if not void(g.lead)]
    denied = [g for g in live if set(code_keys(g.lead.resource.get("code"))) & DENIALS.keys()]
    unasked = [g for g in live if set(code_keys(g.lead.resource.get("code"))) & NOT_ASKED.keys()]
    named = [g for g in live if g not in denied and g not in unasked]
    found = []
    for item in named:
        unsure = mark_of(item.lead)
        resolved = codeable(item.lead.resource.get("clinicalStatus")).lower() in ("inactive", "resolved")
        found.append(
            Allergy(
                title(item.lead.resource),
                _reactions(item),
                item.verdict == "conflict" or bool(denied),
                unsure.word if unsure else "Resolved" if resolved else "",
                any(grave(s.fact.resource) for s in item.sides),
                item.lead.ref,
            )
        )
    if found:
        return found, (f"But a source states: {denied[0].title}" if denied else "")
    if denied:
        return [], f"Confirmed: {denied[0].title[0].lower()}{denied[0].title[1:]}"
    if unasked:
        return [], "Not asked"
    return [], "None recorded"


def _reactions(item: Group) -> list[tuple[str, str]]:
    """Return every reaction that a source states, the gravest record first; silence only when nobody states one."""
    sides = sorted(item.sides, key=lambda s: not grave(s.fact.resource))
    found: dict[str, tuple[str, str]] = {}
    for side in sides:
        words = dict(particulars(side.fact.resource)).get("Reaction", _NO_REACTION)
        found.setdefault(fold(words), (words, side.fact.source))
    stated = [pair for pair in found.values() if pair[0] != _NO_REACTION]
    return stated or [(_NO_REACTION, item.lead.source)]
