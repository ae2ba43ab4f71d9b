"""Code systems, value sets, maps and hierarchies over read-only artefact files; pure, the files come through a port."""

from unsilo.terminology.faults import TerminologyError
from unsilo.terminology.model import Concept, Designation, Edition, Hit, Member, Translation
from unsilo.terminology.service import Terminology

__all__ = ["Concept", "Designation", "Edition", "Hit", "Member", "Terminology", "TerminologyError", "Translation"]
