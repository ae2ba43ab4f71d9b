"""The forms of search expressions that are compiled without a FHIRPath engine, as steps through JSON."""

import re
from typing import Final, NamedTuple

from unsilo.spec.expression import alternatives
from unsilo.spec.model import types

__all__ = ["Branch", "Step", "branches", "inner", "presence"]


class Step(NamedTuple):
    """One move or test.

    `field` goes to the element `name` (`many`: JSON writes an array); `equals` keeps nodes whose element `name` is
    `value`; `is` keeps References to the type `name`; `has` keeps nodes with the extension `name`; `root` starts again
    at the resource.
    """

    verb: str
    name: str
    value: str = ""
    many: bool = False


class Branch(NamedTuple):
    """One way from a start to elements of one `type` (a datatype, or a backbone's path)."""

    steps: tuple[Step, ...]
    type: str


_PART: Final = re.compile(
    r"""(?:^|\.)\s*(?:
      ofType\(\s*(?:FHIR\.)?`?(?P<type>\w+)`?\s*\)
      |where\(\s*resolve\(\)\s+is\s+(?:FHIR\.)?(?P<is>\w+)\s*\)
      |where\(\s*(?P<field>\w+)\s*=\s*'(?P<value>[^'\\]*)'\s*\)
      |where\(\s*hasExtension\(\s*'(?P<has>[^'\\]*)'\s*\)\s*\)
      |extension\(\s*'(?P<extension>[^'\\]*)'\s*\)
      |(?P<resource>%resource|%context)
      |(?P<name>[A-Za-z_]\w*)(?![\w(\[])
    )\s*""",
    re.VERBOSE,
)
_PRESENCE: Final = re.compile(r"\s*([\w.]+)\.exists\(\)\s+and\s+\1\s*!=\s*false\s*")
_MOST_BRANCHES: Final = 256


def _bare(text: str) -> str:
    """Take off parentheses around the whole."""
    text = text.strip()
    while text.startswith("(") and text.endswith(")"):
        depth = 0
        for at, sign in enumerate(text):
            depth += (sign == "(") - (sign == ")")
            if depth == 0 and at < len(text) - 1:
                return text
        text = text[1:-1].strip()
    return text


class _Place(NamedTuple):
    steps: tuple[Step, ...]
    context: str
    choice: str = ""


def _fields(place: _Place, name: str) -> list[_Place]:
    """Go to an element; a choice that is not narrowed yet stays at its owner."""
    found = types.fields(place.context)
    if name in found and not found[name].choice:
        element = found[name]
        kind = element.types[0] if element.types else ""
        step = Step("field", name, many=element.max != 1)
        return [_Place((*place.steps, step), element.context(kind))]
    if any(e.choice and e.name == name for e in types.elements(place.context)):
        return [_Place(place.steps, place.context, name)]
    return []


def _is(kind: str, wanted: str) -> bool:
    """Whether `ofType` lets a type through: primitives are independent of each other (FHIR R4 fhirpath.html)."""
    return kind == wanted or (not types.is_primitive(kind) and types.is_a(kind, wanted))


def _narrowed(place: _Place, wanted: str = "") -> list[_Place]:
    """Turn a choice into a place for each type, or for the one that `ofType` asks for."""
    if not place.choice:
        return [place] if not wanted or _is(place.context, wanted) else []
    places = []
    for name, element in types.fields(place.context).items():
        if not (element.choice and element.name == place.choice):
            continue
        kind = next(k for k in element.types if f"{element.name}{k[0].upper()}{k[1:]}" == name)
        # R4 itself writes `DateTime` in a search parameter, so case is not looked at.
        if not wanted or kind.casefold() == wanted.casefold() or _is(kind, wanted):
            step = Step("field", name, many=element.max != 1)
            places.append(_Place((*place.steps, step), element.context(kind)))
    return places


def _step(places: list[_Place], part: re.Match[str]) -> list[_Place]:
    if part["type"]:
        return [done for place in places for done in _narrowed(place, part["type"])]
    settled = [done for place in places for done in _narrowed(place)]
    if part["name"]:
        return [done for place in settled for done in _fields(place, part["name"])]
    if part["extension"] is not None:
        steps = (Step("field", "extension", many=True), Step("equals", "url", part["extension"]))
        return [_Place((*place.steps, *steps), "Extension") for place in settled]
    if part["is"]:
        test = Step("is", part["is"])
    elif part["has"] is not None:
        test = Step("has", part["has"])
    else:
        test = Step("equals", part["field"], part["value"])
    return [place._replace(steps=(*place.steps, test)) for place in settled]


def _walk(text: str, kind: str, start: str) -> list[_Place] | None:
    """Follow one alternative; None when it has a form that is not ours or leads nowhere."""
    places = [_Place((), start)]
    at, first, moved = 0, True, False
    text = _bare(text)
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or part.end() == at:
            return None
        at = part.end()
        if first and part["resource"]:
            places = [_Place((Step("root", ""),), kind)]
        elif not (first and part["name"] == start and start == kind):
            if part["resource"]:
                return None
            if part["name"] and not moved and not first and part["name"] == kind:
                return None
            places = _step(places, part)
            moved = True
            if not places or len(places) > _MOST_BRANCHES:
                return None
        first = False
    return [done for place in places for done in _narrowed(place)]


def branches(expression: str, kind: str, start: str = "") -> list[Branch] | None:
    """Return the ways through JSON of a union of paths; None when any of them has another form.

    `kind` is the resource type, `start` the type or backbone path where the expression begins ("": the resource).
    """
    found: list[Branch] = []
    for part in alternatives(expression):
        places = _walk(part, kind, start or kind)
        if places is None:
            return None
        found += [Branch(place.steps, place.context) for place in places]
    return list(dict.fromkeys(found)) or None


def inner(branch: Branch) -> list[Branch]:
    """Return the ways into the value of an extension; any other branch is its own."""
    if branch.type != "Extension":
        return [branch]
    places = _narrowed(_Place(branch.steps, "Extension", "value"))
    return [Branch(place.steps, place.context) for place in places]


def presence(expression: str, kind: str) -> tuple[str, ...] | None:
    """Return the JSON names that are looked at by `X.exists() and X != false` of an element of the resource itself."""
    said = _PRESENCE.fullmatch(expression)
    if said is None:
        return None
    found = branches(said[1], kind)
    if found is None or any(len(b.steps) != 1 or b.steps[0].many for b in found):
        return None
    return tuple(b.steps[0].name for b in found)
