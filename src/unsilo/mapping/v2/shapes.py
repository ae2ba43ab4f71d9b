"""Maps compiled for the shapes of segments that come often: the same rows, without what that shape cannot need."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from unsilo.mapping.compile.shape import Facts, Shape, selectors
from unsilo.mapping.sources import Ref, parse_v2
from unsilo.mapping.v2.forms import formed

if TYPE_CHECKING:
    from unsilo.mapping.model import Draft
    from unsilo.mapping.program import Program
    from unsilo.mapping.rows import MapRow
    from unsilo.mapping.v2.run import V2Run

__all__ = ["Shaped"]

_OFTEN = 24
_MOST = 24
_LABEL = re.compile(r"^[\w.()]*\[[\w-]+\]")


def _side_by_side(segment: str, rows: list[MapRow]) -> list[frozenset[int]]:
    """The fields that fill the same labelled items, of each label that more than one field fills."""
    fields: dict[str, set[int]] = {}
    for row in rows:
        label = _LABEL.match(row.target)
        if label is None or not row.source:
            continue
        with contextlib.suppress(ValueError):
            own = {p.field for p in parse_v2(row.source) if isinstance(p, Ref) and p.segment == segment and p.field}
            fields.setdefault(label[0], set()).update(own)
    return [frozenset(found) for found in fields.values() if len(found) > 1]


class Shaped:
    """A segment's map: the general function, and one for each shape that was seen often enough."""

    def __init__(self, program: Program, name: str) -> None:
        self.program = program
        self.name = name
        self.segment = name.partition("[")[0]
        self.general = program.general(name)
        rows = program.tables.maps.get(name, [])
        self.selectors = sorted(selectors(self.segment, rows).items())
        self.side_by_side = _side_by_side(self.segment, rows)
        self.variants = 0
        self.seen: dict[Any, int] = {}

    def __call__(self, run: V2Run, segment: Any, index: int, draft: Draft) -> None:
        """Fill `draft` from a segment."""
        shape = run.shapes[index]
        if shape is None:
            self.general(run, segment, index, draft)
            return
        fields = segment.fields
        fresh = len(draft.body) == 1
        key: Any = (self, fresh)
        for number, known in self.selectors:
            text = fields[number] if number < len(fields) else ""
            key = (key, text if text in known else None)
        function = shape.functions.get(key)
        (function or self.learn(key, shape, fresh, fields))(run, segment, index, draft)

    def learn(self, key: Any, shape: Shape, fresh: bool, fields: list[str]) -> Any:
        """Count a shape; compile for it when it comes often."""
        times = self.seen.get((shape, key), 0) + 1
        if len(self.seen) < 4096 or times > 1:
            self.seen[shape, key] = times
        if times < _OFTEN or self.variants >= _MOST:
            return self.general
        odd = shape.present - shape.plain
        if any(len(odd & fields) > 1 for fields in self.side_by_side):
            # Items that several repeating fields fill together are counted off by the general map alone.
            shape.functions[key] = self.general
            return self.general
        constants: dict[int, str | None] = {}
        for number, known in self.selectors:
            if number not in shape.present or number in shape.plain:
                text = fields[number] if number < len(fields) else ""
                if not self.program.separator(text):
                    constants[number] = text if text in known else None
        facts = Facts(self.segment, shape.present, shape.plain, constants, fresh)
        self.variants += 1
        plain = self.program.specialised(self.name, facts)
        functions = shape.functions

        def leave() -> None:
            functions[key] = plain

        functions[key] = function = formed(self.program, self.name, facts, plain, leave) or plain
        return function
