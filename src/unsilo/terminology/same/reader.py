"""From a CodeableConcept to its meaning: each code and text read once and remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from unsilo.terminology.same.allergen import classes, read_allergen
from unsilo.terminology.same.axes import OUTER, cut, merged
from unsilo.terminology.same.judge import verdict_of_senses
from unsilo.terminology.same.meaning import Axes, Meaning, Near, Reading, Sense
from unsilo.terminology.same.medicine import known_by_table, read_medicine
from unsilo.terminology.same.port import NOTHING, Knowledge
from unsilo.terminology.same.problem import asked, near_of, of_code, read_name, refined
from unsilo.terminology.same.tables import axes
from unsilo.terminology.same.text import fold, tokens
from unsilo.terminology.same.vaccine import read_vaccine

__all__ = ["DOMAINS", "Reader"]

DOMAINS = frozenset(("problem", "procedure", "allergen", "medicine", "vaccine"))
STANDARD = frozenset((
    "http://snomed.info/sct", "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm",
    "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-9-cm", "http://hl7.org/fhir/sid/icd-10",
    "http://hl7.org/fhir/sid/cvx", "http://hl7.org/fhir/sid/ndc", "http://fdasis.nlm.nih.gov",
    "http://www.cms.gov/Medicare/Coding/ICD10", "http://www.ama-assn.org/go/cpt", "http://www.whocc.no/atc",
))  # fmt: skip
"""Systems whose codes mean the same wherever they stand; any other code means what its sender's words say."""
_OF_WORDS = OUTER | {"side", "course", "type", "stage"}
"""Axes on which a statement's own words may add to its code."""
_NAME_WORDS = 12
_MOST = 50_000

Json = dict[str, Any]


