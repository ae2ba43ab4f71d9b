"""Declarative tables: a source tree becomes FHIR resources with the source of every element."""

from unsilo.mapping.engine import CompiledMap, load
from unsilo.mapping.model import Action, Entry, Mapped, Site

__all__ = ["Action", "CompiledMap", "Entry", "Mapped", "Site", "load"]
