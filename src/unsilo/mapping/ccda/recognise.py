"""Find out what sections and entries are: by template, else by their place and code, else by what they hold.

Documents of before C-CDA, and many of today, leave templateIds out or use those of other guides. The tables in
`tables/ccda/recognise` name the kinds. A kind is noted beside a node in memory, never in the bytes, so that the mapping
tables need to know one name for each kind of node.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from unsilo.formats.ccda import Document, Node
from unsilo.mapping.ccda.walk import path_of, valued_node
from unsilo.mapping.values import number

__all__ = ["NONE_KNOWN", "NO_INFORMATION", "OTHER_PERSON", "RISK", "STATEMENTS", "Kinds", "recognise"]

_HL7: Final = "2.16.840.1.113883.10.20."
STATEMENTS: Final = frozenset(
    "act encounter observation observationMedia organizer procedure regionOfInterest substanceAdministration "
    "supply".split()
)
"""The clinical statements of CDA R2."""
_LINKS: Final = ("entry", "entryRelationship", "component")
OTHER_PERSON: Final = "other-person"
NONE_KNOWN: Final = "none-known"
NO_INFORMATION: Final = "no-information"
RISK: Final = "risk"
_FAMILY: Final = frozenset(("family-organizer", "family", "family-history"))
_OPEN: Final = frozenset(
    "other act cluster health-concern intervention planned-act procedure equipment-organizer panel advance-organizer "
    "goal encounter measure-reference administered-act lab-test tested travel expired".split()
)
"""Kinds whose parts are looked at by their content alone."""
_VACCINES: Final = frozenset(("2.16.840.1.113883.12.292", "2.16.840.1.113883.6.59"))
_TYPES: Final = frozenset(
    "PQ CD CE CV CO ST ED INT REAL BL TS TM IVL_TS IVL_PQ IVL_INT IVL_REAL RTO RTO_PQ_PQ PIVL_TS II TEL".split()
)
_READ_AS: Final = {
    "RTO_INT_INT": "RTO", "RTO_QTY_QTY": "RTO", "RTO_MO_PQ": "RTO", "CS": "CE", "CR": "CE", "SC": "ST", "ON": "ST",
    "EN": "ST", "PN": "ST", "URL": "TEL", "PPD_PQ": "PQ", "BIN": "ED", "IVL_REAL_PQ": "IVL_PQ", "PPD_TS": "TS",
    "BN": "BL", "SXCM_TS": "IVL_TS", "SXCM_PQ": "PQ",
}  # fmt: skip
"""Rare data types (CDA R2 data types) -> the one whose parts they have."""
_WHOLE: Final = re.compile(r"[+-]?\d{1,10}")
_PLAIN: Final = {"organizer": "cluster", "act": "act", "observation": "other"}
"""What a statement is that nothing else is known of."""

Kinds = dict[str, list[Node]]


class _Row(NamedTuple):
    kind: str
    via: str
    moods: frozenset[str]
    code: str


@cache
def _lines(name: str) -> list[dict[str, str]]:
    text = files("unsilo.mapping").joinpath("tables", "ccda", "recognise", name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def _full(template: str) -> str:
    return template if template.startswith(("1.3.6.", "2.16.")) else _HL7 + template


@cache
def _sections() -> tuple[dict[str, str], dict[str, str]]:
    """Return template -> kind, and LOINC code -> kind."""
    templates: dict[str, str] = {}
    codes: dict[str, str] = {}
    for row in _lines("sections.csv"):
        for name in row["templates"].split():
            templates.setdefault(_full(name), row["kind"])
        for code in row["loinc"].split():
            codes.setdefault(code, row["kind"])
    return templates, codes


class _Entries(NamedTuple):
    """Template -> (place in the table, kind by element); and rows by (kind around, element), strong ones apart."""

    templates: dict[str, tuple[int, dict[str, str]]]
    places: dict[tuple[str, str], list[_Row]]
    strong: dict[tuple[str, str], list[_Row]]


@cache
def _entries() -> _Entries:
    made = _Entries({}, {}, {})
    for place, line in enumerate(_lines("entries.csv")):
        row = _Row(line["kind"], line["via"], frozenset(line["mood"].split()), line["code"])
        for name in line["templates"].split():
            kinds = made.templates.setdefault(_full(name), (place, {}))[1]
            kinds.setdefault(line["element"], row.kind)
        held = made.strong if line["first"] else made.places
        around = line["in"].split() or ([""] if not line["templates"] or row.code else [])
        for name in around:
            held.setdefault((name, line["element"]), []).append(row)
    return made


_PLANNED: Final = frozenset(("INT", "RQO", "PRP", "ARQ", "APT", "PRMS"))
_IN_PLANS: Final = {
    "immunization": "planned-immunization", "procedure": "planned-procedure", "encounter": "planned-encounter",
    "device-supply": "planned-supply", "dispense": "supply-order",
}  # fmt: skip
"""What a kind is in a mood that says it has not happened."""
_DIAGNOSES: Final = frozenset(
    ("admission-diagnosis", "discharge-diagnosis", "preoperative-diagnosis", "postoperative-diagnosis",
     "encounter-diagnosis", "admission-diagnoses", "discharge-diagnoses", "preoperative-diagnoses",
     "postoperative-diagnoses")
)  # fmt: skip


_MATERIAL: Final = path_of("consumable/manufacturedProduct/manufacturedMaterial/code")
_NOTHING: Final = {
    "medication": frozenset(("410942007",)),
    "planned-medication": frozenset(("410942007",)),
    "procedure": frozenset(("71388002",)),
    "device-supply": frozenset(("49062001", "40388003")),
}
"""Kind -> codes that mean any of its sort: negated, they say that there are none (SNOMED CT)."""


def _names_any(kind: str, node: Node) -> bool:
    """Tell whether a negated statement denies all of its sort: "no medications", "no procedures with implants"."""
    codes = _MATERIAL.owners(node) if kind.endswith("medication") else node.by.get("code", ())
    said = {(c.attrs.get("code") or "").strip() for code in codes for c in (code, *code.by.get("translation", ()))}
    return bool(said & _NOTHING[kind])


def _placed(kind: str, node: Node, around: str) -> str:
    """Return the narrower kind that a mood, or what stands around, makes of a kind."""
    if node.attrs.get("nullFlavor") and node.name not in ("act", "organizer"):
        return NO_INFORMATION
    if kind in _NOTHING and node.attrs.get("negationInd") == "true" and _names_any(kind, node):
        return "no-medications" if kind.endswith("medication") else NONE_KNOWN
    mood = node.attrs.get("moodCode")
    if mood in _PLANNED and kind in _IN_PLANS:
        if kind == "immunization" and node.attrs.get("negationInd") == "true":
            return kind  # not given
        return _IN_PLANS[kind]
    if mood and mood != "EVN" and kind in _OBSERVED:
        return "goal" if mood == "GOL" else "planned-observation" if mood in _PLANNED else RISK
    if kind == "refusal" and not _refused(node):
        return "indication"
    if kind in _STATED and _says_nothing(node):
        return NO_INFORMATION
    if kind == "family" and around != "family-organizer":
        return "family-alone"
    if kind == "supply-order" and around in _ENTRIES:
        return "drug-order"
    if kind == "problem":
        return "diagnosis" if around in _DIAGNOSES else "concern-problem" if around == "health-concern" else kind
    if kind == "instruction" and (around in _ENTRIES or around == "intervention"):
        return "planned-act"
    if kind == "act" and "code" in node.by and _stands_alone(node):
        return "planned-act" if mood in _PLANNED else "procedure"
    if kind == "health-concern" and not _holds_statements(node):
        return "bare-concern"
    return kind


_OBSERVED: Final = frozenset("allergy diagnosis health-status other problem result social vital".split())
"""Kinds that say that something is so: in another mood than EVN it is asked for, aimed at or feared (CDA R2 4.3.6)."""


def _refused(node: Node) -> bool:
    """Tell whether a reason is one for a vaccine not given; without a template it may be one for giving it."""
    link = node.parent
    given = link.parent if link is not None else None
    return "templateId" in node.by or (given is not None and given.attrs.get("negationInd") == "true")


_STATED: Final = frozenset(("allergy", "problem"))
_NOT_SAID: Final = frozenset((None, "NI", "NA"))
_SUBSTANCE: Final = path_of("participant/participantRole/playingEntity")


def _says_nothing(node: Node) -> bool:
    """Tell whether an allergy or problem says by nullFlavor NI that there is no information, and nothing else."""
    if node.attrs.get("negationInd") == "true":
        return False
    said = [*node.by.get("value", ()), *node.by.get("text", ())]
    for entity in _SUBSTANCE.owners(node):
        said += [*entity.by.get("code", ()), *entity.by.get("name", ())]
    nulls = {part.attrs.get("nullFlavor") for part in said}
    return nulls <= _NOT_SAID and "NI" in nulls and not any(map(valued_node, said))


def _holds_statements(node: Node) -> bool:
    """Tell whether a concern has statements of its own inside; acts in it are only links and comments."""
    inside = {child.name for link in node.by.get("entryRelationship", ()) for child in link.kids}
    return bool(inside & (STATEMENTS - {"act"}))


def _stands_alone(node: Node) -> bool:
    """Tell whether an act says something itself: it holds nothing but its reasons and acts about it (comments)."""
    for link in node.by.get("entryRelationship", ()):
        kind = link.attrs.get("typeCode")
        if kind != "RSON" and not (kind == "SUBJ" and all(child.name == "act" for child in link.kids)):
            return False
    return True


def _by_template(node: Node) -> str:
    known = _entries().templates
    best, kind = 1 << 30, ""
    for template in node.by.get("templateId", ()):
        found = known.get((template.attrs.get("root") or "").strip())
        if found is not None and found[0] < best and node.name in found[1]:
            best, kind = found[0], found[1][node.name]
    return kind


def _fits(row: _Row, node: Node, via: str) -> bool:
    if row.via and row.via != via:
        return False
    if row.moods and (node.attrs.get("moodCode") or "EVN") not in row.moods:
        return False
    if not row.code:
        return True
    if row.code == "cvx":
        return _vaccine(node)
    code = node.first("code")
    return code is not None and (code.attrs.get("code") or "").strip() == row.code


def _vaccine(node: Node) -> bool:
    """Tell whether the material of a substance administration is coded as vaccine (CVX)."""
    codes = [said for code in _MATERIAL.owners(node) for said in (code, *code.by.get("translation", ()))]
    return any((said.attrs.get("codeSystem") or "") in _VACCINES for said in codes)


def _kind(node: Node, around: str, via: str) -> str:
    """Return what a statement is, "" for one that is left alone."""
    tables = _entries()
    for row in tables.strong.get((around, node.name), ()):
        if _fits(row, node, via):
            return row.kind
    kind = _by_template(node)
    if kind:
        return kind
    for row in tables.places.get((around, node.name), ()):
        if _fits(row, node, via):
            return row.kind
    free = around in _OPEN or around in _ENTRIES
    for row in tables.places.get(("", node.name), ()):
        if (free or (row.code and row.code != "cvx")) and _fits(row, node, via):
            return row.kind
    if node.name == "organizer" and node.attrs.get("classCode") == "BATTERY":
        return "result-organizer"
    return _PLAIN.get(node.name, "") if free else ""


def section_kind(section: Node) -> str:
    """Return the kind of a section by its templates, else by its LOINC code, "section" for others."""
    templates, codes = _sections()
    for template in section.by.get("templateId", ()):
        kind = templates.get((template.attrs.get("root") or "").strip())
        if kind:
            return kind
    for code in section.by.get("code", ()):
        for said in (code, *code.by.get("translation", ())):
            kind = codes.get((said.attrs.get("code") or "").strip())
            if kind:
                return kind
    return "section"


@cache
def _section_kinds() -> frozenset[str]:
    return frozenset((*(row["kind"] for row in _lines("sections.csv")), "section"))


def recognise(document: Document) -> Kinds:
    """Note the kind of each section and statement; return the statements by kind, in document order.

    Doing it twice changes nothing.
    """
    found: Kinds = {}
    stack: list[tuple[Node, str, str]] = [(document.root, "", "")]
    while stack:
        node, around, via = stack.pop()
        name = node.name
        if name in STATEMENTS and around:
            other = _of_other(node, around)
            kind = node.kind = OTHER_PERSON if other else _placed(_kind(node, around, via), node, around)
            found.setdefault(kind, []).append(node)
            if "value" in node.by:
                _settle_values(node)
            around = kind or "none"
        elif name == "section":
            around = node.kind = section_kind(node)
        elif name in ("text", "recordTarget", "author", "participant"):
            continue
        else:
            via = node.attrs.get("typeCode") or "" if name in _LINKS else via
        if node.kids:
            stack.extend([(child, around, via) for child in reversed(node.kids) if child.kids])
    return found


def _settle_values(node: Node) -> None:
    """Give values the type that was meant; of several let the first that says something stand for the statement.

    `type` without its prefix, in other case or in lower letters is xsi:type all the same (XML Schema part 1, 2.6.1).
    """
    values = node.by["value"]
    for value in values:
        kind = value.attrs.get("xsi:type")
        if kind is None:
            kind = next((said for name, said in value.attrs.items() if name.rpartition(":")[2].lower() == "type"), None)
            if kind is None:
                continue
            value.attrs["xsi:type"] = kind
        bare = kind.strip().rpartition(":")[2]
        if bare not in _TYPES and bare.upper() in _TYPES:
            value.attrs["xsi:type"] = bare = bare.upper()
        if bare in _READ_AS:
            value.attrs["xsi:type"] = bare = _READ_AS[bare]
        if bare in ("INT", "REAL") and not _WHOLE.fullmatch((value.attrs.get("value") or "0").strip()):
            value.attrs["xsi:type"] = "PQ" if bare == "INT" or not _plain_number(value) else bare
    if len(values) > 1:
        chosen = next((v for v in values if not v.attrs.get("nullFlavor")), values[0])
        node.by["value"] = [chosen]


def _plain_number(value: Node) -> bool:
    return number(value.attrs.get("value") or "") is not None


def _of_other(node: Node, around: str) -> bool:
    """Tell whether a statement speaks of somebody else than the patient (CDA R2 4.3.3.6)."""
    if around in _FAMILY or around == OTHER_PERSON:
        return around == OTHER_PERSON
    subject = node.first("subject")
    if subject is None or subject.first("relatedSubject") is None:
        return False
    return _by_template(node) != "family-organizer"


_ENTRIES: Final = _section_kinds()
