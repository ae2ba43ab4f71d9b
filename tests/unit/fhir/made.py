"""Random resources of any type, shaped as R4's model says, to try what must hold for all of them."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

from unsilo.spec.model import Element, types

TEXTS = ["a", "ä & b", '<"x">', "tab\there", "line\nline\r\n", " blank ", "\U0001f9ea", "]]>", "&amp;", "'", "#p", "0"]
DIVS = [
    '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
    "<div xmlns=\"http://www.w3.org/1999/xhtml\">\r\n <p class='a'>a &gt; b&#160;<br/><b >c</b></p><!-- > --></div>",
    '<div xmlns="http://www.w3.org/1999/xhtml" title="1>2"/>',
    '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>x</h:p></h:div>',
]
DECIMALS = ["1.00", "0.0", "-3.14159265358979", "1E-7", "120", "1e3"]


def primitive(random: Random, kind: str) -> Any:
    """Return a value that JSON may hold for a primitive type."""
    if kind == "boolean":
        return random.random() < 0.5
    if kind == "decimal":
        text = random.choice(DECIMALS)
        return int(text) if text.isdigit() else Decimal(text)
    if kind in ("integer", "positiveInt", "unsignedInt"):
        return random.choice([0, 1, 7, 2**31 - 1])
    if kind == "xhtml":
        return random.choice(DIVS)
    return random.choice(TEXTS)


def extension(random: Random) -> dict[str, Any]:
    """Return a simple extension."""
    return {"url": "http://x.example/e", "valueString": random.choice(TEXTS)}


def one(random: Random, below: str, depth: int) -> Any:
    """Return a value of a type or backbone path."""
    if types.is_primitive(below):
        return primitive(random, below)
    if below == "Resource":
        return resource(random, random.choice(["Patient", "Binary", "Observation"]), depth - 1)
    return node(random, below, depth - 1)


def node(random: Random, context: str, depth: int) -> dict[str, Any]:
    """Return an object of a type or backbone path with some of its elements, never empty."""
    made: dict[str, Any] = {}
    elements = list(types.elements(context))
    for element in elements:
        if element.min or random.random() < (0.25 if depth > 0 else 0.03):
            put(random, made, context, element, depth)
    if not made:
        simple = [e for e in elements if any(types.is_primitive(k) for k in e.types)]
        put(random, made, context, random.choice(simple or elements), depth)
    return made


def put(random: Random, made: dict[str, Any], context: str, element: Element, depth: int) -> None:
    """Add one element, a choice in one of its types, with a companion now and then."""
    name = element.name
    if element.choice:
        kind = random.choice([k for k in element.types if depth > 0 or types.is_primitive(k)] or list(element.types))
        name += kind[0].upper() + kind[1:]
    found = types.child(context, name)
    assert found is not None
    below = found[1]
    if depth <= 0 and not element.min and not types.is_primitive(below):
        return
    many = range(random.choice([1, 1, 2, 3])) if element.max != 1 else range(1)
    values: list[Any] = [one(random, below, depth) for _ in many]
    companions: list[Any] = [None for _ in many]
    if types.is_primitive(below) and below != "xhtml" and not element.attribute and random.random() < 0.3:
        place = random.choice(list(many))
        companions[place] = {"extension": [extension(random)]} | ({"id": "i"} if random.random() < 0.5 else {})
        if random.random() < 0.5:
            values[place] = None
    if any(v is not None for v in values):
        made[name] = values if element.max != 1 else values[0]
    if any(companions):
        made[f"_{name}"] = companions if element.max != 1 else companions[0]


def resource(random: Random, kind: str = "", depth: int = 3) -> dict[str, Any]:
    """Return a resource of the named or of any type."""
    kind = kind or random.choice(sorted(types.resources))
    made = node(random, kind, depth) | {"id": f"i{random.randrange(1000)}"}
    return {"resourceType": kind} | made
