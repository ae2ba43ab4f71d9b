"""Expressions that are no plain paths: FHIRPath is run, and what comes out is read by its type."""

from typing import Any, Final

from unsilo.fhir.index import values
from unsilo.fhir.index.rows import IndexRows
from unsilo.fhir.index.trie import Conversion, conversions, with_text
from unsilo.fhir.path import Context, PathError, by_type
from unsilo.fhir.path.checking import check
from unsilo.fhir.path.run import Path, compile_once
from unsilo.kernel import Json
from unsilo.spec.parameters import SearchParameter

__all__ = ["Interpreted", "interpreted"]

_BUDGET: Final = 20_000
_MOST: Final = 1000
_SYSTEM: Final = {
    "System.Boolean": "boolean", "System.String": "string", "System.Integer": "integer", "System.Decimal": "decimal",
    "System.Date": "date", "System.DateTime": "dateTime",
}  # fmt: skip


class Interpreted:
    """Adds the keys of one parameter to rows; an expression that the data do not fit adds none."""

    def __init__(self, one: SearchParameter, run: Path) -> None:
        self.parameter, self.run = one, run
        self.inside = compile_once("value")

    def __call__(self, resource: Json, rows: IndexRows) -> None:
        """Add the keys of one resource."""
        context = Context(resolve=by_type, budget=_BUDGET)
        try:
            found = self.run.typed(resource, context)[:_MOST]
            for value, name in found:
                inner = self.inside.typed(value, context, kind=name) if name == "Extension" else [(value, name)]
                for one, kind in inner:
                    self._add(one, _SYSTEM.get(kind, kind), rows)
        except PathError:
            return

    def _add(self, value: Any, kind: str, rows: IndexRows) -> None:
        number = self.parameter.number
        if (self.parameter.kind, kind) == ("reference", "Reference"):
            rows.ref += [(number, found) for found in values.targets(value)]
            rows.idn += [(number, key, system) for key, system, _ in values.logical(value)]
            return
        if kind in ("date", "dateTime") and type(value) is not str:
            value = str(value)
        for how in conversions().get((self.parameter.kind, kind), ()):
            self._keep(how, value, rows)

    def _keep(self, how: Conversion, value: Any, rows: IndexRows) -> None:
        number = self.parameter.number + how.offset
        for keys in getattr(values, how.function)(value):
            if how.width == 1:
                getattr(rows, how.table).append((number, keys))
            elif with_text(how.table, how.width):
                getattr(rows, how.table).append((number, *keys[:-1]))
                if keys[-1] or how.table == "tok":
                    rows.cod.append((keys[0], keys[-1]))
            else:
                getattr(rows, how.table).append((number, *keys))


def interpreted(one: SearchParameter) -> Interpreted:
    """Compile any FHIRPath expression of a parameter. PathError with the place when it is none for this type."""
    run = compile_once(one.expression, lenient=True)
    check(one.expression, one.type)
    return Interpreted(one, run)
