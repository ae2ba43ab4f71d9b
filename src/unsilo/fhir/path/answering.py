"""Answers for outside programs: an expression and a document in, JSON values out."""

from typing import Any

from unsilo.fhir import codec, xml
from unsilo.fhir.path.checking import check
from unsilo.fhir.path.context import Context
from unsilo.fhir.path.errors import PathError
from unsilo.fhir.path.quantity import Quantity
from unsilo.fhir.path.run import compile_path
from unsilo.fhir.path.temporal import Moment
from unsilo.kernel import Json, Limits, Result
from unsilo.kernel.limits import DEFAULT

__all__ = ["answer", "read", "shown"]


def read(content: bytes, limits: Limits = DEFAULT) -> Result[Json]:
    """Read a resource from JSON or XML, whichever the first sign says."""
    start = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    return xml.decode(content, limits) if start.startswith(b"<") else codec.decode(content, limits)


def shown(value: Any) -> Any:
    """Return a value as JSON has it: dates and times as FHIR writes them, a System.Quantity as text (`4 'mg'`)."""
    return str(value) if isinstance(value, Moment | Quantity) else value


def answer(expression: str, resource: Json | None, context: Context, *, lenient: bool = False) -> list[Any]:
    """Evaluate and return JSON values (numbers as int and Decimal).

    Unless `lenient`, elements that the resource's type does not have are an error, and so is `as` on several items.
    PathError when the expression is wrong or cannot be evaluated.
    """
    kind = resource.get("resourceType") if resource else None
    if not lenient and isinstance(kind, str):
        check(expression, kind)
    path = compile_path(expression, lenient=lenient)
    try:
        return [shown(value) for value in path(resource or {}, context)]
    except PathError as fault:
        fault.expression = fault.expression or expression
        raise
