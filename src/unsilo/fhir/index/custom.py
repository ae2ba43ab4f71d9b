"""A store's own SearchParameters: checked and compiled like those of the standard."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, cast, get_args

import msgspec

from unsilo.fhir.index.compiled import Extractor, compiled
from unsilo.fhir.index.composites import layout
from unsilo.fhir.index.interpreted import interpreted
from unsilo.fhir.index.paths import branches
from unsilo.fhir.index.trie import grow
from unsilo.fhir.path import PathError
from unsilo.kernel import Issue, Json, Result, Where
from unsilo.spec.expression import restrict, without_as
from unsilo.spec.model import types
from unsilo.spec.parameters import Component, Kind, SearchParameter, all_parameters

__all__ = ["Custom", "compile_parameter"]

_CODE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_LONGEST: Final = 8192
_MOST_PARTS: Final = 3
_NAMED: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\.([a-z]\w*[A-Z]\w*)\b(?!\s*\()")


class Custom(msgspec.Struct, frozen=True):
    """A parameter of a store for one resource type, and the function that adds its keys to a resource's rows."""

    parameter: SearchParameter
    extract: Extractor


@cache
def _standard() -> dict[str, SearchParameter]:
    return {one.url: one for one in all_parameters()}


def _wrong(path: str, text: str, hint: str = "", *, code: Any = "value") -> Result[Any]:
    return Result(None, [Issue("error", code, text, Where(path), hint, "search-parameter")])


def _texts(definition: Json, name: str) -> tuple[str, ...]:
    found = definition.get(name)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def _components(definition: Json, known: Callable[[str], SearchParameter | None]) -> Result[tuple[Component, ...]]:
    listed = definition.get("component")
    if not isinstance(listed, list) or not 1 < len(listed) <= _MOST_PARTS:
        return _wrong("component", "a composite parameter has two or three components")
    found = []
    for at, one in enumerate(listed):
        said = one if isinstance(one, dict) else {}
        url, expression = said.get("definition"), said.get("expression")
        part = known(url.partition("|")[0]) if isinstance(url, str) else None
        if part is None:
            return _wrong(f"component[{at}].definition", "the component's search parameter is not known here")
        if not isinstance(expression, str) or not expression or len(expression) > _LONGEST:
            return _wrong(f"component[{at}].expression", "the component has no expression")
        found.append(Component(part.code, part.number, part.kind, without_as(expression)))
    if not layout(tuple(part.kind for part in found)):
        kinds = ", ".join(part.kind for part in found)
        return _wrong("component", f"a composite of {kinds} is not indexed", code="not-supported")
    return Result(tuple(found))


def _choices(expression: str, resource_type: str) -> str:
    """Write a choice by its name in JSON (`.valueDateTime`), as guides do in expressions, in the way of FHIRPath."""

    def said(found: re.Match[str]) -> str:
        for context in (resource_type, "Extension") if found[1] else ():
            known = types.child(context, found[1])
            if known is not None and known[0].choice and known[0].name != found[1]:
                return f".{known[0].name}.ofType({known[1]})"
        return found[0]

    return _NAMED.sub(said, expression)


def _parameter(
    definition: Json, resource_type: str, number: int, known: Callable[[str], SearchParameter | None]
) -> Result[SearchParameter]:
    kind, code, expression = definition.get("type"), definition.get("code"), definition.get("expression")
    if kind not in get_args(Kind) or kind == "special":
        return _wrong("type", "the parameter has no type that can be searched", "one of number, date, string, ...")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return _wrong("code", "the code is not a name that can stand in a URL", "letters, digits, - and _, at most 64")
    if not isinstance(expression, str) or not expression.strip():
        return _wrong("expression", "the parameter has no expression")
    if len(expression) > _LONGEST:
        return _wrong("expression", f"the expression is longer than {_LONGEST} characters", code="too-long")
    bases = _texts(definition, "base")
    if not any(types.is_a(resource_type, base) for base in bases) or resource_type not in types.resources:
        return _wrong("base", f"{resource_type[:64]} is no base of this parameter")
    own = _choices(restrict(expression, resource_type, types.resources), resource_type)
    if not own:
        return _wrong("expression", f"no alternative of the expression is about {resource_type}")
    components: tuple[Component, ...] = ()
    if kind == "composite":
        parts = _components(definition, known)
        if parts.value is None:
            return Result(None, parts.issues)
        components = parts.value
    url, name = definition.get("url"), definition.get("name")
    return Result(
        SearchParameter(
            number=number, type=resource_type, code=code, kind=cast(Kind, kind), expression=own,
            targets=_texts(definition, "target"), components=components,
            url=url if isinstance(url, str) else "", name=name if isinstance(name, str) else "",
            multiple_or=definition.get("multipleOr") is not False,
            multiple_and=definition.get("multipleAnd") is not False,
            modifiers=_texts(definition, "modifier"), comparators=_texts(definition, "comparator"),
            chain=_texts(definition, "chain"),
        )
    )  # fmt: skip


def compile_parameter(
    definition: Json, resource_type: str, number: int, others: Mapping[str, SearchParameter] | None = None
) -> Result[Custom]:
    """Compile a SearchParameter resource for one of its base types; no value and an Issue when it cannot be indexed.

    `number` is what the store gave it for this type. `others` are the store's own parameters by URL, for the parts of
    a composite.
    """
    made = _parameter(definition, resource_type, number, lambda url: (others or {}).get(url) or _standard().get(url))
    one = made.value
    if one is None:
        return Result(None, made.issues)
    _, left = grow([one], resource_type)
    if not left:
        return Result(Custom(one, compiled([one], resource_type, frozenset())))
    if one.kind == "composite" or branches(one.expression, resource_type):
        return _wrong(
            "expression", f"the expression leads to nothing that a {one.kind} parameter can index",
            f"an expression whose values a {one.kind} parameter takes", code="not-supported",
        )  # fmt: skip
    try:
        return Result(Custom(one, interpreted(one)))
    except PathError as error:
        return _wrong("expression", str(error), "FHIRPath that begins at the resource type", code="not-supported")
