"""What holds between the entries of a Bundle: addresses, ids, references within it (FHIR R4 bundle.html)."""

from __future__ import annotations

import re
from typing import Any

from unsilo.kernel import Json
from unsilo.validation.entries import RELATIVE, REST, Entries, Entry
from unsilo.validation.place import At
from unsilo.validation.run import Run

__all__ = ["check"]

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:", re.ASCII)


def references_of(node: Any, at: At) -> list[tuple[str, At]]:
    """Return every literal reference below a node with its place."""
    found: list[tuple[str, At]] = []
    todo: list[tuple[Any, At]] = [(node, at)]
    while todo:
        here, place = todo.pop()
        if type(here) is not dict:
            continue
        said = here.get("reference")
        if type(said) is str:
            found.append((said, place))
        for key, value in here.items():
            if type(value) is dict:
                todo.append((value, At(place, key, key)))
            elif type(value) is list:
                todo.extend((each, At(place, key, key, i)) for i, each in enumerate(value) if type(each) is dict)
    return found


def _entry_at(at: At, n: int) -> At:
    return At(at, "entry", "entry", n)


def check(bundle: Json, at: At, run: Run) -> None:
    """Check a Bundle beyond its definition; `at` is its own place."""
    entries = run.entries or Entries(bundle)
    _addresses(bundle, entries, at, run)
    kind = bundle.get("type")
    if kind == "searchset":
        _search_set(bundle, at, run)
    if kind in ("document", "message"):
        _first(bundle, "Composition" if kind == "document" else "MessageHeader", at, run)
    for entry in entries.all:
        place = At(_entry_at(at, entry.n), "resource", "resource")
        for reference, where in references_of(entry.resource, place):
            if reference[:1] == "#":
                continue
            _reference(reference, entry, entries, where, run)
    if kind == "document" and entries.all and entries.all[0].resource.get("resourceType") == "Composition":
        _document(entries, at, run)


def _addresses(bundle: Json, entries: Entries, at: At, run: Run) -> None:
    for n, entry in enumerate(bundle.get("entry") or ()):
        url = entry.get("fullUrl") if type(entry) is dict else None
        if type(url) is str and url and _ABSOLUTE.match(url) is None:
            run.error(
                "value", _entry_at(at, n), "bundle.full-url", f"fullUrl must be an absolute address, not {url[:64]!r}"
            )
    if bundle.get("type") in ("batch", "transaction"):
        return
    for entry in entries.all:
        rest = REST.fullmatch(entry.url)
        if rest is None:
            continue
        kind, id_ = entry.identity
        if not id_:
            text = "fullUrl is the address of a server's resource, but the resource has no id"
            run.error("value", _entry_at(at, entry.n), "bundle.id", text)
        elif (kind, id_) != (rest[2], rest[3]):
            text = f"fullUrl says {rest[2]}/{rest[3]}, the resource says {kind[:64]}/{id_[:64]}"
            run.error("value", _entry_at(at, entry.n), "bundle.id", text)


def _search_set(bundle: Json, at: At, run: Run) -> None:
    for n, entry in enumerate(bundle.get("entry") or ()):
        resource = entry.get("resource") if type(entry) is dict else None
        if type(resource) is not dict:
            continue
        search = entry.get("search")
        mode = search.get("mode") if type(search) is dict else None
        here = At(_entry_at(at, n), "resource", "resource")
        outcome = resource.get("resourceType") == "OperationOutcome"
        if mode == "outcome" and not outcome:
            run.error("value", here, "bundle.search", "an entry of mode outcome must be an OperationOutcome")
        if mode == "match" and outcome:
            run.error("value", here, "bundle.search", "an OperationOutcome is no match: its mode is outcome")
        if "id" not in resource and (not outcome or mode == "match"):
            run.error("required", here, "bundle.search", "what a search found must have an id")


def _first(bundle: Json, kind: str, at: At, run: Run) -> None:
    entries = bundle.get("entry")
    first = entries[0].get("resource") if type(entries) is list and entries and type(entries[0]) is dict else None
    if type(first) is not dict or first.get("resourceType") != kind:
        run.error("structure", at, "bundle.first", f"the first entry of a {bundle.get('type')} must be a {kind}")


def _reference(reference: str, entry: Entry, entries: Entries, where: At, run: Run) -> None:
    found = entries.find(reference, entries.base_of(entry.resource))
    if len(found) > 1:
        run.error(
            "structure", where, "bundle.ambiguous", f"{len(found)} entries match the reference {reference[:80]!r}"
        )
        return
    relative = RELATIVE.fullmatch(reference)
    if found and relative is not None and found[0].resource.get("resourceType") != relative[1]:
        text = f"the entry that {reference[:80]!r} leads to is a {found[0].resource.get('resourceType')}"
        run.error("structure", where, "bundle.type", text)


_HEAD = ("subject", "encounter", "author", "attester", "custodian", "event", "section")
"""Elements of a Composition whose references a document must carry with it (FHIR R4 documents.html#content)."""


def _document(entries: Entries, at: At, run: Run) -> None:
    composition = entries.all[0]
    place = At(_entry_at(at, 0), "resource", "resource")
    for key in _HEAD:
        value = composition.resource.get(key)
        for i, each in enumerate(value) if type(value) is list else ((-1, value),):
            for reference, where in references_of(each, At(place, key, key, i)):
                if reference[:1] != "#" and not entries.find(reference, entries.base_of(composition.resource)):
                    text = f"{reference[:80]!r} is not in the bundle: a document carries all that its Composition names"
                    run.error("not-found", where, "bundle.missing", text)
    reached = _reach(entries)
    for entry in entries.all:
        if entry.n not in reached and entry.resource.get("resourceType") != "Provenance":
            text = "this entry cannot be reached from the Composition by references, forward or backward"
            run.error("structure", _entry_at(at, entry.n), "bundle.unreachable", text)


def _reach(entries: Entries) -> set[int]:
    links: dict[int, set[int]] = {entry.n: set() for entry in entries.all}
    for entry in entries.all:
        for reference, _ in references_of(entry.resource, At(None, "", "")):
            found = entries.find(reference, entries.base_of(entry.resource))
            if len(found) == 1:  # a reference that may mean several leads nowhere
                links[entry.n].add(found[0].n)
                links[found[0].n].add(entry.n)
    reached = {entries.all[0].n}
    todo = [entries.all[0].n]
    while todo:
        for n in links[todo.pop()] - reached:
            reached.add(n)
            todo.append(n)
    return reached
