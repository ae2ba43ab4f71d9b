"""What the loaded terminologies say of codes, for telling sameness: names, synonyms, maps, hierarchies, ingredients."""

from __future__ import annotations

import re
from collections.abc import Iterable

from unsilo.terminology.model import Concept, Translation
from unsilo.terminology.ports import CodeSystem
from unsilo.terminology.same.meaning import Axes
from unsilo.terminology.same.medicine import known_by_table, without_salt
from unsilo.terminology.same.text import base_key, fold, tokens
from unsilo.terminology.service import Terminology
from unsilo.terminology.translate import translate

__all__ = ["Loaded"]

SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
ICD9 = "http://hl7.org/fhir/sid/icd-9-cm"
UNII = "http://fdasis.nlm.nih.gov"
NDC = "http://hl7.org/fhir/sid/ndc"
_NAMED = frozenset((SNOMED, RXNORM, ICD10, ICD9, UNII, "http://hl7.org/fhir/sid/cvx"))
"""Systems whose names are asked; the names of all others are those that came with the code."""
_MAPPED = frozenset((SNOMED, RXNORM, ICD10, ICD9, UNII, NDC))
_EQUAL = frozenset(("equal", "equivalent"))
_DISJOINT = frozenset(("unmatched", "disjoint"))
_SAME = {"SAME_AS": "same.retired", "REPLACED_BY": "same.retired"}
_TERMS = frozenset(("900000000000013009", "900000000000003001"))
"""SNOMED CT's uses of descriptions: synonym, and fully specified name."""
_TO_INGREDIENT = frozenset((
    "has_ingredient", "has_ingredients", "consists_of", "tradename_of", "form_of", "contains", "has_part",
))  # fmt: skip
"""RxNorm's relations from a product to what it is made of, and from a brand or salt to its ingredient."""
_CATEGORY = re.compile(r"[A-Z][0-9][0-9A-Z](?:\.|$)")
_ABBREVIATION = re.compile(r"^[A-Z0-9]{2,8} - ")
_DEEP = 6
_MOST = 20
_HITS = 12


