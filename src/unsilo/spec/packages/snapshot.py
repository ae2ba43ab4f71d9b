"""A snapshot made from a differential: the base's elements with the profile's changes (R4 profiling.html)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from unsilo.kernel import Json
from unsilo.spec.packages.archive import PackageError
from unsilo.spec.packages.tree import Node, based, grow, identities, parts

__all__ = ["snapshot"]

_BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
_DEEPEST: Final = 40
_MOST: Final = 50_000
_ADDED: Final = {"constraint": "key", "mapping": "identity", "condition": "", "alias": "", "example": "label"}
"""Lists that a profile adds to, and by what an entry is known: others it replaces."""
_OPEN: Final = {"ordered": False, "rules": "open"}

Lookup = Callable[[str], Json | None]


class _Builder:
    """Applies one differential to one base."""

    def __init__(self, definition: Json, base: Json, lookup: Lookup) -> None:
        self.name = str(definition.get("url", definition.get("id", "")))
        self.root = grow(base["snapshot"]["element"])
        self.lookup = lookup
        self.new = definition.get("derivation") != "constraint"
        self.nodes = 0

    def wrong(self, what: str) -> PackageError:
        return PackageError(f"{self.name}: {what}")

    def count(self, more: int = 1) -> None:
        self.nodes += more
        if self.nodes > _MOST:
            raise self.wrong("its snapshot would be too large")

    def structure(self, canonical: str) -> Json | None:
        return self.lookup(canonical if ":" in canonical else _BASE + canonical)

    def unfold(self, node: Node, path: str) -> None:
        """Give a node the children of what it repeats or of its type, when it has none yet."""
        if node.children or node.unfolded:
            return
        node.unfolded = True
        content = str(node.element.get("contentReference", ""))
        if content:
            source = self.find(content.rpartition("#")[2])
            if source is None:
                raise self.wrong(f"{path} repeats {content}, which is not there")
            self.unfold(source, path)
            node.element = {k: v for k, v in node.element.items() if k != "contentReference"}
            node.element |= {"type": source.element.get("type", [])}
            node.children = {name: child.copy() for name, child in source.children.items()}
            return
        kinds = node.element.get("type", [])
        if len({kind.get("code") for kind in kinds}) != 1:
            raise self.wrong(f"{path} must have one type before its children are constrained")
        kind = kinds[0]
        profiles = kind.get("profile", []) if len(kinds) == 1 else []
        source_definition = self.structure(profiles[0].partition("#")[0]) if len(profiles) == 1 else None
        if source_definition is None:
            source_definition = self.structure(str(kind.get("code", "")))
        if source_definition is None or "snapshot" not in source_definition:
            raise self.wrong(f"{path} is of type {kind.get('code')}, which is not known")
        elements = source_definition["snapshot"]["element"]
        self.count(len(elements))
        node.children = grow(elements).children

    def find(self, identity: str) -> Node | None:
        """Return the node of an id in the tree as it stands."""
        node: Node | None = self.root
        for name, piece in parts(identity):
            node = node.children.get(name) if node else None
            if node and piece:
                node = node.slices.get(piece)
        return node

    def place(self, identity: str, element: Json) -> Node:
        """Return the node that a differential's element changes, made where it is a new slice or a new element."""
        steps = parts(identity)
        if len(steps) > _DEEPEST:
            raise self.wrong(f"{identity[:100]} is too deep")
        node, path = self.root, identity.split(".")[0]
        for at, (name, piece) in enumerate(steps):
            last = at == len(steps) - 1
            path = f"{path}.{name}"
            node = self.child(node, name, path, element if last else None)
            if piece:
                node = self.slice(node, name, piece)
            elif last and (said := element.get("sliceName")) and node.element.get("sliceName") != said:
                node = self.slice(node, name, str(said))
        return node

    def child(self, node: Node, name: str, path: str, element: Json | None) -> Node:
        if not (self.new and name not in node.children and element is not None and "type" in element):
            self.unfold(node, path.rpartition(".")[0])
        if name in node.children:
            return node.children[name]
        for stem, found in node.children.items():
            start = stem.removesuffix("[x]")
            if stem != start and name.startswith(start) and self.kind_of(found, name[len(start) :]):
                return self.only(found, stem, name)
        if not self.new:
            raise self.wrong(f"{path} is not in its base")
        self.count()
        made = node.children[name] = Node(based({"path": path, "min": 0, "max": "*"} | (element or {})))
        return made

    def only(self, node: Node, stem: str, name: str) -> Node:
        """Return the slice that an element `valueQuantity` stands for: the choice has no types but those named so.

        HL7 publishes all profiles of R4 that use the short form so, whether the slice is required or not.
        """
        kind = self.kind_of(node, name[len(stem) - 3 :])
        found = self.slice(node, stem, name)
        if kind and not found.kinds:
            now = node.element.get("type", []) if node.kinds else []
            node.kinds = node.kinds or node.element.get("type", [])
            rules = {**node.element["slicing"], "rules": "closed"}
            node.element = {**node.element, "type": [*now, kind], "slicing": rules}
            found.kinds, found.element = [kind], {**found.element, "type": [kind]}
        return found

    def kind_of(self, node: Node, said: str) -> Json | None:
        kinds = node.kinds or node.element.get("type", [])
        return next((k for k in kinds if str(k.get("code", ""))[:1].upper() + str(k.get("code", ""))[1:] == said), None)

    def slice(self, node: Node, name: str, piece: str) -> Node:
        """Return the slice of a node; a new one starts as the element that it slices, and need not be there.

        A name given to an element that nobody slices is but a name: the element itself is meant.
        """
        if piece in node.slices:
            return node.slices[piece]
        if "slicing" not in node.element:
            discriminator = {"type": "value", "path": "url"}
            if name.endswith("[x]"):
                discriminator = {"type": "type", "path": "$this"}
            if not name.endswith("[x]") and name not in ("extension", "modifierExtension"):
                return node
            node.element = {**node.element, "slicing": {"discriminator": [discriminator], **_OPEN}}
        above = node.slices.get(piece.rpartition("/")[0]) or node
        made = Node({k: v for k, v in above.element.items() if k != "slicing"} | {"min": 0, "sliceName": piece})
        made.children = {key: child.copy() for key, child in above.children.items()}
        self.count(1 + len(made.children))
        node.slices[piece] = made
        return made

    def apply(self, element: Json, identity: str) -> None:
        node = self.place(identity, element)
        node.element = _merged(node.element, element)


