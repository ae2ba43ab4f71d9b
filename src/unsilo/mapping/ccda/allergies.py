"""What is said of allergies: that there are none, and how severe one is."""

from __future__ import annotations

from typing import Any, Final

from unsilo.formats.ccda import Node
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.ccda.walk import clean_text, path_of

__all__ = ["no_known_text", "outer_severity", "severity_note"]

Rows = list[Row]
_NO_KNOWN: Final = {
    "416098002": "drug", "419511003": "drug", "59037007": "drug", "410942007": "drug", "373873005": "drug",
    "414285001": "food", "418471000": "food", "235719002": "food", "762766007": "food", "255620007": "food",
    "426232007": "environmental",
}  # fmt: skip
"""What an allergy is to by its kind or its substance, both of SNOMED CT, where these name all of a sort."""
_KIND: Final = path_of("value/@code")
_SUBSTANCE: Final = path_of("participant/participantRole/playingEntity/code/@code")
_REACTION: Final = path_of('entryRelationship/observation[kind="reaction"]')
_SEVERITY: Final = path_of('entryRelationship/observation[kind="severity"]/value/@code')


def no_known_text(_run: Any, node: Node, at: Locator, path: str, rule: str, rows: Rows) -> str:
    """In words what a negated allergy to nothing in particular says."""
    kind = _NO_KNOWN.get(_SUBSTANCE.says(node)) or _NO_KNOWN.get(_KIND.says(node), "")
    rows.append(Row(path, rule, f"{at}/@negationInd"))
    return f"No known {kind + ' ' if kind else ''}allergies"


def outer_severity(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """The severity said of the allergy itself, where it has one reaction only that says none (C-CDA 1.1 style)."""
    owner = node.around("observation")
    if owner is None or _REACTION.count(owner) != 1:
        return None
    found = _SEVERITY.first(owner)
    hit = run.program.vocabulary("Severity")[found.get("code") or ""] if found is not None else None
    if found is None or hit is None or not hit.code:
        return None
    rows.append(Row(path, rule, f"{found.path}/@code"))
    return str(hit.code)


def severity_note(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The severity said of the allergy itself as a note, where it is that of no single reaction.

    FHIR R4 has severities of reactions only; that an allergy is severe must not be lost.
    """
    owner = node.parent.parent.parent if node.parent is not None and node.parent.parent is not None else None
    reactions = _REACTION.all(owner) if owner is not None else []
    code = (node.get("code") or "").strip()
    known = run.program.vocabulary("Severity")[code]
    said = [_SEVERITY.says(reaction) for reaction in reactions]
    if code in said or (said == [""] and known is not None and known.code):
        return None  # a reaction has it
    text = path_of("originalText").first(node)
    words, place = (node.get("displayName") or "").strip(), f"{node.path}/@displayName"
    if not words and text is not None:
        words, place = clean_text(text), f"{text.path}/text()"
    if not words and known is not None and known.code:
        words, place = str(known.code), f"{node.path}/@code"
    if not words:
        return None
    rows.append(Row(f"{path}.text", rule, place))
    return {"text": f"Severity: {words}"}
