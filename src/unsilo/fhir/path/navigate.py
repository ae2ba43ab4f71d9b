"""Steps from nodes to their children (FHIRPath N1, 2.2; choices and extensions as in FHIR R4 fhirpath.html)."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final, TypeAlias

from unsilo.fhir.path.context import Place, State
from unsilo.fhir.path.kinds import (
    CHOICE,
    ONE,
    PART,
    QUANTITY,
    RESOURCE,
    SIMPLE,
    Item,
    Items,
    Kind,
    Plan,
    resource_kind,
)

__all__ = ["StepRun", "children", "extensions", "member", "own_member", "placed_member"]

StepRun: TypeAlias = Callable[[State, Items], Items]


_SCALARS: Final = frozenset((str, bool, int, Decimal, float))


def extensions(item: Item) -> Any:
    """Return the JSON object that holds id and extensions of an item: the node itself, `_name` for a primitive."""
    value, kind, extra = item
    if not kind.primitive:
        return value
    return extra.extensions() if type(extra) is Place else extra


def _simple(node: Any, key: str, below: str, kind: Kind, out: Items) -> None:
    """Append the primitive children of a name, each with its `_name`; values of a wrong shape are left out."""
    value, extra = node.get(key), node.get(below)
    if type(value) is list:
        if type(extra) is not list:
            out += [(v, kind, None) for v in value if type(v) in _SCALARS]
            return
        for index in range(max(len(value), len(extra))):
            v = value[index] if index < len(value) else None
            e = extra[index] if index < len(extra) else None
            if (v is not None or type(e) is dict) and type(v) is not dict and type(v) is not list:
                out.append((v, kind, e if type(e) is dict else None))
    elif type(value) is not dict and (value is not None or type(extra) is dict):
        out.append((value, kind, extra if type(extra) is dict else None))
    elif type(extra) is list:
        out += [(None, kind, e) for e in extra if type(e) is dict]


def _nodes(child: Any, kind: Kind | None, out: Items) -> None:
    """Append complex children; `kind` None: the resource says it."""
    if type(child) is dict:
        out.append((child, kind or resource_kind(child), None))
    elif type(child) is list:
        out += [(c, kind or resource_kind(c), None) for c in child if type(c) is dict]


def _choice(node: Any, plan: Plan, out: Items) -> None:
    choices = plan.choices
    for key in node:
        kind = choices.get(key)
        if kind is not None:
            if kind.primitive:
                _simple(node, key, "_" + key, kind, out)
            else:
                _nodes(node[key], kind, out)
        elif key[:1] == "_" and key[1:] in choices and key[1:] not in node:
            _simple(node, key[1:], key, choices[key[1:]], out)


def _part(item: Item, plan: Plan, out: Items) -> None:
    """Append `id`, `extension` or `value` of a primitive."""
    value, kind, _ = item
    if kind is QUANTITY:
        out.append((value.value if plan.key == "value" else value.unit, plan.kind, None))
        return
    if plan.key == "value":
        if value is not None and not kind.system:
            out.append((kind.convert(value) if kind.convert else value, plan.kind, None))
        return
    holder = extensions(item)
    if type(holder) is not dict:
        return
    if plan.key == "id":
        _simple(holder, "id", "_id", plan.kind, out)
    else:
        _nodes(holder.get("extension"), plan.kind, out)


def member(name: str) -> StepRun:
    """Return the step to the children of that name; unknown names have none (4.1: lenient)."""

    def run(state: State, items: Items) -> Items:
        out: Items = []
        for item in items:
            node, kind, _ = item
            plan = kind.members.get(name)
            if plan is None:
                continue
            mode = plan.mode
            if mode == ONE:
                child = node.get(plan.key)
                if child is None:
                    continue
                below = plan.kind
                if type(child) is list:
                    for c in child:
                        if type(c) is dict:
                            out.append((c, below, None))
                elif type(child) is dict:
                    out.append((child, below, None))
            elif mode == SIMPLE:
                child = node.get(plan.key)
                if plan.below not in node:
                    below = plan.kind
                    if type(child) is list:
                        out += [(c, below, None) for c in child if type(c) in _SCALARS]
                    elif type(child) in _SCALARS:
                        out.append((child, below, None))
                elif child is not None or plan.below in node:
                    _simple(node, plan.key, plan.below, plan.kind, out)
            elif mode == CHOICE:
                _choice(node, plan, out)
            elif mode == RESOURCE:
                _nodes(node.get(plan.key), None, out)
            else:
                _part(item, plan, out)
        if len(out) > 16:
            state.spend(len(out))
        return out

    return run


def own_member(name: str) -> "Callable[[State], Items]":
    """Return the children of `$this` of a name: what conditions mostly begin with."""
    step = member(name)

    def run(state: State) -> Items:
        item = state.this
        plan = item[1].members.get(name)
        if plan is None:
            return _NOTHING
        mode = plan.mode
        if mode in _PLAIN:
            node, below = item[0], plan.kind
            child = node.get(plan.key)
            kind = type(child)
            if mode == ONE:
                if kind is list:
                    return [(c, below, None) for c in child if type(c) is dict]
                return [(child, below, None)] if kind is dict else _NOTHING
            if plan.below not in node:
                if kind is list:
                    return [(c, below, None) for c in child if type(c) in _SCALARS]
                return [(child, below, None)] if kind in _SCALARS else _NOTHING
        return step(state, [item])

    return run


_NOTHING: Final[Items] = []
_PLAIN: Final = frozenset((SIMPLE, ONE))


def placed_member(name: str) -> StepRun:
    """Return the same step with the `Place` of each child instead of its extensions."""
    plain = member(name)

    def run(state: State, items: Items) -> Items:
        out: Items = []
        for item in items:
            node, kind, _ = item
            plan = kind.members.get(name)
            if plan is None:
                continue
            if plan.mode == PART:
                holder = extensions(item)
                if plan.key == "extension" and type(holder) is dict:
                    _placed(holder, plan.key, plan.kind, kind, out)
                else:
                    out += plain(state, [item])
            elif plan.mode == CHOICE:
                for key, below in plan.choices.items():
                    if key in node or "_" + key in node:
                        _placed(node, key, below, kind, out)
            else:
                _placed(node, plan.key, None if plan.mode == RESOURCE else plan.kind, kind, out)
        state.spend(len(out))
        return out

    return run


def _placed(node: Any, key: str, kind: Kind | None, owner: Kind, out: Items) -> None:
    """Append the children of a name with their places; `kind` None: a resource, which says it."""
    child, extra = node.get(key), node.get("_" + key)
    repeats = type(child) is list or type(extra) is list
    values: list[Any] = child if type(child) is list else [child]
    beside: list[Any] = extra if type(extra) is list else [extra]
    for index in range(max(len(values), len(beside))):
        value = values[index] if index < len(values) else None
        if value is None and (index >= len(beside) or type(beside[index]) is not dict):
            continue
        below = kind or resource_kind(value)
        if (type(value) is dict) is not below.primitive and type(value) is not list:
            out.append((value, below, Place(node, key, index if repeats else None, owner)))


def children(items: Iterable[Item]) -> Items:
    """Return all children of all items, in the order of the JSON (5.8.1)."""
    out: Items = []
    for item in items:
        node, kind, _ = item
        holder = extensions(item)
        if type(holder) is not dict:
            continue
        if kind.primitive:
            for name in ("id", "extension"):
                plan = kind.members.get(name)
                if plan is not None:
                    _part(item, plan, out)
            continue
        fields = kind.fields
        for key, value in node.items():
            field = fields.get(key)
            if field is None:
                if key[:1] == "_" and key[1:] not in node and key[1:] in fields:
                    _simple(node, key[1:], key, fields[key[1:]][0], out)
                continue
            below, beside = field
            if below.primitive:
                if type(value) in _SCALARS and beside not in node:
                    out.append((value, below, None))
                else:
                    _simple(node, key, beside, below, out)
            elif type(value) is dict and not below.resource:
                out.append((value, below, None))
            else:
                _nodes(value, None if below.resource else below, out)
    return out
