"""Filters of value sets as sets of concepts (FHIR R4 valueset.html#ValueSet.compose.include.filter; R5's two more)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import re2

from unsilo.terminology import ids
from unsilo.terminology.ecl import ParseError, evaluate
from unsilo.terminology.faults import fault
from unsilo.terminology.ports import CodeSystem

__all__ = ["constraint", "filtered"]

_LONGEST = 1_000
_CODE = frozenset(("concept", "code"))
_CONSTRAINTS = frozenset(("constraint", "expression"))
Filter = Callable[[CodeSystem, str, str], int]


def constraint(system: CodeSystem, text: str) -> int:
    """Return the set of an expression constraint; TerminologyError with the place of the fault."""
    try:
        return evaluate(text, system)
    except ParseError as error:
        shown = text[max(0, error.at - 20) : error.at + 20]
        raise fault(
            "value", f"the expression constraint: {error} at character {error.at + 1}, near {shown!r}",
            "Expression Constraint Language 2.2 is understood", "terminology.ecl",
        ) from None  # fmt: skip


def filtered(system: CodeSystem, name: str, op: str, value: str) -> int:
    """Return the set of one filter. TerminologyError for an operator, property or pattern that is not there."""
    if not isinstance(value, str) or not isinstance(name, str):
        raise fault("structure", "a filter has a property, an operator and a value", rule="terminology.filter")
    work = _FILTERS.get(op)
    if work is None:
        raise fault(
            "not-supported", f"there is no filter {op!r}", f"one of {', '.join(_FILTERS)}", "terminology.filter"
        )
    return work(system, name, value)


def _all(system: CodeSystem) -> int:
    return ids.span(1, system.size)


def _known(system: CodeSystem, code: str) -> int:
    number = system.find(code)
    if not number:
        text = f"{code[:64]!r} is not a code of {system.edition.url}"
        raise fault("code-invalid", text, rule="terminology.filter.code")
    return number


def _is_a(system: CodeSystem, _name: str, value: str) -> int:
    number = _known(system, value)
    return system.below(number) | ids.single(number)


def _descendent(system: CodeSystem, _name: str, value: str) -> int:
    return system.below(_known(system, value))


def _is_not_a(system: CodeSystem, name: str, value: str) -> int:
    return _all(system) & ~_is_a(system, name, value)


def _generalizes(system: CodeSystem, _name: str, value: str) -> int:
    number = _known(system, value)
    return ids.pack(system.above(number), system.size) | ids.single(number)


def _children(system: CodeSystem, _name: str, value: str) -> int:
    return ids.pack(system.children(_known(system, value)), system.size)


def _leaves(system: CodeSystem, name: str, value: str) -> int:
    return _descendent(system, name, value) & system.leaves()


def _having(system: CodeSystem, name: str, values: list[str]) -> int:
    if name in _CODE:
        found = 0
        for code in values:
            number = system.find(code)
            found |= ids.single(number) if number else 0
        return found
    if name == "inactive":
        return system.inactive() if "true" in values else _all(system) & ~system.inactive()
    special = _WALKS.get(name)
    if special is not None and system.property(name) is None:
        found = 0
        for code in values:
            number = system.find(code)
            found |= ids.pack(special(system, number), system.size) if number else 0
        return found
    if name == "display":
        wanted = set(values)
        return ids.pack((n for n, _, display in system.displays() if display in wanted), system.size)
    if system.property(name) is None:
        raise fault(
            "not-supported", f"{system.edition.url} has no property {name[:64]!r}",
            "properties: " + ", ".join(p.code for p in system.edition.properties[:30]), "terminology.filter.property",
        )  # fmt: skip
    return system.having(name, values)


_WALKS: dict[str, Callable[[CodeSystem, int], Iterable[int]]] = {
    "parent": lambda system, number: system.children(number),
    "child": lambda system, number: system.parents(number),
    "ancestor": lambda system, number: ids.iterate(system.below(number)),
    "descendant": lambda system, number: system.above(number),
}
"""Properties that the hierarchy itself has: those that have the code as parent are its children."""


def _equal(system: CodeSystem, name: str, value: str) -> int:
    if name in _CONSTRAINTS:
        return constraint(system, value)
    return _having(system, name, [value])


def _in(system: CodeSystem, name: str, value: str) -> int:
    values = [part.strip() for part in value.split(",")]
    if name in _CODE and len(values) == 1:
        members = system.refset(values[0])
        if members is not None:  # SNOMED CT: concept in a reference set
            return members
    return _having(system, name, values)


def _not_in(system: CodeSystem, name: str, value: str) -> int:
    return _all(system) & ~_in(system, name, value)


def _exists(system: CodeSystem, name: str, value: str) -> int:
    has = _all(system) if name in (*_CODE, "display") else system.having_any(name)
    return has if value == "true" else _all(system) & ~has


def _texts(system: CodeSystem, name: str) -> Iterator[tuple[int, str]]:
    if name in _CODE:
        yield from ((n, code) for n, code, _ in system.displays())
    elif name == "display":
        yield from ((n, display) for n, _, display in system.displays())
    elif name in ("designation", "term"):
        yield from system.terms()
    else:
        if system.property(name) is None:
            raise fault("not-supported", f"{system.edition.url} has no property {name[:64]!r}",
                        rule="terminology.filter.property")  # fmt: skip
        yield from ((n, value) for n, value, _ in system.values(name))
        for source, target, _ in system.relations(name):
            yield source, system.heads((target,))[0][0]


def _regex(system: CodeSystem, name: str, value: str) -> int:
    if len(value) > _LONGEST:
        raise fault(
            "too-long", f"a regular expression has at most {_LONGEST} characters", rule="terminology.filter.regex"
        )
    try:
        options = re2.Options()
        options.log_errors = False
        options.max_mem = 8 << 20
        pattern = re2.compile(value, options)
    except re2.error as error:
        hint = "the syntax is that of RE2: no backreferences, no look-around"
        raise fault("value", f"the regular expression: {str(error)[:100]}", hint, "terminology.filter.regex") from None
    return ids.pack((n for n, text in _texts(system, name) if pattern.fullmatch(text)), system.size)


_FILTERS: dict[str, Filter] = {
    "=": _equal, "is-a": _is_a, "descendent-of": _descendent, "is-not-a": _is_not_a, "regex": _regex, "in": _in,
    "not-in": _not_in, "generalizes": _generalizes, "exists": _exists, "child-of": _children,
    "descendent-leaf": _leaves,
}  # fmt: skip
