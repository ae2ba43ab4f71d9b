"""Artefacts of terminology: one read-only SQLite file a code system version, and the folder that holds them."""

from unsilo.storage.terminology.artefact import Artefact
from unsilo.storage.terminology.build import Builder, Built
from unsilo.storage.terminology.library import Library, Shelved

__all__ = ["Artefact", "Builder", "Built", "Library", "Shelved"]
