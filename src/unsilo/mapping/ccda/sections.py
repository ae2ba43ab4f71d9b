"""Sections of a document as `Composition.section`, with their narrative."""

from __future__ import annotations

from typing import Any

from unsilo.formats.ccda import Node
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.ccda.narrative import xhtml
from unsilo.mapping.ccda.walk import clean_text, path_of
from unsilo.mapping.runtime import NOTHING

__all__ = ["section", "section_code"]

_DEEPEST = 20
_SYSTEM = ("codeSystem", "codeSystemName")
_EMPTY = "http://terminology.hl7.org/CodeSystem/list-empty-reason"


def section(run: Any, node: Node, at: Locator, path: str, rule: str, rows: list[Row], depth: int = 0) -> Json | None:
    """One section with title, code, narrative and the sections in it; its entries are added when all ids are known."""
    made: Json = {}
    title = path_of("title").first(node)
    if title is not None and (text := clean_text(title)):
        made["title"] = text
        rows.append(Row(f"{path}.title", rule, f"{title.path}/text()"))
    code = path_of("code").first(node)
    if code is not None and (coded := concept(run, code, f"{path}.code", rule, rows)):
        made["code"] = coded
    narrative = path_of("text").first(node)
    if narrative is not None and _says_something(narrative):
        made["text"] = {"status": "additional", "div": xhtml(narrative)}
        rows.append(Row(f"{path}.text.status", rule, None))
        rows.append(Row(f"{path}.text.div", rule, f"{narrative.path}/text()"))
    null = (node.get("nullFlavor") or "").strip()
    if null:
        made["emptyReason"] = {"coding": [{"system": _EMPTY, "code": "unavailable"}]}
        rows.append(Row(f"{path}.emptyReason.coding[0].system", rule, None))
        rows.append(Row(f"{path}.emptyReason.coding[0].code", rule, f"{at}/@nullFlavor"))
    none = path_of('entry/*[kind="none-known"]/@negationInd').first(node) if not null else None
    if none is not None:
        made["emptyReason"] = {"coding": [{"system": _EMPTY, "code": "nilknown"}]}
        rows.append(Row(f"{path}.emptyReason.coding[0].system", rule, None))
        rows.append(Row(f"{path}.emptyReason.coding[0].code", rule, f"{none.path}/@negationInd"))
    written = _authors(run, node, path, rule, rows)
    if written:
        made["author"] = written
    inner: list[Json] = []
    for child in path_of("component/section").all(node) if depth < _DEEPEST else ():
        below = section(run, child, child.path, f"{path}.section[{len(inner)}]", rule, rows, depth + 1)
        if below:
            inner.append(below)
    if inner:
        made["section"] = inner
    if made:
        run.sections[node] = (made, path)
    return made or None


def _authors(run: Any, node: Node, path: str, rule: str, rows: list[Row]) -> list[Json]:
    """Who wrote a section, where it says so itself: people, and programs."""
    found: list[Json] = []
    for author in path_of("author/assignedAuthor").all(node):
        device = "assignedAuthoringDevice" in author.by and "assignedPerson" not in author.by
        name = "AuthoringDevice[Device]" if device else "AssignedAuthor[Practitioner]"
        draft = run.make(run.program.maker(name, "node"), author, rule, NOTHING)
        reference = run.refer(draft) if draft is not None else None
        if reference is not None and reference not in found:
            rows.append(Row(f"{path}.author[{len(found)}].reference", rule, run.again))
            found.append(reference)
    return found


def _says_something(node: Node) -> bool:
    """Tell whether there is any text below a node."""
    return any(n.text or (n.tail and n is not node and not n.tail.isspace()) for n in node.iter())


def concept(run: Any, node: Node, path: str, rule: str, rows: list[Row]) -> Json | None:
    """A code element as CodeableConcept with one coding."""
    code, at = (node.get("code") or "").strip(), node.path
    if not code:
        return None
    coding: Json = {"code": code}
    rows.append(Row(f"{path}.coding[0].code", rule, f"{at}/@code"))
    system = run.uri_of(node.get("codeSystem") or "")
    if system:
        coding = {"system": system, "code": code}
        rows += [Row(f"{path}.coding[0].system", rule, f"{at}/@{a}") for a in _SYSTEM if node.get(a)]
    if display := (node.get("displayName") or "").strip():
        coding["display"] = display
        rows.append(Row(f"{path}.coding[0].display", rule, f"{at}/@displayName"))
    return {"coding": [coding]}


def section_code(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: list[Row]) -> Json | None:
    """The code of the section around an entry, as a category that claims no more than the document does."""
    around = node.around("section")
    code = path_of("code").first(around) if around is not None else None
    return concept(run, code, path, rule, rows) if code is not None else None
