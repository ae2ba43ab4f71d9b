"""Governed maps: which standard code a local code means here, who decided it, and how it is added to a resource."""

from unsilo.terminology.maps.apply import NOTHING, Rule, Snapshot, add_codings
from unsilo.terminology.maps.elements import ELEMENTS, Element, LocalCode, is_standard, local_codes, system_name
from unsilo.terminology.maps.entry import APPLIED, RELATIONSHIPS, Entry, Event, key_of, move
from unsilo.terminology.maps.port import MapStore

__all__ = [
    "APPLIED", "ELEMENTS", "NOTHING", "RELATIONSHIPS", "Element", "Entry", "Event", "LocalCode", "MapStore", "Rule",
    "Snapshot", "add_codings", "is_standard", "key_of", "local_codes", "move", "system_name",
]  # fmt: skip
