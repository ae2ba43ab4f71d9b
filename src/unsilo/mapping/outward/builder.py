"""Make entries of a document by the rows of `entries.csv`."""

from __future__ import annotations

from typing import Any, NamedTuple

from unsilo.kernel import Json
from unsilo.mapping.outward.element import Element
from unsilo.mapping.outward.narrative import Narrative
from unsilo.mapping.outward.record import Record, codings, read
from unsilo.mapping.outward.sources import NOBODY, SOURCES, is_plain, party
from unsilo.mapping.outward.systems import uuid_of
from unsilo.mapping.outward.tables import EntryRow, Step, entries, vocabularies
from unsilo.mapping.outward.times import stamp
from unsilo.mapping.outward.timing import at_event, timed
from unsilo.mapping.outward.values import TYPES, coded, quantity, say, typed

__all__ = ["Builder"]

_PARTIES = frozenset({"author", "author-of-order", "author-of-note", "performer", "place", "organization"})
"""Entries of somebody: they are left out where nobody is named."""
_TIMES = frozenset({"DateTime", "Period", "Instant", "Date"})
_SMOKING = frozenset({"72166-2"})


class _Here(NamedTuple):
    """Where an entry is made: the node at hand, the resource that it is part of, its narrative row, and a number."""

    node: Any
    resource: Json
    row: str
    mark: str


