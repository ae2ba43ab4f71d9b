"""Dosages that stand in several segments: route (RXR) and timing (TQ1) join the dose of their order."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple

from unsilo.kernel import Json, Row
from unsilo.mapping.model import Draft
from unsilo.mapping.v2.run import V2Run

__all__ = ["DOSAGES", "Dosages"]

Place = tuple[int, int, int, int, int]
_LIST = "dosageInstruction"
_DOSES = frozenset({"RXO", "RXE", "RXD", "RXG"})


class Part(NamedTuple):
    """What one segment says of a dosage, with its lineage."""

    kind: str
    body: Json
    rows: list[Row]


class Dosages:
    """The parts of one resource's dosages, put together when the message has been read."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.parts: list[Part] = []
        self.items: list[Part] = []

    def end(self) -> None:
        """Join the parts: a timing each, the first route on all of them; further routes are alternatives beside it.

        Timings before the encoded order are those of the order as placed; they count where the encoded order has
        none, or says the same.
        """
        place = next((n for n, part in enumerate(self.parts) if part.kind in _DOSES), 0)
        self.items = [Part(p.kind, p.body, list(p.rows)) for p in self.parts if p.kind in _DOSES]
        timings = [(n < place, part) for n, part in enumerate(self.parts) if part.kind == "TQ1"]
        late = [part for early, part in timings if not early]
        if timings:
            self._renewed()
        for part in late or [part for _, part in timings]:
            self._timing(part)
        for early, part in timings if late else ():
            if early:
                self._same(part)
        for part in self.parts:
            if part.kind == "RXR":
                self._route(part)
        items = self.draft.body.setdefault(_LIST, [])
        for item in self.items:
            self.draft.rows += [Row(f"{_LIST}[{len(items)}].{row[0]}", row[1], row[2]) for row in item.rows]
            items.append(item.body)

    def _renewed(self) -> None:
        """TQ1 takes the place of the quantity and timing that stood in a field of the segment up to v2.4."""
        for item in self.items:
            if item.body.pop("timing", None) is not None:
                item.rows[:] = [row for row in item.rows if not row[0].startswith("timing.")]

    def _timing(self, part: Part) -> None:
        found = next((item for item in self.items if item.body.keys().isdisjoint(part.body.keys() - _SHARED)), None)
        if found is None and self.items:
            first, own = self.items[0], {"timing", "sequence", "asNeededBoolean", "extension", *part.body}
            body = {key: deepcopy(value) for key, value in first.body.items() if key not in own}
            found = Part(first.kind, body, [row for row in first.rows if _head(row) not in own])
            self.items.append(found)
        if found is None:
            found = Part("TQ1", {}, [])
            self.items.append(found)
        _put(found, part)

    def _same(self, part: Part) -> None:
        for item in self.items:
            if all(item.body.get(key) == value for key, value in part.body.items()):
                item.rows.extend(part.rows)
                return

    def _route(self, part: Part) -> None:
        if not self.items:
            self.items.append(Part("RXR", {}, []))
        own = part.body.keys() - _SHARED
        same = [item for item in self.items if all(item.body.get(key) == part.body[key] for key in own)]
        free = [item for item in self.items if item.body.keys().isdisjoint(own)]
        if same:
            same[0].rows.extend(row for row in part.rows if _head(row) in own)
        elif free:
            for item in free:
                _put(item, Part(part.kind, deepcopy(part.body), part.rows))
        else:
            _alternative(self.items[0], part)


_SHARED = frozenset({"extension", "additionalInstruction"})
"""Lists that several segments add to."""


def _head(row: Row) -> str:
    """The element that a row is about."""
    return row[0].partition(".")[0].partition("[")[0].removeprefix("_")


def _put(item: Part, part: Part) -> None:
    """Add a part to a dosage; lists are continued."""
    shifts = {key: len(item.body[key]) for key in _SHARED if key in part.body and key in item.body}
    for key, value in part.body.items():
        if key in shifts:
            item.body[key] += value
        elif key not in item.body:
            item.body[key] = value
    for path, rule, source in part.rows:
        name, _, rest = path.partition("[")
        if name in shifts and rest:  # a list that is emptied has no number
            number, _, tail = rest.partition("]")
            path = f"{name}[{int(number) + shifts[name]}]{tail}"
        item.rows.append(Row(path, rule, source))


