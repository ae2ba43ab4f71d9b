"""Where definitions come from: packages that were added, the latest first, then FHIR R4's own."""

from __future__ import annotations

from functools import cache

from unsilo.kernel import Json
from unsilo.spec import definitions as core
from unsilo.spec.r4 import resource_types
from unsilo.validation.validator import Validator
from unsilo.validation.value_sets import Definitions

__all__ = ["Library", "validator"]


class Library:
    """Several sources asked one after the other."""

    def __init__(self, *sources: Definitions) -> None:
        self._sources = sources

    def structure(self, url: str) -> Json | None:
        """Return a StructureDefinition by `url` or `url|version`."""
        return next((found for each in self._sources if (found := each.structure(url)) is not None), None)

    def value_set(self, url: str) -> Json | None:
        """Return a ValueSet by `url` or `url|version`."""
        return next((found for each in self._sources if (found := each.value_set(url)) is not None), None)

    def code_system(self, url: str) -> Json | None:
        """Return a CodeSystem by `url` or `url|version`."""
        return next((found for each in self._sources if (found := each.code_system(url)) is not None), None)


@cache
def validator(*packages: Definitions) -> Validator:
    """Return the validator of this process for FHIR R4 and some packages."""
    return Validator(Library(*packages, core) if packages else core, resource_types())
