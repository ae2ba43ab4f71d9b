"""What the parts of a Parameters resource say: values of any type, also of types without a name (parameters.html)."""

from decimal import Decimal
from typing import Any, Final

from unsilo.fhir.patch.faults import refuse
from unsilo.fhir.patch.slots import Value, append, fill
from unsilo.fhir.path.kinds import CHOICE, ONE, RESOURCE, Kind, Plan
from unsilo.kernel import Json
from unsilo.spec.model import types

__all__ = ["assign", "key_of", "repeats", "said", "value_of"]

_SCALARS: Final[dict[str, tuple[type, ...]]] = {"Boolean": (bool,), "Integer": (int,), "Decimal": (int, Decimal)}
_HINT: Final = "Give the value as value[x] with the element's type, or as parts with the names of its elements."


def said(part: Json) -> tuple[str, Any, Any] | None:
    """Return (type as in `valueX`, value, what stands beside it); None when the part has no value[x]."""
    for key in part:
        name = key.removeprefix("_")
        if name.startswith("value") and len(name) > 5 and name[5].isupper():
            return name[5:], part.get(name), part.get("_" + name)
    return None


def key_of(owner: Kind, name: str, kind: str, place: str) -> tuple[Plan, str, Kind]:
    """Return plan, JSON key and type of an element; of a choice, the one of a type (as in `valueX`)."""
    plan = owner.members.get(name)
    if plan is None or (owner.primitive and name == "value"):
        refuse("value", f"{owner.name} has no element {name[:64]}.", place, "Name an element of the type.", "name")
    if plan.mode != CHOICE:
        return plan, plan.key, plan.kind
    key = f"{name}{kind}"
    if key not in plan.choices:
        refuse("value", f"{owner.name}.{name}[x] cannot have this type.", place, _HINT, "type")
    return plan, key, plan.choices[key]


def repeats(owner: Kind, key: str) -> bool:
    """Whether JSON writes an element as an array."""
    if owner.primitive:
        return key == "extension"
    element = types.fields(owner.name).get(key)
    return element is not None and element.max != 1


def value_of(part: Json, below: Kind, mode: int, place: str) -> Value:
    """Return the value of a part, fitting the type of the element that it is for."""
    if mode == RESOURCE:
        resource = part.get("resource")
        if not isinstance(resource, dict):
            refuse("value", "A resource is expected.", place, "Give the part a `resource`.", "type")
        return resource, None
    given = said(part)
    if given is None:
        return _composed(part, below, place), None
    name, value, extra = given
    if mode == ONE or not below.primitive:
        if not isinstance(value, dict) or (name != below.name and name not in below.ancestors):
            refuse("value", f"The element is of type {below.name}.", place, _HINT, "type")
        return value, None
    wanted = _SCALARS.get(below.family, (str,))
    if value is None and isinstance(extra, dict):
        return None, extra
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        refuse("value", f"The element is of type {below.name}.", place, _HINT, "type")
    return value, extra if isinstance(extra, dict) else None


def _composed(part: Json, below: Kind, place: str) -> Json:
    parts = part.get("part")
    if not isinstance(parts, list) or not parts or below.primitive:
        refuse("required", "There is no value.", place, _HINT, "value")
    node: Json = {}
    for index, each in enumerate(parts):
        inner = f"{place}.part[{index}]"
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            refuse("structure", "A part has no name.", inner, "Name the element that the part is for.", "name")
        assign(node, below, each["name"], each, inner)
    return node


def assign(node: Json, owner: Kind, name: str, part: Json, place: str) -> None:
    """Put the value of a part into a node under a name: at the end of an array, or where nothing is yet."""
    given = said(part)
    plan, key, below = key_of(owner, name, given[0] if given else "", place)
    value = value_of(part, below, plan.mode, place)
    if repeats(owner, key):
        append(node, key, value)
        return
    taken = [each for each in (plan.choices or (key,)) if each in node or "_" + each in node]
    if taken:
        refuse("value", f"{owner.name}.{name} is there already.", place, "Use replace.", "present")
    fill(node, key, value)
