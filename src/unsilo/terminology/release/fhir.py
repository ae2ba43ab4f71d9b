"""FHIR: CodeSystem, ValueSet and ConceptMap resources, Bundles of them, and packages (FHIR R4 codesystem.html)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from unsilo.kernel import Json, json
from unsilo.terminology.faults import fault
from unsilo.terminology.model import Edition, MapRow, Property, Sink
from unsilo.terminology.translate import concept_map_rows

__all__ = ["KINDS", "LARGE", "load_code_system", "load_collection", "resources"]

KINDS = ("CodeSystem", "ValueSet", "ConceptMap")
LARGE = 300
"""A CodeSystem with so many concepts has an artefact of its own."""
_DEEPEST = 200
_ABOVE = frozenset(("parent", "subsumedBy"))
_GONE = frozenset(("retired", "inactive", "deprecated"))


def resources(content: bytes, name: str) -> Iterator[Json]:
    """Yield the resources of a JSON text: one, a Bundle's, or one a line."""
    try:
        rows = [json.decode(content)]
    except ValueError:
        rows = []
        for number, line in enumerate(content.splitlines(), 1):
            if line.strip():
                try:
                    rows.append(json.decode(line))
                except ValueError as error:
                    text = f"{name}, line {number}: not JSON ({str(error)[:100]})"
                    raise fault("structure", text, rule="terminology.json") from None
    for row in rows:
        if not isinstance(row, dict):
            raise fault("structure", f"{name} is no FHIR resource", rule="terminology.json")
        if row.get("resourceType") == "Bundle":
            entries = row.get("entry") or ()
            yield from (e["resource"] for e in entries if isinstance(e, dict) and isinstance(e.get("resource"), dict))
        else:
            yield row


def _list(said: Json, name: str) -> list[Json]:
    rows = said.get(name) or ()
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list | tuple) else []


def _text(said: Json, name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _value(said: Json) -> tuple[str, str]:
    """Return (type, value) of a concept's property."""
    for key, value in said.items():
        if key.startswith("value"):
            if isinstance(value, dict):
                return "Coding", str(value.get("code", ""))
            return key[5:], str(value).lower() if isinstance(value, bool) else str(value)
    return "", ""


def load_code_system(said: Json, sink: Sink) -> Edition:
    """Hand a CodeSystem over. TerminologyError when it has no address or its concepts nest too deep."""
    url = _text(said, "url")
    if not url:
        raise fault("required", "a CodeSystem without url cannot be used", rule="terminology.url")
    for each in _list(said, "property"):
        sink.property(Property(_text(each, "code"), _text(each, "type") or "string", _text(each, "description"),
                               _text(each, "uri")))  # fmt: skip
    downwards = {_text(p, "code") for p in _list(said, "property")
                 if _text(p, "uri").endswith("concept-properties#child")} | {"child"}  # fmt: skip
    upwards = {_text(p, "code") for p in _list(said, "property")
               if _text(p, "uri").endswith("concept-properties#parent")} | _ABOVE  # fmt: skip
    stack: list[tuple[Iterable[Json], str]] = [(_list(said, "concept"), "")]
    # Declared first: what is said of a concept may name one that comes later.
    rows: list[tuple[Json, str]] = []
    depth = {"": 0}
    while stack:
        concepts, above = stack.pop()
        for each in concepts:
            code = _text(each, "code")
            if depth.get(above, 0) >= _DEEPEST:
                raise fault("too-costly", "concepts nest too deep", rule="terminology.deep")
            depth.setdefault(code, depth.get(above, 0) + 1)
            rows.append((each, above))
            inner = _list(each, "concept")
            if inner:
                stack.append((inner, code))
    for each, _ in rows:
        sink.concept(_text(each, "code"), _text(each, "display"), _is_active(each), _text(each, "definition"))
    for each, above in rows:
        _concept(each, above, sink, upwards, downwards)
    return Edition(
        url, _text(said, "version"), _text(said, "title") or _text(said, "name"), _text(said, "copyright"),
        "complete" if said.get("content", "complete") == "complete" else "fragment",
        said.get("caseSensitive") is not False, _text(said, "language") or "en", _text(said, "valueSet"),
    )  # fmt: skip


def _is_active(concept: Json) -> bool:
    for each in _list(concept, "property"):
        name, value = _text(each, "code"), _value(each)[1]
        if (name == "inactive" and value == "true") or (name == "status" and value in _GONE):
            return False
    return True


def _concept(said: Json, above: str, sink: Sink, upwards: Iterable[str], downwards: Iterable[str]) -> None:
    code = _text(said, "code")
    if above:
        sink.parent(code, above)
    for each in _list(said, "designation"):
        use: Any = each.get("use")
        if _text(each, "value"):
            sink.term(code, _text(each, "value"), _text(each, "language"),
                      _text(use, "code") if isinstance(use, dict) else "")  # fmt: skip
    for each in _list(said, "property"):
        name = _text(each, "code")
        kind, value = _value(each)
        if name in upwards:
            sink.parent(code, value)
        elif name in downwards and kind == "Code":
            sink.parent(value, code)
        elif kind in ("Code", "Coding"):
            sink.relation(code, name, value)
        elif name and kind:
            sink.value(code, name, value)


def load_collection(found: Iterable[Json], sink: Sink, name: str, version: str) -> Edition:
    """Keep resources as they are, and the rows of ConceptMaps as maps."""
    first = 0
    for each in found:
        kind, url = str(each.get("resourceType", "")), _text(each, "url")
        if kind not in KINDS or not url:
            continue
        if kind != "ConceptMap":
            sink.definition(kind, url, _text(each, "version"), json.encode(each))
            continue
        last: dict[int, int] = {}
        for group, source, row in concept_map_rows(each):
            if group.key not in last:
                first += 1
                last[group.key] = first
                own = type(group)(first, *(getattr(group, field) for field in group.__struct_fields__[1:]))
                sink.group(own)
            sink.map(MapRow(last[group.key], source, row[0], row[1], row[2], row[3], row[4], row[5]))
        sink.definition(kind, url, _text(each, "version"), json.encode(each))
    return Edition("", version, name)
