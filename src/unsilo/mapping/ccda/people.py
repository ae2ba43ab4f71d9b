"""What names people and what they can do: names of many parts, languages, who wrote down a concern."""

from __future__ import annotations

from typing import Any, Final

from unsilo.formats.ccda import Node
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.ccda.authorities import code_system
from unsilo.mapping.ccda.walk import clean_text, path_of
from unsilo.mapping.runtime import NOTHING

__all__ = [
    "concern_author",
    "concern_time",
    "family_parts",
    "family_when",
    "person_words",
    "proficiency",
    "step_number",
]

Rows = list[Row]
_PROFICIENCY: Final = "http://hl7.org/fhir/StructureDefinition/patient-proficiency"
_ABILITIES: Final = (("modeCode", "type"), ("proficiencyLevelCode", "level"))


def _words(parts: list[Node], path: str, rule: str, rows: Rows) -> str | None:
    said = []
    for part in parts:
        if text := clean_text(part):
            said.append(text)
            rows.append(Row(path, rule, f"{part.path}/text()"))
    return " ".join(said) or None


def family_parts(_run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """A family name of several parts, in order; a name at birth (`BR`) beside another is not one of them."""
    owner = node.parent
    parts = owner.by["family"] if owner is not None else [node]
    now = [part for part in parts if "BR" not in (part.get("qualifier") or "").split()]
    return _words(now or parts, path, rule, rows)


def family_when(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The time of a relative's condition as a note beside the age at which it began: FHIR R4 has one onset only."""
    for way in ("effectiveTime/@value", "effectiveTime/low/@value"):
        time = path_of(way).first(node)
        when = run.dateTime[(time.get("value") or "").strip()] if time is not None else None
        if time is not None and when:
            rows.append(Row(f"{path}.text", rule, f"{time.path}/@value"))
            return {"text": f"{when} (time of the condition)"}
    return None


def person_words(_run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """A person's name as words: its parts in order, else its text."""
    return _words(node.kids or [node], path, rule, rows)


def proficiency(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """How well a patient uses a language, and in which way, as FHIR R4's extension patient-proficiency."""
    parts: list[Json] = []
    for name, url in _ABILITIES:
        found = path_of(f"{name}[@code]").first(node)
        if found is None:
            continue
        here = f"{path}.extension[{len(parts)}]"
        coding: Json = {"code": (found.get("code") or "").strip()}
        rows += [Row(f"{here}.url", rule, None), Row(f"{here}.valueCoding.code", rule, f"{found.path}/@code")]
        if system := code_system(run, found, found.path, f"{here}.valueCoding.system", rule, rows):
            coding["system"] = system
        if display := (found.get("displayName") or "").strip():
            coding["display"] = display
            rows.append(Row(f"{here}.valueCoding.display", rule, f"{found.path}/@displayName"))
        parts.append({"url": url, "valueCoding": coding})
    rows.append(Row(f"{path}.url", rule, None))
    return {"url": _PROFICIENCY, "extension": parts}


def _concern(node: Node) -> Node | None:
    """The concern act that an observation stands in."""
    act = node.around("act")
    return act if act is not None and act.kind.endswith("concern") else None


def concern_time(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """When a problem or allergy that names no author itself was written down: the time of its concern's author."""
    act = _concern(node)
    time = path_of("author/time/@value").first(act) if act is not None else None
    when: str | None = run.dateTime[(time.get("value") or "").strip()] if time is not None else None
    if time is None or when is None:
        return None
    rows.append(Row(path, rule, f"{time.path}/@value"))
    return when


def concern_author(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """Who wrote down a problem or allergy that names no author itself: the author of its concern."""
    act = _concern(node)
    author = path_of("author/assignedAuthor").first(act) if act is not None else None
    if author is None or not ("assignedPerson" in author.by or path_of("id/@extension").first(author)):
        return None
    made = run.make(run.program.maker("AssignedAuthor[Practitioner]", "node"), author, rule, NOTHING)
    if made is None:
        return None
    rows.append(Row(f"{path}.reference", rule, run.again))
    reference: Json = run.refer(made)
    return reference


def step_number(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> int | None:
    """The place of a dosing step among those of its medication: the sequence number of the link to it."""
    link = node.parent
    if link is None or link.name != "entryRelationship" or "templateId" in node.by:
        return None
    number = path_of("sequenceNumber/@value").first(link)
    value: int | None = run.positiveInt[(number.get("value") or "").strip()] if number is not None else None
    if number is None or value is None:
        return None
    rows.append(Row(path, rule, f"{number.path}/@value"))
    return value