def _merged(base: Json, change: Json) -> Json:
    """Return an element with a profile's changes: lists of rules grow, all else is replaced."""
    made = base | {k: v for k, v in change.items() if k not in ("id", "path", "base")}
    for name, key in _ADDED.items():
        if name in base and name in change:
            known: list[Any] = [entry[key] if key and isinstance(entry, dict) else entry for entry in base[name]]
            new = [e for e in change[name] if (e.get(key) if key and isinstance(e, dict) else e) not in known]
            made[name] = [*base[name], *new]
    # What modifies the meaning or belongs to a summary is the base's to say; extensions say it of themselves.
    made |= {name: True for name in ("isModifier", "isSummary") if base.get(name)}
    for start in ("fixed", "pattern"):
        names = [k for k in change if k.startswith(start)]
        if names:
            made = {k: v for k, v in made.items() if not k.startswith(start) or k in names}
    return made


def snapshot(definition: Json, base: Json, lookup: Lookup) -> list[Json]:
    """Return the elements of the snapshot of a StructureDefinition whose base has one.

    `lookup` answers StructureDefinitions with snapshots by canonical URL. PackageError when the differential names
    elements that the base does not have, goes into a type that is not known, or would grow without bound.
    """
    changes = definition.get("differential", {}).get("element", [])
    if not isinstance(changes, list) or not all(
        isinstance(e, dict) and isinstance(e.get("path"), str) for e in changes
    ):
        raise PackageError(f"{definition.get('url', '')}: its differential is no list of elements")
    builder = _Builder(definition, base, lookup)
    for element, identity in zip(changes, identities(changes), strict=True):
        if "." in element["path"]:
            builder.apply(element, identity)
        else:
            builder.root.element = _merged(builder.root.element, element)
    name = str(definition.get("type", "")).rpartition("/")[2] or base["snapshot"]["element"][0]["path"]
    return list(builder.root.walk(name, name))