class Builder:
    """Writes entries for a record; `narrative` is the table of the section at hand."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.narrative: Narrative | None = None
        self.tables = entries()
        self.rowed = {name for name, rows in self.tables.items() if any(row.source == "$row" for row in rows)}

    def entry(self, name: str, element: Element, node: Any, resource: Json | None = None) -> bool:
        """Fill an element by the rows of an entry; False when nothing of the node was said in it."""
        return self._fill(name, element, _Here(node, resource if resource is not None else node, "", "0"))

    def _fill(self, name: str, element: Element, here: _Here) -> bool:
        node, resource = here.node, here.resource
        if isinstance(node, dict) and "resourceType" in node:
            resource = node
            if name == "social" and any(c.get("code") in _SMOKING for c in codings(node, "code.coding")):
                name = "smoking"
        row = here.row
        if name in self.rowed and not row and self.narrative is not None and isinstance(node, dict):
            row = self.narrative.row(node)
        here = _Here(node, resource, row, here.mark)
        said = False
        for number, one in enumerate(self.tables[name]):
            said = self._row(one, element, here._replace(mark=f"{here.mark}.{number}")) or said
        return said

    # -- one row ------------------------------------------------------------------------------------------------------

    def _row(self, row: EntryRow, element: Element, here: _Here) -> bool:
        values = self._values(row, here)
        if row.type.startswith(">"):
            return self._nested(row, element, values, here)
        if row.attribute:
            return self._attribute(row, element, values, here)
        if not row.source:
            self._fixed(row, element)
            return False
        if row.type in ("CD1", "timing") or (row.type == "type:IVL_TS" and len(values) > 1):
            values = values[:1]
        said = False
        for value in values:
            held = Element(row.steps[-1].name)
            if self._typed(row, held, value, here):
                self._parent(element, row.steps).kids.append(held)
                said = True
        if not said and row.absent:
            self._absent(row, element, here)
        return said and row.source != "$row"

    def _values(self, row: EntryRow, here: _Here) -> list[Any]:
        if not row.source:
            return []
        if row.source.startswith("$"):
            if row.source == "$row":
                return [here.row] if here.row else []
            function, names = SOURCES[row.source]
            values = function(self.record, here.node, here.resource)
            if here.node is here.resource:
                self.record.note(here.resource, names)
            return values
        values = read(here.node, row.source)
        if here.node is here.resource:
            self._carried(row, here.resource, values)
        return values

    def _carried(self, row: EntryRow, resource: Json, values: list[Any]) -> None:
        """Note what is carried; a choice of a type that has no place in the document is not."""
        name = row.source.partition(".")[0].removesuffix("[1]")
        if not name.endswith("[x]"):
            self.record.note(resource, [name])
            return
        stem = name[:-3]
        kinds = [kind for kind, _ in values]
        fits = [kind for kind in kinds if row.type not in ("time", "interval") or kind in _TIMES]
        self.record.note(resource, [stem + kind for kind in fits])

    def _nested(self, row: EntryRow, element: Element, values: list[Any], here: _Here) -> bool:
        said = False
        name = row.type[1:]
        for number, value in enumerate(values):
            if name in _PARTIES and value != NOBODY and not party(self.record, value):
                continue
            steps, place = row.steps, element
            while steps[0].shared and place.all(steps[0].name):
                place, steps = place.all(steps[0].name)[-1], steps[1:]
            top = held = _made(steps[0])
            for step in steps[1:]:
                inner = _made(step)
                held.kids.append(inner)
                held = inner
            mark = f"{here.mark}.{number}"
            inherited = (
                here.row if not isinstance(value, dict) or "resourceType" not in value or name == "product" else ""
            )
            if value is here.node:
                inherited = here.row
            done = self._fill(name, held, _Here(value, here.resource, inherited, mark))
            if done or name == "assigned" or not isinstance(value, dict) or "resourceType" in value:
                place.kids.append(top)
                said = True
        if not said and row.absent:
            self._fill(name, self._parent(element, (*row.steps, Step(""))), here._replace(node={}))
        return said

    def _attribute(self, row: EntryRow, element: Element, values: list[Any], here: _Here) -> bool:
        text = ""
        for value in values:
            if row.type.startswith("vocab:"):
                key = say(value) if not isinstance(value, dict) else _code(value)
                text = vocabularies()[row.type[6:]].get(key, ("", "", ""))[0]
            else:
                text = say(value) if not isinstance(value, bool) else str(value).lower()
            if text:
                break
        if not text and not row.const:
            return False
        target = self._parent(element, (*row.steps, Step(""))) if row.steps else element
        target.attrs[row.attribute] = text or row.const
        del here
        return bool(text)

    def _fixed(self, row: EntryRow, element: Element) -> None:
        parent = self._parent(element, row.steps)
        if row.type == "template":
            root, _, extension = row.const.partition(":")
            parent.add(row.steps[-1].name, {"root": root, **({"extension": extension} if extension else {})})
            return
        code, system, display = row.const.split("|")
        parent.add(row.steps[-1].name, {"code": code, "codeSystem": system, "displayName": display})

    def _typed(self, row: EntryRow, held: Element, value: Any, here: _Here) -> bool:
        kind, _, rest = row.type.partition(":")
        if kind == "type":
            held.attrs["xsi:type"] = "CD" if rest.startswith("vocab:") else rest
            kind, _, rest = rest.partition(":")
        if kind in ("vocab", "coded"):
            code, system, display = vocabularies()[rest].get(
                say(value) if isinstance(value, str) else _code(value), ("", "", "")
            )
            if code:
                held.attrs |= {"code": code, "codeSystem": system, "displayName": display}
            return bool(code)
        if kind in ("time", "interval"):
            return _choice(held, value[0], value[1], closed=kind == "interval")
        if kind == "value":
            name = f"{here.row}-2" if value[0] in ("String", "CodeableConcept") and here.row else ""
            return typed(held, value[0], value[1], name if value[0] == "CodeableConcept" and say(value[1]) else "")
        if kind == "dose":
            return TYPES["IVL_PQ"](held, value[1], "") if value[0] == "Range" else quantity(held, value[1])
        if kind in ("timing", "event"):
            return timed(held, value) if kind == "timing" else at_event(held, value)
        if kind == "CDR":
            return coded(held, value, f"{here.row}-1" if here.row and say(value) else "")
        if kind == "NOTE":
            _file(held, here.node)
            return TYPES["REF"](held, value, here.row)
        if kind == "REF":
            return TYPES["REF"](held, value, here.row)
        return TYPES["CD" if kind == "CD1" else kind](held, value, "")

    def _absent(self, row: EntryRow, element: Element, here: _Here) -> None:
        held = self._parent(element, row.steps).add(row.steps[-1].name)
        if row.absent != "own":
            held.attrs["nullFlavor"] = row.absent
            if row.type == "value":
                held.attrs = {"xsi:type": "CD", **held.attrs}
            if row.type.startswith("type:"):
                held.attrs = {"xsi:type": row.type[5:], **held.attrs}
            return
        node = here.node if isinstance(here.node, dict) else {}
        if "resourceType" not in node and row.source.startswith("$party"):
            held.attrs["nullFlavor"] = "UNK"
            return
        name = f"{here.resource['resourceType']}/{here.resource.get('id', '')}"
        whole = node is here.resource and row.source not in ("$own", "$fresh", "$organizer")
        held.attrs["root"] = uuid_of(name if whole else f"{name}/{here.mark}")

    def _parent(self, element: Element, steps: tuple[Step, ...]) -> Element:
        """The element that holds the last step: the last one of each name on the way, made where there is none."""
        for step in steps[:-1]:
            there = element.all(step.name)
            if there and not step.new:
                element = there[-1]
            else:
                made = _made(step)
                element.kids.append(made)
                element = made
        return element


def _made(step: Step) -> Element:
    attrs = {"typeCode": step.code} if step.code else {}
    return Element(step.name, {**attrs, "inversionInd": "true"} if step.inverted else attrs)


def _code(value: Json) -> str:
    return next(
        (str(one["code"]) for one in [*codings(value, "coding"), value] if isinstance(one.get("code"), str)), ""
    )


def _file(held: Element, node: Json) -> None:
    """A note that is no plain text stands in its element as base 64."""
    for one in (*read(node, "content.attachment"), *read(node, "presentedForm")):
        kind = str(one.get("contentType", "")).partition(";")[0]
        if isinstance(one.get("data"), str) and kind and not is_plain(one):
            held.attrs |= {"mediaType": kind, "representation": "B64"}
            held.text = one["data"]
            return


def _choice(held: Element, kind: str, value: Any, closed: bool) -> bool:
    """A time of any type: into `low` and `high` elements its start and end, else `value` or an interval."""
    if kind not in _TIMES:
        return False
    if held.name == "low":
        return TYPES["LOW"](held, value, "")
    if held.name == "high":
        return TYPES["HIGH"](held, value, "")
    if closed and not isinstance(value, dict):
        text = stamp(value)
        if text:
            held.add("low", {"value": text})
            held.add("high", {"value": text})
        return bool(text)
    return TYPES["IVL_TS"](held, value, "")
