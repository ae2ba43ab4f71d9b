"""Two collections made one (FHIRPath N1, 5.4)."""

from unsilo.fhir.path.context import Site
from unsilo.fhir.path.equality import distinct
from unsilo.fhir.path.kinds import Items
from unsilo.fhir.path.registry import eager

__all__: list[str] = []


@eager("union", 1)
def _union(site: Site, items: Items, arguments: list[Items]) -> Items:
    return distinct([*items, *arguments[0]])


@eager("combine", 1)
def _combine(site: Site, items: Items, arguments: list[Items]) -> Items:
    return [*items, *arguments[0]]
