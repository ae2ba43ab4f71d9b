"""Parts of collections (FHIRPath N1, 5.3)."""

from unsilo.fhir.path.context import Site
from unsilo.fhir.path.equality import distinct, key
from unsilo.fhir.path.kinds import Items
from unsilo.fhir.path.registry import eager, whole

__all__: list[str] = []


@eager("single")
def _single(site: Site, items: Items, arguments: list[Items]) -> Items:
    site.one(items)
    return items


@eager("first")
def _first(site: Site, items: Items, arguments: list[Items]) -> Items:
    return items[:1]


@eager("last")
def _last(site: Site, items: Items, arguments: list[Items]) -> Items:
    return items[-1:]


@eager("tail")
def _tail(site: Site, items: Items, arguments: list[Items]) -> Items:
    return items[1:]


@eager("skip", 1)
def _skip(site: Site, items: Items, arguments: list[Items]) -> Items:
    number = whole(site, arguments[0])
    return [] if number is None else items[max(0, number) :]


@eager("take", 1)
def _take(site: Site, items: Items, arguments: list[Items]) -> Items:
    number = whole(site, arguments[0])
    return [] if number is None else items[: max(0, number)]


@eager("intersect", 1)
def _intersect(site: Site, items: Items, arguments: list[Items]) -> Items:
    other = {key(item) for item in arguments[0]}
    return distinct([item for item in items if key(item) in other])


@eager("exclude", 1)
def _exclude(site: Site, items: Items, arguments: list[Items]) -> Items:
    other = {key(item) for item in arguments[0]}
    return [item for item in items if key(item) not in other]
