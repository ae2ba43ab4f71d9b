"""Reads a note: sections, sentences, terms, measurements and doses, and what is said of each."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from unsilo.notes.abbreviations import abbreviations
from unsilo.notes.columns import Columns
from unsilo.notes.context import Span, said_of
from unsilo.notes.dictionary import Dictionary, Entry
from unsilo.notes.dosage import dose_after
from unsilo.notes.model import Fact, Note, Said
from unsilo.notes.plain import Column, Plain, plain_of
from unsilo.notes.quantities import PAIN_SCORE, Quantity, quantities
from unsilo.notes.recognise import Match, matches
from unsilo.notes.sections import NO_SECTION, Section, sections
from unsilo.notes.sentences import sentences
from unsilo.notes.tables import Heading, Sense, confidence, names, rows
from unsilo.notes.times import time_after
from unsilo.notes.tokens import Token, is_shout, tokens

__all__ = ["MOST", "read"]

MOST = 1_000_000
"""Characters of a text that are read; what is longer is cut, and the note says so."""
_LOINC, _ICD10, _UNII = "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm", "http://fdasis.nlm.nih.gov"
_SNOMED = "http://snomed.info/sct"
_PAST = frozenset(("on", "ago", "age"))


class _Concept(NamedTuple):
    """What a sentence names: its tokens, and what it stands for."""

    first: int
    last: int
    entries: list[Entry]
    way: str
    sense: Sense | None = None


class _Here(NamedTuple):
    """Where a sentence stands."""

    text: str
    start: int
    end: int
    heading: Heading
    column: Column | None
    says: str
    wider: frozenset[str]
    shout: bool


def read(text: str | Plain, dictionary: Dictionary, given: Heading = NO_SECTION, *, most: int = MOST) -> Note:
    """Return the facts of a text in order, with places in the text (in the source, when a `Plain` is given).

    `given` is the section that the text as a whole is, when its sender said so. Takes time linear in the text.
    """
    plain = text if isinstance(text, Plain) else plain_of(text)
    words = plain.text[:most]
    facts: list[Fact] = []
    stretches = sections(words, given)
    columns = Columns(plain.columns, words)
    shout = is_shout(words)
    for section in stretches:
        if section.heading.says == "skip":
            continue
        wider: frozenset[str] = frozenset()
        for start, end in sentences(words, section.start, section.end):
            column = columns.at(start)
            says = columns.says(column)
            if says == "skip":
                continue
            here = _Here(words, start, end, section.heading, column, says, wider, shout)
            facts += _sentence(here, dictionary)
            wider = frozenset(words[start:end].lower().replace(",", " ").replace(".", " ").split()[:60])
    columns.govern(facts)
    for fact in facts:
        fact.start, fact.end = plain.span(fact.start, fact.end)
        fact.sentence = plain.span(*fact.sentence)
    return Note(facts, _places(stretches, plain), len(words), len(plain.text) > most)


def _places(stretches: Iterable[Section], plain: Plain) -> list[tuple[str, int, int]]:
    return [(one.heading.key, *plain.span(one.start, one.end)) for one in stretches if one.heading.key]


@cache
def _reactions() -> frozenset[str]:
    return frozenset(row["code"] for row in rows("reactions"))


def _concepts(here: _Here, found: list[Token], dictionary: Dictionary, used: list[bool]) -> list[_Concept]:
    """Return the terms of a sentence that measurements have left, and the abbreviations that are decided."""
    out: list[_Concept] = []
    for match in matches(found, dictionary, shout=here.shout):
        if any(used[match.first : match.last + 1]):
            continue
        after = found[match.last + 1].text.lower() if match.last + 1 < len(found) else ""
        if match.entries[0].kind == "absent" and after == "to":
            continue  # `no allergies to latex` is about latex
        used[match.first : match.last + 1] = [True] * (match.last + 1 - match.first)
        out += _of_match(match)
    for short in abbreviations(found, used, here.wider, shout=here.shout):
        if short.sense is None and not found[short.at].text.isupper():
            continue
        if short.sense is None or short.sense.kind in ("problem", "medication", "problem-procedure"):
            out.append(_Concept(short.at, short.at, [], "abbreviation", short.sense))
    return sorted(out, key=lambda concept: (concept.first, concept.last))


def _of_match(match: Match) -> Iterator[_Concept]:
    """Yield one concept a medicine of a combination, else one for all systems that name it."""
    kinds = {entry.kind for entry in match.entries}
    if "none" in kinds:
        return
    several = [e for e in match.entries if e.kind == "medication" and e.way == "reviewed"]
    if len(several) > 1:
        for entry in several:
            yield _Concept(match.first, match.last, [entry], entry.way)
        return
    yield _Concept(match.first, match.last, match.entries, match.entries[0].way)


def _sentence(here: _Here, dictionary: Dictionary) -> list[Fact]:
    found = tokens(here.text, here.start, here.end)
    used = [False] * len(found)
    measured = list(quantities(here.text, found, here.end))
    for quantity in measured:
        if quantity.code == PAIN_SCORE:
            continue
        used[quantity.first : quantity.last + 1] = [True] * (quantity.last + 1 - quantity.first)
    concepts = _concepts(here, found, dictionary, used)
    if not concepts and not measured:
        return []
    spans = [Span(c.first, c.last, _kind(c), _kind(c) in ("medication", "allergen")) for c in concepts]
    told = said_of(found, spans)
    facts = [_number(here, found, quantity, dictionary) for quantity in measured]
    allergic = False
    for number, (concept, said) in enumerate(zip(concepts, told, strict=True)):
        following = concepts[number + 1].first if number + 1 < len(concepts) else len(found)
        until = found[following].start if following < len(found) else here.end
        fact = _fact(here, found, concept, said, until, dictionary)
        if fact is not None:
            allergic = allergic or (fact.kind == "allergy" and any(s.rule.startswith("allergy") for s in said))
            facts.append(fact)
    if allergic or here.heading.says == "allergy":
        _mark_reactions(facts, here)
    return _once(sorted(facts, key=lambda fact: (fact.start, fact.end)))


def _once(facts: list[Fact]) -> list[Fact]:
    """Return the facts of a sentence without those that only say again what another one says."""
    seen: set[tuple[object, ...]] = set()
    out = []
    for fact in facts:
        same = (fact.kind, tuple(fact.coding), tuple(fact.flags), fact.value, fact.start if not fact.coding else 0)
        if same not in seen:
            seen.add(same)
            out.append(fact)
    return out


def _kind(concept: _Concept) -> str:
    if concept.sense is not None:
        return "procedure" if concept.sense.kind == "problem-procedure" else concept.sense.kind
    kind = concept.entries[0].kind if concept.entries else "undecided"
    return "medication" if kind == "brand" else kind


def _mark_reactions(facts: list[Fact], here: _Here) -> None:
    seen = here.heading.says == "allergy" and here.column is None
    for fact in facts:
        seen = seen or fact.kind == "allergy"
        if fact.kind == "problem" and fact.coding[0][1] in _reactions() and not fact.says("neg"):
            fact.said = [
                *(s for s in fact.said if s.what in ("hist", "reaction")),
                Said("reaction", "allergy.reaction"),
            ]
            fact.said = [s for s in fact.said if s.what == "reaction"]


def _number(here: _Here, found: list[Token], quantity: Quantity, dictionary: Dictionary) -> Fact:
    start, end = found[quantity.first].start, quantity.end
    name = dictionary.display(_LOINC, quantity.code)
    return Fact(
        start, end, here.text[start:end], "measure", [(_LOINC, quantity.code, name)], section=here.heading.key,
        value=quantity.value, unit=quantity.unit, way="number", confidence=confidence()["number"],
        sentence=(here.start, here.end), rules=["unit.implied"] if quantity.implied else [],
    )  # fmt: skip


def _coding(concept: _Concept, dictionary: Dictionary) -> list[tuple[str, str, str]]:
    if concept.sense is not None:
        system = (
            _UNII if concept.sense.kind == "medication" else _SNOMED if "procedure" in concept.sense.kind else _ICD10
        )
        code = dictionary.substance(concept.sense.code) if concept.sense.kind == "medication" else concept.sense.code
        return [(system, code, concept.sense.meaning)]
    found: list[tuple[str, str, str]] = []
    for entry in concept.entries:
        if entry.code and all(entry.system != system for system, _, _ in found):
            found.append((entry.system, entry.code, dictionary.display(entry.system, entry.code)))
    return found


def _fact(
    here: _Here, found: list[Token], concept: _Concept, said: list[Said], until: int, dictionary: Dictionary
) -> Fact | None:
    start, end = found[concept.first].start, found[concept.last].end
    kind = _kind(concept)
    if kind == "undecided":
        return Fact(start, end, here.text[start:end], "undecided", [], section=here.heading.key, way="abbreviation",
                    sentence=(here.start, here.end))  # fmt: skip
    in_allergies = here.heading.says == "allergy" or here.says == "allergy"
    if _is_brand(concept) and not in_allergies:
        said = [s for s in said if s.what != "allergy"]
    allergy = kind in ("medication", "allergen") and (in_allergies or any(s.what == "allergy" for s in said))
    if here.says == "reaction" and kind in ("medication", "allergen"):
        return None
    if kind == "allergen" and not allergy:
        return None
    said = [s for s in said if s.what != "allergy"]
    fact = Fact(
        start, end, here.text[start:end], "allergy" if allergy or kind == "absent" else kind,
        _coding(concept, dictionary), said, here.heading.key, way=concept.way,
        confidence=confidence()[concept.way], sentence=(here.start, here.end),
    )  # fmt: skip
    if kind == "absent":
        fact.said = []
        return fact
    if allergy:
        fact.said = [s for s in said if s.what in ("neg", "poss", "resolved", "fam", "other")]
        return fact
    if kind == "medication":
        _dose(fact, here, end, until)
        # Brands have names of every kind: one is taken for a medicine among medicines, or with a dose.
        if _is_brand(concept) and not (fact.unit or here.heading.key == "medications" or here.says == "medication"):
            return None
    else:
        fact.when = time_after(here.text[end : min(until + 40, here.end, end + 90)] if kind == "problem" else
                               here.text[end : min(here.end, end + 60)])  # fmt: skip
        _past(fact)
    if concept.entries and concept.entries[0].course == "neg":
        fact.said = [s for s in fact.said if s.what != "neg"] or [Said("neg", "term.negated")]
    before = found[concept.first - 1].text.lower() if concept.first else ""
    if before != "on" or kind == "problem":
        _by_section(fact, here)
    fact.said = _agreed(fact.said)
    if here.says == "reaction" and kind == "problem":
        fact.said = [Said("reaction", "column.reaction")]
    return fact


def _is_brand(concept: _Concept) -> bool:
    return bool(concept.entries) and concept.entries[0].kind == "brand"


def _dose(fact: Fact, here: _Here, end: int, until: int) -> None:
    dose = dose_after(here.text, end, until)
    fact.value, fact.unit, fact.route, fact.frequency = dose.value, dose.unit, dose.route, dose.frequency


@cache
def _courses() -> dict[str, str]:
    return {code: course for code, course, _ in names("problems")}


def _agreed(said: list[Said]) -> list[Said]:
    """Return what is said without what follows from the rest: what is over is past, a relative's illness is theirs."""
    found = {each.what for each in said}
    if found & {"fam", "other", "resolved", "stopped"}:
        said = [each for each in said if each.what != "hist"]
    if "other" in found or any(each.who for each in said):
        said = [each for each in said if each.what not in ("fam", "other") or each.who]
    return said


def _past(fact: Fact) -> None:
    """A procedure or an acute illness with a date behind it, or so long ago, is over."""
    course = _courses().get(fact.coding[0][1], "") if fact.coding else ""
    if (
        fact.when is None
        or fact.when[0] not in _PAST
        or any(s.what in ("hist", "neg", "plan", "hyp") for s in fact.said)
    ):
        return
    if fact.kind == "procedure" or (course == "acute" and fact.kind == "problem"):
        if fact.when[0] == "ago" and not fact.when[1].endswith("Y") and fact.kind == "problem":
            return
        fact.said.append(Said("hist", "time.past"))


def _by_section(fact: Fact, here: _Here) -> None:
    says = here.heading.says
    if says in ("hist", "fam", "hyp"):
        if says == "hist" and (fact.kind == "medication" or any(s.what in ("neg", "plan", "hyp") for s in fact.said)):
            return
        if says == "fam" and (fact.says("fam") or fact.says("other")):
            return
        if not fact.says(says):
            fact.said.append(Said(says, f"section.{here.heading.key}"))
    elif says == "plan" and fact.kind == "procedure" and not fact.said:
        fact.said.append(Said("plan", "section.plan"))
