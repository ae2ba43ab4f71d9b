"""Walks a resource along its shape and says what does not fit: structure, types, bindings, rules, slices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from unsilo.kernel import Json
from unsilo.validation import bindings, extensions, narrative, references
from unsilo.validation.equal import holds_pattern, is_fixed
from unsilo.validation.extra import BY_TYPE
from unsilo.validation.knowledge import Knowledge
from unsilo.validation.place import At
from unsilo.validation.run import Run
from unsilo.validation.shape import RESOURCE, Field, Shape

__all__ = ["check_field", "check_object", "check_rules", "meets_shape"]

_DEEP = 100


def _depth(at: At) -> int:
    n = 0
    here: At | None = at
    while here is not None:
        n += 1
        here = here.parent
    return n


def check_object(shape: Shape, value: Any, at: At, run: Run, val: Knowledge, *, resource: bool = False) -> None:
    """Check a JSON object: its keys, what they hold, what is missing, and the rules of its definition."""
    if type(value) is not dict:
        run.error("structure", at, "structure.object", f"must be an object ({shape.type}), not {_kind(value)}")
        return
    if not value or (len(value) == 1 and "id" in value and not resource):
        run.error("structure", at, "ele-1", "must have content; an element without any is left out")
        return
    fields = shape.fields
    groups: dict[str, str] | None = None
    for key, held in value.items():
        field = fields.get(key)
        if field is None:
            if key == "resourceType" and resource:
                continue
            _unknown(shape, key, value, at, run, val)
            continue
        if field.group:
            groups = groups or {}
            if field.group in groups:
                said = f"only one of {groups[field.group]} and {key} may be given"
                run.error("structure", at, "structure.choice", said)
            groups[field.group] = key
        shadow = value.get("_" + key) if field.primitive is not None else None
        check_field(field, held, shadow, shape, at, run, val)
    for need in shape.needs:
        for key in need.keys:
            if key in value or "_" + key in value:
                break
        else:
            text = f"{shape.label}.{need.label} is required (at least {need.least}), none is here"
            run.error("required", at, need.rule, text)
    for rule, holds in shape.rules if run.options.invariants else ():
        if not holds(value, shape.type, run):
            _broken(rule, at, run)


def _broken(rule: Any, at: At, run: Run) -> None:
    severity = "error" if rule.severity == "error" else "warning"
    run.say(severity, "business-rule", at, rule.key, rule.human)  # type: ignore[arg-type]


def check_rules(field: Field, value: Any, at: At, run: Run) -> None:
    """Check the invariants that an element's own definition and its type's bring."""
    for rule, holds in field.rules:
        if not holds(value, field.kind, run):
            _broken(rule, at, run)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _unknown(shape: Shape, key: str, value: Json, at: At, run: Run, val: Knowledge) -> None:
    field = shape.fields.get(key[1:]) if key[:1] == "_" else None
    if field is None or field.primitive is None:
        known = ", ".join(sorted(shape.fields))
        text = f"{key[:64]!r} is not an element of {shape.type}"
        run.error("structure", at, "structure.unknown", text, f"elements here: {known}"[:500])
    elif key[1:] not in value:
        check_field(field, None, value[key], shape, at, run, val)


def check_field(field: Field, held: Any, shadow: Any, shape: Shape, at: At, run: Run, val: Knowledge) -> None:
    """Check what stands under one key: one value, or the list of them, and its slices."""
    if not field.many:
        here = At(at, field.step, field.key, -1, field.kind)
        if type(held) is list:
            run.error("structure", here, "structure.array", f"{field.key} must not be an array")
            return
        if field.most == 0:
            run.error("structure", here, "cardinality.max", f"{field.key} must not be given in this profile")
        _one(field, held, shadow, here, run, val)
        if field.slicing is not None and field.node.slices and not field.group:
            _slices(field, [(-1, held)], shape, at, run, val)
        return
    if type(held) is not list:
        if held is not None or shadow is None:
            run.error("structure", At(at, field.step, field.key), "structure.array", f"{field.key} must be an array")
            return
        held = [None] * len(shadow) if type(shadow) is list else []
    n = len(held)
    shadows = shadow if type(shadow) is list and len(shadow) == n else None
    if n == 0:
        run.error(
            "structure", At(at, field.step, field.key), "structure.empty", "an array must not be empty: leave it out"
        )
        return
    if shadow is not None and shadows is None:
        said = f"_{field.key} must be an array as long as {field.key}"
        run.error("structure", At(at, field.step, field.key), "structure.shadow", said)
    if field.most is not None and n > field.most:
        run.error("structure", at, "cardinality.max", f"{field.key}: at most {field.most} allowed, {n} are here")
    if n < field.least:
        run.error("required", at, "cardinality.min", f"{field.key}: at least {field.least} needed, {n} are here")
    for i, item in enumerate(held):
        _one(
            field,
            item,
            shadows[i] if shadows is not None else None,
            At(at, field.step, field.key, i, field.kind),
            run,
            val,
        )
    if field.slicing is not None and field.node.slices:
        _slices(field, list(enumerate(held)), shape, at, run, val)


def _one(field: Field, value: Any, shadow: Any, at: At, run: Run, val: Knowledge) -> None:
    check = field.primitive
    if check is not None:
        if value is None:
            if type(shadow) is not dict:
                run.error("structure", at, "ele-1", "must have a value or an extension: null says nothing")
                return
        else:
            wrong = check(value)
            if wrong:
                run.error("value", at, f"type.{field.check}", f"{_shown(value) if run.options.quote else ''}{wrong}")
            else:
                _value(field, value, at, run, val)
        if shadow is not None:
            _shadow(shadow, at, run, val, alone=value is None)
        return
    code = field.type.code
    if code in RESOURCE:
        val.check_resource(value, at, run, profiles=field.type.profiles, held=True)
        return
    if code in val.resources:  # a profile that allows certain resources only
        _held(field, value, at, run, val)
        return
    shape = field.shape or val.shapes.of_type(code)
    if shape is None:
        val.check_resource(value, at, run, profiles=(), held=True)
        return
    if _depth(at) > _DEEP:
        run.error("too-costly", at, "structure.depth", f"nested deeper than {_DEEP} elements")
        return
    check_object(shape, value, at, run, val)
    if type(value) is not dict:
        return
    if run.options.invariants:
        for rule, holds in field.rules:
            if not holds(value, field.kind, run):
                _broken(rule, at, run)
    _value(field, value, at, run, val)
    if field.type.targets:
        references.check(field.type.targets, value, at, run, val)
    if code in BY_TYPE:
        BY_TYPE[code](value, at, run)
    if code == "Extension":
        extensions.check(field, value, at, run, val)
    elif field.type.profiles and not field.inline:
        _profiled(field.type.profiles, value, at, run, val)


def _held(field: Field, value: Any, at: At, run: Run, val: Knowledge) -> None:
    """Check a resource within another where only some types are allowed."""
    kind = value.get("resourceType") if type(value) is dict else None
    allowed = {each.code for each in field.node.types}
    profiles = next((each.profiles for each in field.node.types if each.code == kind), ())
    if type(kind) is str and kind in val.resources and kind not in allowed:
        run.error("value", at, "structure.type", f"is a {kind}; allowed: {', '.join(sorted(allowed))}")
    one = len(profiles) == 1
    val.check_resource(value, at, run, profiles=profiles if one else (), held=True)
    if not one and type(kind) is str:  # any of several profiles will do
        known = [(url, found) for url in profiles if (found := val.shapes.of_profile(url)) is not None]
        if known and not any(meets_shape(found, value, run, val) for _, found in known):
            run.error("structure", at, "profile.none", "meets none of " + ", ".join(url for url, _ in known))


def _shown(value: Any) -> str:
    """Return a value for a message: short, and only where it cannot be long text."""
    return f"{value[:40]!r} " if type(value) is str and len(value) <= 40 else ""


def _value(field: Field, value: Any, at: At, run: Run, val: Knowledge) -> None:
    if field.fixed is not None and not is_fixed(value, field.fixed):
        run.error("value", at, "value.fixed", f"must be exactly {_wanted(field.fixed)}")
    if field.pattern is not None and not holds_pattern(value, field.pattern):
        run.error("value", at, "value.pattern", f"must hold {_wanted(field.pattern)}")
    if field.longest is not None and type(value) is str and len(value) > field.longest:
        run.error("too-long", at, "value.length", f"is longer than {field.longest} characters")
    if field.lowest is not None and _number(value) and _number(field.lowest) and value < field.lowest:
        run.error("value", at, "value.min", f"must be at least {field.lowest}")
    if field.highest is not None and _number(value) and _number(field.highest) and value > field.highest:
        run.error("value", at, "value.max", f"must be at most {field.highest}")
    if field.binding is not None:
        bindings.check(field.binding, field.type.code, value, at, run, val)
    if field.primitive is not None and run.options.invariants:
        if field.type.code == "xhtml":
            narrative.check(value, at, run)
        elif field.rules:
            check_rules(field, value, at, run)


def _number(value: Any) -> bool:
    return type(value) in (int, Decimal, float)


def _wanted(value: Any) -> str:
    if type(value) is dict:
        return "{" + ", ".join(f"{k}: {_wanted(v)}" for k, v in value.items()) + "}"
    if type(value) is list:
        return "[" + ", ".join(_wanted(v) for v in value) + "]"
    return str(value)


def _shadow(shadow: Any, at: At, run: Run, val: Knowledge, *, alone: bool) -> None:
    """Check what a primitive has beside its value: id and extensions (FHIR R4 json.html#primitive)."""
    element = val.shapes.of_type("Element")
    if not alone and type(shadow) is dict and len(shadow) == 1 and type(shadow.get("id")) is str:
        return  # an id says enough beside a value
    if element is not None:
        check_object(element, shadow, at, run, val)


def _profiled(profiles: tuple[str, ...], value: Any, at: At, run: Run, val: Knowledge) -> None:
    known = [(url, shape) for url in profiles if (shape := val.shapes.of_profile(url)) is not None]
    if len(known) == 1:
        check_object(known[0][1], value, at, run, val)
    elif known and not any(meets_shape(shape, value, run, val) for _, shape in known):
        run.error("structure", at, "profile.none", "meets none of " + ", ".join(url for url, _ in known))


def meets_shape(shape: Shape, value: Any, run: Run, val: Knowledge) -> bool:
    """Tell whether a value fits a shape without an error."""
    trial = Run(run.root, run.options)
    trial.resource, trial.contained, trial.entries = run.resource, run.contained, run.entries
    trial.knowledge, trial.depth, trial.tried = run.knowledge, run.depth + 1, run.tried
    check_object(shape, value, At(None, shape.type, ""), trial, val, resource="resourceType" in value)
    return not any(issue.severity == "error" for issue in trial.issues)


def _slices(
    field: Field, items: list[tuple[int, Any]], shape: Shape, at: At, run: Run, val: Knowledge, within: str = ""
) -> None:
    """Check the slices of an element; `items` with their places. A slice may be divided itself (`within` it)."""
    slicing = field.slicing
    if slicing is None:
        return
    known = val.shapes.slices_of(field, shape.root, val)
    members: list[list[tuple[int, Any]]] = [[] for _ in known]
    called = within or field.name
    last = -1
    stray: At | None = None
    for i, item in items:
        if item is None:
            continue
        n = next((n for n, each in enumerate(known) if each.match(item, run)), None)
        here = At(at, field.step, field.key, i, field.kind)
        if n is None:
            stray = here if slicing.rules == "openAtEnd" else stray
            if slicing.rules == "closed" and known:
                run.error("structure", here, "slice.closed", f"fits no slice of {called}, and no other is allowed")
            continue
        each = known[n]
        members[n].append((i, item))
        if slicing.ordered and n < last:
            run.error("structure", here, "slice.order", f"{each.name} stands after a later slice")
        if stray is not None:
            run.error("structure", here, "slice.order", f"{each.name} stands after what belongs to the end")
        last = max(last, n)
        _one(each.field, item, None, here, run, val)
    for each, found in zip(known, members, strict=True):
        count = len(found)
        if count < each.least:
            text = f"{field.name}:{each.name} is required (at least {each.least}), {count or 'none'} is here"
            run.error("required", at, "slice.min", text)
        if each.most is not None and count > each.most:
            text = f"{field.name}:{each.name}: at most {each.most} allowed, {count} are here"
            run.error("structure", at, "slice.max", text)
        if found and each.field.node.slices:
            _slices(each.field, found, shape, at, run, val, f"{field.name}:{each.name}")
