"""`_include` and `_revinclude`: which references to follow from a page (FHIR R4 search.html#include)."""

from functools import cache

from unsilo.fhir.index.unions import kept_as
from unsilo.search.references import targets
from unsilo.search.vocabulary import Vocabulary
from unsilo.spec import r4
from unsilo.spec.parameters import SearchParameter
from unsilo.storage import plan as p

__all__ = ["include"]

Uses = set[tuple[str, str]]


@cache
def _every() -> tuple[str, ...]:
    return tuple(sorted(r4.resource_types()))


def _referring(vocabulary: Vocabulary, kinds: tuple[str, ...], code: str) -> list[SearchParameter]:
    """Return the reference parameters `code` (`*`: all) of some types."""
    found = []
    for kind in kinds:
        if code == "*":
            found += [one for one in vocabulary.parameters(kind).values() if one.kind == "reference"]
        elif (one := vocabulary.parameter(kind, code)) is not None and one.kind == "reference" and one.expression:
            found.append(one)
    return found


def _urls(vocabulary: Vocabulary, params: list[SearchParameter], wanted: tuple[str, ...]) -> tuple[int, ...]:
    """Return the numbers of `url` of the types that canonical references may lead to."""
    kinds = wanted or tuple(dict.fromkeys(target for one in params for target in targets(one)))
    found = (vocabulary.parameter(kind, "url") for kind in kinds)
    return tuple(n for one in found if one is not None and one.kind == "uri" for n in kept_as(one.number))


def include(
    types: tuple[str, ...], raw: str, vocabulary: Vocabulary, *, reverse: bool, iterate: bool
) -> tuple[p.Include, Uses] | str:
    """Read `Source:parameter[:Target]`, `Source:*` or `*`; a text says what is wrong."""
    source, _, rest = raw.partition(":")
    code, _, target = rest.partition(":")
    if raw == "*":
        kinds, code = (_every() if reverse or iterate else types or _every()), "*"
    elif source in r4.resource_types() and code:
        kinds = (source,)
    else:
        return f"{raw[:64]!r} is not Type:parameter"
    if target and target not in r4.resource_types():
        return f"{target[:64]!r} is not a resource type"
    if not reverse and not iterate and types and raw != "*" and source not in types:
        return f"{source} is not what is searched; what is included is followed by :iterate"
    params = _referring(vocabulary, kinds, code)
    if reverse and types and not iterate:
        if target and target not in types:
            return f"{target} is not what is searched"
        params = [one for one in params if not targets(one) or set(targets(one)) & set(types)]
    if not params:
        return f"{raw[:64]!r} is no reference parameter" + (f" to {types[0]}" if reverse and types else "")
    uses = {(one.type, one.code) for one in params}
    numbers = tuple(n for one in params for n in kept_as(one.number))
    sources = tuple(dict.fromkeys(r4.type_number(one.type) for one in params))
    wanted = (r4.type_number(target),) if target else ()
    urls = () if reverse else _urls(vocabulary, params, (target,) if target else ())
    return p.Include(sources, numbers, wanted, reverse, iterate, urls), uses