class Reader:
    """Reads concepts; thread-safe. What it has read is kept until `refresh` finds that its knowledge changed."""

    def __init__(self, knowledge: Knowledge = NOTHING) -> None:
        self.knowledge = knowledge
        self._senses: dict[tuple[str, str, str, str], Sense] = {}
        self._meanings: dict[tuple[object, ...], Meaning] = {}
        self._state: object = None

    def refresh(self) -> object:
        """Forget what was read when the knowledge has changed since; return its state, which changes with it."""
        state = self.knowledge.state()
        if state != self._state or len(self._senses) > _MOST or len(self._meanings) > _MOST:
            # New dicts, so that a thread that reads meanwhile writes what it found into the old ones.
            self._senses, self._meanings, self._state = {}, {}, state
        return state

    def meaning(self, domain: str, concept: Json, words: Sequence[str] = (), standing: str = "") -> Meaning:
        """Return what a concept of a domain (`DOMAINS`) means; `words` say more of it, such as its body site.

        What is said alike gives the same object, as long as `refresh` finds nothing new.
        """
        coding = concept.get("coding")
        codings = [c for c in coding if isinstance(c, dict)] if isinstance(coding, list) else []
        text = str(concept.get("text") or "")
        said = tuple((c.get("system"), c.get("code"), c.get("display")) for c in codings)
        key = (domain, text, said, tuple(words), standing)
        meanings = self._meanings
        try:
            found = meanings.get(key)
        except TypeError:  # an element of another type than R4 has for it
            return Meaning(domain, (), (), standing)
        if found is None:
            found = meanings[key] = self._read(domain, codings, text, words, standing)
        return found

    def _read(self, domain: str, every: list[Json], text: str, words: Sequence[str], standing: str) -> Meaning:
        codings = [c for c in every if c.get("code") and c.get("system")]
        standard = [c for c in codings if c["system"] in STANDARD]
        senses = [self._coded(domain, c, text if len(standard) == 1 else "") for c in standard]
        local = [c for c in codings if c["system"] not in STANDARD]
        senses += [Sense(f"{c['system']}|{c['code']}", "", str(c.get("display") or "")) for c in local]
        if not standard:
            texts = (text, *(c["display"] for c in every if isinstance(c.get("display"), str)))
            said = {("? " if asked(t) else "") + fold(t): t for t in texts if fold(t)}
            senses += [self._sense(domain, "", key, t) for key, t in said.items()]
        more: Axes = ()
        if domain in ("problem", "procedure"):
            for each in (text, *words) if standard else words:
                more = merged(more, _axes_of(each))
        chosen = _consistent(domain, [_refined(sense, more) for sense in senses])
        return Meaning(domain, tuple(chosen), more, standing)

    def confirm(self, one: Meaning, other: Meaning) -> bool:
        """Tell whether the texts of one statement name nothing else than the codes of the other, each way."""
        for texts, codes in ((one, other), (other, one)):
            for text in (sense for sense in texts.senses if sense.token.startswith("words|")):
                for code in (sense for sense in codes.senses if sense.system and not sense.token.startswith("words|")):
                    if not self.knowledge.sole(code.system, code.token.partition("|")[2], text.name):
                        return False
        return True

    def _coded(self, domain: str, coding: Json, text: str) -> Sense:
        return self._sense(domain, str(coding["system"]), str(coding["code"]), str(coding.get("display") or text))

    def _sense(self, domain: str, system: str, code: str, display: str) -> Sense:
        key = (domain, system, code, display)
        senses = self._senses
        found = senses.get(key)
        if found is None:
            found = senses[key] = self._made(domain, system, code, display)
        return found

    def _made(self, domain: str, system: str, code: str, display: str) -> Sense:
        know = self.knowledge
        token = f"{system or 'words'}|{code}"
        own = know.name(system, code) if system else ""
        name = own or display
        synonyms = know.synonyms(system, code) if system and domain in ("problem", "procedure") else ()
        strengths: tuple[str, ...] = ()
        readings: list[Reading] = []
        near: tuple[Near, ...] = ()
        if domain in ("problem", "procedure"):
            readings += of_code(token) if domain == "problem" else ()
            readings += read_name(name, system)
            known = {(r.key, r.axes) for r in readings}
            if own and display and know.partial(system):
                readings += [each for each in read_name(display, system) if each not in readings]
            for term in synonyms:
                readings += [Reading(r.key, r.axes, "same.synonym") for r in read_name(term)
                             if r.key.startswith("n:") and (r.key, r.axes) not in known]  # fmt: skip
            near = near_of(token, tuple(readings))
        elif domain == "vaccine":
            said, near = read_vaccine(token, name)
            readings += said
        elif domain == "allergen":
            made = know.ingredients(system, code) if system else ()
            said, near = read_allergen("+".join(made) if made else name, self._known)
            readings += said
        elif domain == "medicine":
            medicine = read_medicine(name, self._known)
            made = know.ingredients(system, code) if system else ()
            ingredients = tuple(sorted({i for one in made for i in self._substance(one)})) or medicine.ingredients
            strengths = medicine.strengths
            near = tuple(Near(f"i:{one}", "related.ingredient") for one in ingredients)
            near += tuple(each for one in ingredients for each in classes(one))
            if ingredients:
                row = "" if made else " ".join(medicine.rows)
                readings.append(Reading(f"m:{'+'.join(ingredients)}", medicine.axes, "same.ingredient", row))
        over = know.overlapping(system, code) if system else ()
        near += tuple(Near(f"t:{other}", "related.map", row) for other, row in over)
        near += (Near(f"t:{token}", "related.map"),) if system else ()
        equal = know.equal(system, code) if system else ()
        above = know.above(system, code) if system else frozenset()
        return Sense(token, system, name, tuple(dict.fromkeys(readings)), near, equal, above, strengths)

    def _known(self, name: str) -> tuple[tuple[str, ...], str, Axes] | None:
        return known_by_table(name) or self.knowledge.substance(name)

    def _substance(self, name: str) -> tuple[str, ...]:
        return read_medicine(name, self._known).ingredients or (fold(name),)


def _axes_of(text: str) -> Axes:
    words = tokens(text)
    if not words or len(words) > _NAME_WORDS:
        return ()
    return tuple(pair for pair in cut(words, axes())[1] if pair[0] in _OF_WORDS)


def _refined(sense: Sense, more: Axes) -> Sense:
    if not more or not sense.readings:
        return sense
    return msgspec.structs.replace(sense, readings=refined(sense.readings, more))


def _consistent(domain: str, senses: list[Sense]) -> list[Sense]:
    """Keep the codes that may mean one thing: of two that are known not to, the one that says more, else the first."""
    kept: list[Sense] = []
    for sense in senses:
        against = [one for one in kept if _parted(domain, one, sense)]
        if against and not all(_says_more(sense, one) for one in against):
            continue
        kept = [one for one in kept if one not in against]
        kept.append(sense)
    return kept


def _parted(domain: str, one: Sense, other: Sense) -> bool:
    found = verdict_of_senses(domain, one, other)
    return found is not None and found.outcome != "same"


def _says_more(one: Sense, other: Sense) -> bool:
    if other.token in one.above:
        return True
    if one.token in other.above:
        return False
    return max((len(r.axes) for r in one.readings), default=0) > max((len(r.axes) for r in other.readings), default=0)
