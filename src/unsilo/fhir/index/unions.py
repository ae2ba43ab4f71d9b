"""Parameters that are others taken together, or another by a second name: their keys are not kept twice."""

from functools import cache

from unsilo.spec.expression import alternatives
from unsilo.spec.parameters import SearchParameter, all_parameters, parameters

__all__ = ["kept_as", "unions"]


def _reads(one: SearchParameter) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return how the values of a parameter become keys."""
    return one.kind, tuple((part.kind, part.expression) for part in one.components)


@cache
def unions(resource_type: str) -> dict[int, tuple[int, ...]]:
    """Map the parameters of a type that are unions of others, or the same text as another, to those others' numbers.

    Observation's `combo-value-quantity` is `value-quantity` and `component-value-quantity`. What is left of a union's
    paths by the others makes it no union. Patient's `phonetic` is `name`.
    """
    paths = {
        one.number: frozenset(alternatives(one.expression))
        for one in parameters(resource_type).values()
        if one.expression
    }
    found: dict[int, tuple[int, ...]] = {}
    for one in parameters(resource_type).values():
        whole = paths.get(one.number, frozenset())
        twin = _twin(one, whole, paths, resource_type)
        if twin:
            found[one.number] = (twin,)
            continue
        if len(whole) < 2:
            continue
        parts = [
            other.number
            for other in parameters(resource_type).values()
            if paths.get(other.number, whole) < whole and _reads(other) == _reads(one)
        ]
        if parts and frozenset().union(*(paths[part] for part in parts)) == whole:
            found[one.number] = tuple(parts)
    return found


def _twin(one: SearchParameter, whole: frozenset[str], paths: dict[int, frozenset[str]], resource_type: str) -> int:
    """Return the first parameter that reads the same texts, as Patient's `name` does for `phonetic`; 0 for none."""
    if one.kind != "string" or not whole:
        return 0
    same = [
        other.number
        for other in parameters(resource_type).values()
        if paths.get(other.number) == whole and _reads(other) == _reads(one) and other.number < one.number
    ]
    return min(same, default=0)


@cache
def _types() -> dict[int, str]:
    return {one.number: one.type for one in all_parameters()}


def kept_as(number: int) -> tuple[int, ...]:
    """Return the numbers under which the keys of a parameter are kept: its own but for a union's."""
    return unions(_types().get(number, "")).get(number, (number,))
