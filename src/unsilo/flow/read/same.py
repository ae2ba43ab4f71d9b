"""Facts of one thing found among those of one section, whatever system they are coded in, with the grounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from unsilo.flow.read.describe import status_word, subject
from unsilo.flow.read.fact import Fact
from unsilo.flow.read.words import codeable
from unsilo.terminology.same import Meaning, Reader, gather
from unsilo.terminology.same.meaning import Sense

__all__ = ["APART", "DOMAIN", "PLAIN", "Alike", "Near", "alike", "codes_of", "named_code", "strengths"]

PLAIN = Reader()
"""Reads by the tables alone, for where no terminology is at hand."""
APART = Reader()
"""Asks for no bringing together: every statement stands by itself, as it was sent."""

DOMAIN: dict[str, str] = {
    "AllergyIntolerance": "allergen", "Condition": "problem", "MedicationRequest": "medicine",
    "MedicationStatement": "medicine", "MedicationDispense": "medicine", "MedicationAdministration": "medicine",
    "Immunization": "vaccine", "Procedure": "procedure",
}  # fmt: skip
"""How the concept of each resource type is read."""
_PARTED = frozenset(("Entered in error", "Refuted", "Withdrawn", "Not done", "Not to be done"))
"""Standings of a statement that must never be taken together with one that stands."""
_DAY = 86_400_000_000


class Near(msgspec.Struct, frozen=True):
    """What stands near a thing without being it: its first fact, the rule in words, and the rule's id."""

    fact: Fact
    words: str
    rule: str


class Alike(msgspec.Struct):
    """Facts of one thing; `grounds` are (one, other, words of the rule, its id), `near` what is related."""

    facts: list[Fact]
    grounds: list[tuple[Fact, Fact, str, str]] = []
    near: list[Near] = []


def _meaning(fact: Fact, reader: Reader, state: object) -> Meaning:
    known = fact.memo.get("same")
    if known is not None and known[0] is reader and known[1] == state:
        return known[2]  # type: ignore[no-any-return]
    mark = fact.standing
    standing = mark.word if mark is not None and mark.word in _PARTED else ""
    sites = fact.resource.get("bodySite")
    words = [text for site in (sites if isinstance(sites, list) else ()) if (text := codeable(site))]
    made = reader.meaning(DOMAIN[fact.type], subject(fact.resource), words, standing)
    if not made.senses:
        made = Meaning(made.domain, (Sense(f"id|{fact.ref}", "", ""),), made.axes, standing)
    fact.memo["same"] = (reader, state, made)
    return made


def strengths(fact: Fact, reader: Reader) -> tuple[str, ...]:
    """Return the strengths that a medicine's name says."""
    if DOMAIN.get(fact.type) != "medicine":
        return ()
    found = fact.memo.get("same")
    meaning: Meaning = (
        found[2] if found is not None and found[0] is reader else _meaning(fact, reader, reader.refresh())
    )
    return meaning.strengths


def _part(fact: Fact) -> str:
    """What keeps facts apart before their meaning is asked: an act on another day is another act."""
    if fact.type in ("Immunization", "Procedure"):
        day = fact.when
        stamp = f"{day.at // _DAY}" if day.precision in ("day", "minute") else f"{day.precision}{day.at}"
        return f"{fact.type}:{stamp}"
    return "given" if fact.type == "MedicationAdministration" else DOMAIN[fact.type]


def alike(facts: Iterable[Fact], reader: Reader) -> list[Alike]:
    """Partition facts of the types of DOMAIN into those of one thing, in the order of their first facts."""
    state = reader.refresh()
    parts: dict[str, list[Fact]] = {}
    for fact in facts:
        parts.setdefault(_part(fact), []).append(fact)
    return [each for part in parts.values() for each in _together(part, reader, state)]


def _together(facts: Sequence[Fact], reader: Reader, state: object) -> list[Alike]:
    if len(facts) == 1:
        return [Alike(list(facts))]
    found = gather([_meaning(fact, reader, state) for fact in facts], reader.confirm)
    sets = [
        Alike(
            [facts[place] for place in places],
            [(facts[g.one], facts[g.other], g.verdict.words, g.verdict.rule) for g in grounds],
        )
        for places, grounds in zip(found.sets, found.grounds, strict=True)
    ]
    for ground in found.related:
        one, other = sets[ground.one], sets[ground.other]
        one.near.append(Near(_first(other), ground.verdict.words, ground.verdict.rule))
        other.near.append(Near(_first(one), ground.verdict.words, ground.verdict.rule))
    return sets


def _first(each: Alike) -> Fact:
    return max(each.facts, key=lambda f: (status_word(f.resource) == "Active", f.when.at, f.updated))


_SHORT = {
    "http://snomed.info/sct": "SNOMED CT", "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM", "http://hl7.org/fhir/sid/icd-9-cm": "ICD-9-CM",
    "http://hl7.org/fhir/sid/cvx": "CVX", "http://hl7.org/fhir/sid/ndc": "NDC", "http://fdasis.nlm.nih.gov": "UNII",
    "http://loinc.org": "LOINC",
}  # fmt: skip


def codes_of(fact: Fact) -> list[str]:
    """Return each code of what a fact is about with the name of its system: `ICD-10-CM I21.9`."""
    found = []
    for coding in subject(fact.resource).get("coding") or ():
        if isinstance(coding, dict) and coding.get("code"):
            system = str(coding.get("system") or "")
            found.append(named_code(f"{system}|{coding['code']}"))
    return list(dict.fromkeys(found))


def named_code(token: str) -> str:
    """Return `system|code` with the system's name instead of its address."""
    system, _, code = token.partition("|")
    return f"{_SHORT.get(system, 'local code')} {code}"
