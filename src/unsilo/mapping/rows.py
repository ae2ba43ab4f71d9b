"""The rows of the mapping tables as values (docs/reference/mapping-tables.md)."""

from __future__ import annotations

import msgspec

__all__ = [
    "KINDS",
    "CodeRow",
    "EventRow",
    "MapRow",
    "MessageRow",
    "ResourceRow",
    "StructureRow",
    "SystemRow",
    "TableSet",
]


class MapRow(msgspec.Struct, frozen=True):
    """One assignment: `source` of a node goes to `target` of a resource or data type."""

    id: str
    map: str
    source: str = ""
    when: str = ""
    target: str = ""
    type: str = ""
    vocab: str = ""
    const: str = ""
    note: str = ""


class MessageRow(msgspec.Struct, frozen=True):
    """One resource that a place in a message makes or adds to."""

    id: str
    map: str
    at: str = ""
    under: str = ""
    when: str = ""
    make: str = ""
    as_: str = msgspec.field(default="", name="as")
    use: str = ""
    link: str = ""
    back: str = ""
    note: str = ""


class CodeRow(msgspec.Struct, frozen=True):
    """One code of a vocabulary and what it becomes."""

    id: str
    vocab: str
    code: str
    text: str = ""
    target: str = ""
    display: str = ""
    system: str = ""
    source_system: str = ""
    note: str = ""


class ResourceRow(msgspec.Struct, frozen=True):
    """One rule for a resource type: identity, clock, rank, required, default, security."""

    id: str
    resource: str
    rule: str
    order: str = "1"
    element: str = ""
    value: str = ""
    note: str = ""


class SystemRow(msgspec.Struct, frozen=True):
    """The URI of a coding system's name."""

    id: str
    name: str
    uri: str
    note: str = ""


class StructureRow(msgspec.Struct, frozen=True):
    """One group or segment of a message structure."""

    structure: str
    path: str
    repeat: str = "1"


class EventRow(msgspec.Struct, frozen=True):
    """The structure that a trigger event is read as."""

    event: str
    structure: str
    note: str = ""


KINDS: dict[str, type] = {
    "maps": MapRow,
    "messages": MessageRow,
    "vocabularies": CodeRow,
    "resources": ResourceRow,
    "systems": SystemRow,
    "structures": StructureRow,
    "events": EventRow,
}


class TableSet(msgspec.Struct):
    """All rows of one format after its layers, in order; `digest` names their content."""

    format: str
    maps: dict[str, list[MapRow]] = {}
    messages: list[MessageRow] = []
    vocabularies: dict[str, list[CodeRow]] = {}
    resources: dict[str, list[ResourceRow]] = {}
    systems: dict[str, str] = {}
    structures: dict[str, list[StructureRow]] = {}
    events: dict[str, str] = {}
    digest: str = ""
