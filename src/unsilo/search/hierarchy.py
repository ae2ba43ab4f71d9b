"""`:above` and `:below` of references to what is part of others (FHIR R4 search.html, searching hierarchies)."""

from functools import cache

import msgspec

from unsilo.fhir.index.unions import kept_as
from unsilo.search.ask import Ask
from unsilo.search.references import reference
from unsilo.spec import parameters as standard
from unsilo.spec import r4
from unsilo.spec.parameters import SearchParameter
from unsilo.storage import plan as p

__all__ = ["hierarchical", "related"]

_PARTS = ("partof", "part-of", "parent")


@cache
def _part_of(kind: str) -> SearchParameter | None:
    """Return the parameter by which a resource names the one of its own type that it is a part of."""
    found = (standard.parameter(kind, code) for code in _PARTS)
    return next((one for one in found if one is not None and kind in one.targets and one.expression), None)


def hierarchical(allowed: tuple[str, ...]) -> bool:
    """Tell whether a reference to one of these types may lead into a hierarchy."""
    return any(_part_of(kind) is not None for kind in allowed)


def related(
    name: str, text: str, ask: Ask, sp: tuple[int, ...], allowed: tuple[str, ...], *, below: bool
) -> p.Node | None:  # fmt: skip
    """Read one reference; what is a part of it counts too, or (above) what it is a part of."""
    found = reference(name, text, ask, sp, allowed, "")
    if not isinstance(found, p.Reference):
        if found is not None:
            ask.refuse(name, "only what is stored here has a known place in a hierarchy", "such as Location/1")
        return None
    made: list[p.Node] = []
    plain: list[int] = []
    for number in found.types:
        kind = r4.type_name(number)
        link = _part_of(kind)
        if link is None:
            plain.append(number)
        else:
            ask.uses.add((kind, link.code))
            made.append(p.Related(found.sp, (number,), found.ids, kept_as(link.number), below))
    if plain:
        made.append(msgspec.structs.replace(found, types=tuple(plain)))
    return made[0] if len(made) == 1 else p.Any(tuple(made))
