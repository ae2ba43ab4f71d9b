"""The shape of clinical documents and of FHIR resources: sections, templates, elements and codes of status."""

from collections.abc import Hashable, Iterator
from typing import Any

from unsilo.flow.shapes.part import ALL, LONGEST, Form, Key, Part
from unsilo.formats.ccda import Document, Node
from unsilo.kernel import Json

__all__ = ["CCDA", "FHIR"]

_STATEMENTS = frozenset(
    (
        "act encounter observation observationMedia organizer procedure regionOfInterest substanceAdministration supply"
    ).split()
)
_MOST = 5_000
"""Statements or resources of one document that are counted."""


def _code(node: Node, name: str, attribute: str) -> str:
    child = node.first(name)
    return ((child.get(attribute) or "") if child is not None else "")[:LONGEST]


def _template(node: Node) -> str:
    """Return the last template that a statement names: the most special one stands last in most documents."""
    named = node.by.get("templateId")
    return (named[-1].get("root") or "")[:64] if named else ""


def _ccda(document: Document) -> list[Part]:
    kind = _code(document.root, "code", "code")
    sections: list[str] = []
    parts: list[Part] = []
    stack = [(top, "") for top in document.tops]
    while stack and len(parts) < _MOST:
        node, section = stack.pop()
        if node.name == "section":
            section = _code(node, "code", "code") or "without code"
            sections.append(section)
        elif node.name == "text" or not node.kids:
            continue
        elif node.name in _STATEMENTS:
            names = tuple(sorted(node.by))
            said = node.first("value")
            value = (said.get("xsi:type") or "")[:LONGEST] if said is not None else ""
            parts.append(
                ("statement", section, node.name, _template(node), names, _code(node, "statusCode", "code"), value)
            )
        stack += [(child, section) for child in node.kids]
    return [("document", kind, tuple(sorted(sections))), *parts]


def _ccda_keys(part: Part) -> Iterator[Key]:
    if part[0] == "document":
        kind = f"type {part[1]}"
        yield Key(ALL, "")
        yield Key(kind, ALL)
        assert isinstance(part[2], tuple)  # noqa: S101 - as `_ccda` made it
        for section in dict.fromkeys(part[2]):
            yield Key(f"section {part[1]} {section}", kind)
        return
    _, section, name, template, names, status, value = part
    what = f"{name} {template or 'without template'}"
    yield Key(f"statements {section}", "")
    yield Key(f"entry {section} {what}", f"statements {section}")
    yield Key(f"statements {what}", "")
    assert isinstance(names, tuple)  # noqa: S101 - as `_ccda` made it
    for element in names:
        yield Key(f"element {what} {element}", f"statements {what}")
    for element, code in (("statusCode", status), ("value", value)):
        if code:
            yield Key(f"code {what} {element} {code}", f"element {what} {element}")


def _fhir(tree: Json) -> list[Part]:
    kind = str(tree.get("resourceType", ""))[:LONGEST]
    parts: list[Part] = [("input", kind)]
    entries = tree.get("entry") if kind == "Bundle" else None
    resources: list[Any] = [tree]
    if isinstance(entries, list):
        resources = [entry.get("resource") for entry in entries[:_MOST] if isinstance(entry, dict)]
    for resource in resources:
        if isinstance(resource, dict):
            names: tuple[Hashable, ...] = tuple(sorted(str(name)[:64] for name in resource))
            status = resource.get("status")
            parts.append((str(resource.get("resourceType", ""))[:64], names, status if isinstance(status, str) else ""))
    return parts


def _fhir_keys(part: Part) -> Iterator[Key]:
    if part[0] == "input":
        yield Key(ALL, "")
        yield Key(f"type {part[1]}", ALL)
        return
    kind, names, status = part
    yield Key("resources", "")
    yield Key(f"resource {kind}", "resources")
    assert isinstance(names, tuple)  # noqa: S101 - as `_fhir` made it
    for name in names:
        if name not in ("resourceType", "id"):
            yield Key(f"element {kind}.{name}", f"resource {kind}")
    if status and len(str(status)) <= LONGEST:
        yield Key(f"code {kind}.status {status}", f"element {kind}.status")


CCDA = Form(_ccda, _ccda_keys)
FHIR = Form(_fhir, _fhir_keys)