class Loaded:
    """`Knowledge` from a node's terminology. It asks what is at hand and builds nothing: a system that comes with the
    product and was never used yet is not known until it is."""

    def __init__(self, terminology: Terminology) -> None:
        self._terminology = terminology
        self._substances: dict[str, tuple[tuple[str, ...], str, Axes] | None] = {}
        self._of: object = None

    def state(self) -> object:
        """Return what changes with every import."""
        found = self._terminology.state()
        if found != self._of:
            self._of, self._substances = found, {}
        return found

    def _system(self, url: str) -> CodeSystem | None:
        return self._terminology.system(url) if self._terminology.shelf.is_ready(url) else None

    def _concept(self, system: str, code: str) -> Concept | None:
        found = self._system(system) if system in _NAMED else None
        return found.concept(code) if found is not None else None

    def name(self, system: str, code: str) -> str:
        """Return the display of a code."""
        found = self._system(system) if system in _NAMED else None
        head = found.head(code) if found is not None else None
        return head[1] if head is not None else ""

    def partial(self, system: str) -> bool:
        """Tell whether a system is a fragment, such as a starter set."""
        found = self._system(system) if system in _NAMED else None
        return found is None or found.edition.content != "complete"

    def synonyms(self, system: str, code: str) -> tuple[str, ...]:
        """Return SNOMED CT's further terms of a concept. Those of ICD are examples of what belongs under a code, and
        often narrower: facial pain stands under headache."""
        concept = self._concept(system, code) if system == SNOMED else None
        if concept is None:
            return ()
        terms = (d.term for d in concept.designations if d.use in _TERMS and d.language.startswith("en"))
        return tuple(dict.fromkeys(_ABBREVIATION.sub("", term) for term in terms))[:_MOST]

    def sole(self, system: str, code: str, text: str) -> bool:
        """Tell whether a text names no other active concept of the system than the code."""
        found = self._system(system)
        words = fold(text).split()
        if found is None or not words:
            return False
        key = base_key(tokens(text))
        hits = [n for n, term in found.search(words, _HITS) if base_key(tokens(_ABBREVIATION.sub("", term))) == key]
        return all(head[0] == code for head in found.heads(hits))

    def equal(self, system: str, code: str) -> tuple[tuple[str, str, str], ...]:
        """Return the one code of each other system that maps call equivalent, and what replaced a retired code."""
        found: list[tuple[str, str, str]] = []
        concept = self._concept(system, code)
        for how, other in concept.successors if concept is not None and not concept.active else ():
            if how in _SAME:
                found.append((f"{system}|{other}", _SAME[how], how))
        for target, rows in self._by_target(system, code).items():
            equal = {row.code: row for row in rows if row.equivalence in _EQUAL}
            if len(equal) == 1 and len(rows) == 1:
                row = rows[0]
                found.append((f"{target}|{row.code}", "same.map", _said(row)))
        return tuple(found)

    def overlapping(self, system: str, code: str) -> tuple[tuple[str, str], ...]:
        """Return codes that a map relates to this one without calling both equivalent."""
        found = []
        for target, rows in self._by_target(system, code).items():
            if len(rows) > 1 or rows[0].equivalence not in _EQUAL:
                found += [(f"{target}|{row.code}", _said(row)) for row in rows[:_MOST]]
        return tuple(found)

    def _by_target(self, system: str, code: str) -> dict[str, list[Translation]]:
        found: dict[str, list[Translation]] = {}
        if system not in _MAPPED or not self._terminology.maps_ready(system):
            return found
        code = _eleven(code) if system == NDC else code
        # Decisions about local codes need no asking: they stand beside the local code in every fact.
        for row in translate(self._terminology.shelf, (), system, code, "", "", reverse=False):
            if row.code and row.system != system and row.equivalence not in _DISJOINT and row.system in _MAPPED:
                known = found.setdefault(row.system, [])
                if row.code not in [other.code for other in known]:
                    known.append(row)
        return found

    def above(self, system: str, code: str) -> frozenset[str]:
        """Return the codes above a code; of ICD-10-CM those from the category on, since blocks and chapters only
        collect."""
        if system not in (SNOMED, ICD10) or self._system(system) is None:
            return frozenset()
        codes: Iterable[str] = self._terminology.above(system, code)
        return frozenset(f"{system}|{each}" for each in codes if system == SNOMED or _CATEGORY.match(each))

    def ingredients(self, system: str, code: str) -> tuple[str, ...]:
        """Return the names of the ingredients that RxNorm's relations lead to, from an NDC through its RxNorm code."""
        if system == NDC:
            rows = self._by_target(NDC, code).get(RXNORM, [])
            return self.ingredients(RXNORM, rows[0].code) if len(rows) == 1 else ()
        found = self._system(RXNORM) if system == RXNORM else None
        if found is None or found.property("TTY") is None:
            return ()
        here = {found.find(code)} - {0}
        seen = set(here)
        ends: set[int] = set()
        for _ in range(_DEEP):
            beyond: set[int] = set()
            for number in here:
                further = {t for name, t, _ in found.relations_of(number) if name in _TO_INGREDIENT}
                if further:
                    beyond |= further - seen
                else:
                    ends.add(number)
            seen |= beyond
            here = beyond
            if not here:
                break
        kinds = dict(_kinds(found, ends))
        if any(kinds.get(number) not in ("IN", "PIN") for number in ends):
            return ()  # a way that ends elsewhere would leave an ingredient out
        return tuple(sorted(head[1] for head in found.heads(sorted(ends))))

    def substance(self, name: str) -> tuple[tuple[str, ...], str, Axes] | None:
        """Return the substance of an official or brand name of UNII when it is exactly one, its salt left aside."""
        if name not in self._substances:
            if len(self._substances) > 20_000:
                self._substances = {}
            self._substances[name] = self._found(name)
        return self._substances[name]

    def _found(self, name: str) -> tuple[tuple[str, ...], str, Axes] | None:
        system = self._system(UNII)
        words = name.split()
        if system is None or not words or len(words) > 6:
            return None
        hits = [number for number, term in system.search(words, _HITS) if fold(term) == name]
        heads = system.heads(list(dict.fromkeys(hits)))
        bare = [without_salt(fold(head[1]).split()) for head in heads]
        plain = {" ".join(words) for words, _ in bare}
        if len(plain) != 1:
            return None
        one = plain.pop()
        known = known_by_table(one)
        salts = {salt for _, salt in bare}
        return (
            (known[0] if known is not None else (one,)),
            f"UNII {heads[0][0]}",
            (("salt", salts.pop()),) if len(salts) == 1 and "" not in salts else (),
        )


def _eleven(code: str) -> str:
    """Return an NDC in the eleven digits of 5-4-2, in which RxNorm writes it."""
    parts = code.split("-")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        return code
    return "".join(part.zfill(size) for part, size in zip(parts, (5, 4, 2), strict=True))


def _kinds(system: CodeSystem, numbers: set[int]) -> Iterable[tuple[int, str]]:
    for number, (code, _, _) in zip(sorted(numbers), system.heads(sorted(numbers)), strict=True):
        concept = system.concept(code)
        for name, value, _ in concept.properties if concept is not None else ():
            if name == "TTY":
                yield number, value


def _said(row: Translation) -> str:
    name = row.map_url.rpartition("/")[2] or row.map_url
    return f"{name} {row.map_version}".strip()
