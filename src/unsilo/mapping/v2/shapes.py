"""Maps compiled for the shapes of segments that come often: the same rows, without what that shape cannot need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unsilo.mapping.compile.shape import Facts, selectors

if TYPE_CHECKING:
    from unsilo.mapping.model import Draft
    from unsilo.mapping.program import Program
    from unsilo.mapping.v2.run import V2Run

__all__ = ["Shaped"]

_OFTEN = 24
_MOST = 48


class Shaped:
    """A segment's map: the general function, and one for each shape that was seen often enough."""

    def __init__(self, program: Program, name: str) -> None:
        self.program = program
        self.name = name
        self.segment = name.partition("[")[0]
        self.general = program.general(name)
        self.selectors = sorted(selectors(self.segment, program.tables.maps.get(name, [])).items())
        self.variants: dict[Any, Any] = {}
        self.seen: dict[Any, int] = {}

    def __call__(self, run: V2Run, segment: Any, index: int, draft: Draft) -> None:
        """Fill `draft` from a segment."""
        shape = run.shapes[index]
        if not shape:
            self.general(run, segment, index, draft)
            return
        fields = segment.fields
        fresh = len(draft.body) == 1
        key: Any = (shape, fresh)
        if self.selectors:
            chosen = [fields[n] if n < len(fields) and fields[n] in known else None for n, known in self.selectors]
            key = (shape, fresh, *chosen)
        function = self.variants.get(key)
        (function or self.learn(key, shape, fresh, fields))(run, segment, index, draft)

    def learn(self, key: Any, shape: Any, fresh: bool, fields: list[str]) -> Any:
        """Count a shape; compile for it when it comes often."""
        times = self.seen.get(key, 0) + 1
        if len(self.seen) < 4096 or key in self.seen:
            self.seen[key] = times
        if times < _OFTEN or len(self.variants) >= _MOST:
            return self.general
        mask, odd = shape
        present = frozenset(n for n, there in enumerate(mask) if there)
        plain = frozenset(n for n in present if not odd or not odd[n])
        constants: dict[int, str | None] = {}
        for n, known in self.selectors:
            if n not in present or n in plain:
                text = fields[n] if n < len(fields) else ""
                if self.program.separator(text):
                    continue
                constants[n] = text if text in known else None
        facts = Facts(self.segment, present, plain, constants, fresh)
        self.variants[key] = function = self.program.specialised(self.name, facts)
        return function