def _alternative(item: Part, part: Part) -> None:
    """A further route is another way to give the same dose, not another dose."""
    extensions = item.body.setdefault("extension", [])
    for key, value in part.body.items():
        if not isinstance(value, dict):
            continue
        at = f"extension[{len(extensions)}]"
        extensions.append({"url": f"urn:unsilo:v2:RXR-{key}", "valueCodeableConcept": value})
        item.rows.append(Row(f"{at}.url", part.rows[0][1], None))
        for path, rule, source in part.rows:
            if path.startswith(f"{key}."):
                item.rows.append(Row(f"{at}.valueCodeableConcept{path[len(key) :]}", rule, source))


def _read(run: V2Run, segment: Any, draft: Draft, kind: str) -> Draft:
    """What a segment's map makes, beside the resource it belongs to."""
    part = Draft.new(draft.type, draft.rule, draft.frame, segment)
    part.parent = draft
    run.draft = part
    run.program.general(f"{segment.name}[{kind}]")(run, segment, segment.index, part)
    run.draft = draft
    del part.body["resourceType"]
    return part


def item_of(function: Any, element: str) -> Any:
    """A map that fills one item of a list of a resource, `SAC[Specimen.container]`: each segment is an item."""

    def call(run: V2Run, segment: Any, index: int, draft: Draft) -> None:
        part = Draft.new(draft.type, draft.rule, draft.frame, segment)
        part.parent = draft
        function(run, segment, index, part)
        del part.body["resourceType"]
        draft.mixed = True
        run.touched += 1
        append(draft, element, part)

    return call


def append(draft: Draft, element: str, part: Draft) -> None:
    """Add what a part says as an item of a list."""
    if not part.body:
        return
    items = draft.body.setdefault(element, [])
    draft.rows += [Row(f"{element}[{len(items)}].{row[0]}", row[1], row[2]) for row in part.rows]
    items.append(part.body)


def dosage_part(run: V2Run, node: Any, at: Place, path: str, rule: str, rows: list[Row], body: Json) -> None:
    """Keep what a segment says of a dosage until the message has been read; what else it says is filled now."""
    del at, path, rule, rows, body
    draft = run.draft
    if draft is None:
        return
    if node.name == "TQ1" and draft.type == "MedicationRequest":
        run.program.general("TQ1[MedicationRequest]")(run, node, node.index, draft)
    part = _read(run, node, draft, "Dosage")
    run.draft = draft
    if not part.body:
        return
    held = run.lines.get(id(draft))
    if held is None:
        held = run.lines[id(draft)] = Dosages(draft)
    held.parts.append(Part(node.name, part.body, part.rows))


def compound(run: V2Run, node: Any, at: Place, path: str, rule: str, rows: list[Row], body: Json) -> None:
    """An ingredient (RXC): what the resource names as its medication becomes a Medication of these ingredients."""
    del at, path
    draft = run.draft
    if draft is None:
        return
    key = ("compound", id(draft))
    made: Draft | None = run.notes.get(key)
    if made is None:
        made = run.notes[key] = Draft.new("Medication", rule, draft.frame, node)
        made.parent = draft
        code = body.pop("medicationCodeableConcept", None)
        if code is not None:
            made.body["code"] = code
            prefix = "medicationCodeableConcept"
            made.rows += [Row(f"code{r[0][len(prefix) :]}", r[1], r[2]) for r in rows if r[0].startswith(f"{prefix}.")]
            rows[:] = [row for row in rows if not row[0].startswith(f"{prefix}.")]
        run.drafts.append(made)
        body["medicationReference"] = run.refer(made)
        rows.append(Row("medicationReference.reference", rule, None))
    append(made, "ingredient", _read(run, node, made, "Medication.ingredient"))


DOSAGES: dict[str, Any] = {"dosage_part": dosage_part, "compound": compound}
"""Functions of message rows."""
