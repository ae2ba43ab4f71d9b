"""What compiled C-CDA maps call: places of nodes, resources made from a node, narrative texts, variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from unsilo.formats.ccda import Document, Node
from unsilo.kernel import Envelope, Json, Locator, Row
from unsilo.mapping.ccda.walk import Path, clean_text, path_of
from unsilo.mapping.model import Draft
from unsilo.mapping.runtime import Maker, Run, T, sourced
from unsilo.mapping.values import Vocabulary

if TYPE_CHECKING:
    from unsilo.mapping.program import Program

__all__ = ["CcdaRun", "Frame"]

_RECORD: Final = path_of("recordTarget/patientRole")
_PATIENT_MAY: Final = frozenset(
    "AllergyIntolerance CareTeam Composition Condition DeviceRequest DocumentReference Goal MedicationRequest "
    "MedicationStatement Nothing Observation Procedure ServiceRequest".split()
)
"""Types whose authors and performers may be the patient (FHIR R4); `Nothing` is what has not got a type yet."""


class Frame:
    """The variables made at one node of a message row, inside those of the rows around it."""

    __slots__ = ("parent", "vars")

    def __init__(self, parent: Frame | None) -> None:
        self.parent = parent
        self.vars: dict[str, Draft] = {}

    def find(self, name: str) -> Draft | None:
        """The resource of a variable, here or around."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.vars:
                return frame.vars[name]
            frame = frame.parent
        return None


class CcdaRun(Run):
    """The mapping of one document."""

    tree: Document

    def __init__(self, program: Program, envelope: Envelope, tree: Document) -> None:
        super().__init__(program, envelope, tree)
        self.narratives = tree.ids()
        self.sections: dict[Node, tuple[Json, str]] = {}
        self.control_id = ""
        self.kinds: dict[str, list[Node]] = {}
        self.taken: set[Node] = set()
        self.twins: dict[tuple[str, bytes], tuple[Draft, str]] = {}
        self.read: dict[str | tuple[str, Node], tuple[str, Locator]] = {}
        self.own = _own_ids(tree)

    def uri_of(self, name: str) -> str:
        """The URI of a code system's OID; UUIDs and URIs as such; "" when it is neither."""
        return str(self.program.system_of[name.strip()])

    def says(self, node: Node | None) -> str:
        """All text of an element, "" without one."""
        return clean_text(node) if node is not None else ""

    def variable(self, draft: Draft, name: str) -> Draft | None:
        """The resource of a variable as a draft's row sees it."""
        frame = draft.frame
        found: Draft | None = frame.find(name) if frame is not None else None
        return found

    def unmapped_code(
        self,
        obj: Json,
        key: str,
        where: str,
        code: str,
        vocabulary: Vocabulary,
        rule: str,
        place: Locator,
        rows: list[Row],
    ) -> None:
        """A set of codes (`HP BAD`, CDA's set_cs) stands for the last of them that the vocabulary knows."""
        known = [hit for part in code.split() if (hit := vocabulary[part]) is not None and hit.code]
        if not known or " " not in code or key in obj:
            super().unmapped_code(obj, key, where, code, vocabulary, rule, place, rows)
            return
        obj[key] = known[-1].code
        rows.append(T((f"{where}.{key}" if where else key, rule, place)))

    def join(self, node: Node, *pieces: str | Path) -> tuple[str, list[Locator]]:
        """Texts and paths side by side; nothing when no path is valued."""
        said: list[str] = []
        places: list[Locator] = []
        for piece in pieces:
            if isinstance(piece, str):
                said.append(piece)
                continue
            found = piece.first(node)
            if found is not None:
                said.append(piece.read(found))
                places.append(found.path + piece.suffix)
        return ("".join(said).strip() if places else "", places)

    def _own(self, node: Node) -> Draft | None:
        """The patient when a person has one of the patient's own numbers."""
        for ident in node.by.get("id", ()):
            if (ident.get("root"), ident.get("extension")) in self.own:
                self.again = f"{ident.path}/@extension"
                return next((draft for draft in self.drafts if draft.type == "Patient"), None)
        return None

    def make(self, maker: Maker, node: Node, rule: str, parent: Draft) -> Draft | None:
        """The resource that a map makes of a node; the same node is the same resource wherever it is asked for."""
        key: Any = (maker.name, node)
        if key in self.made:
            self.again = node.path or None
            return self.made[key]
        if self.own and maker.type == "Practitioner" and parent.type in _PATIENT_MAY and (found := self._own(node)):
            self.made[key] = found
            return found
        self.again = None
        twin = self.twins.get((maker.name, node.source)) if node.source else None
        if twin is not None:
            self.made[key] = _told_again(twin[0], twin[1], node.path, rule)
            return twin[0]
        draft = Draft.new(maker.type, rule, parent.frame, node)
        draft.parent = parent
        maker.function(self, node, draft, rule)
        self.again = None
        if len(draft.body) < 2 or not sourced(draft.rows, 0):
            self.made[key] = None
            return None
        self.made[key] = draft
        if node.source:
            self.twins[maker.name, node.source] = draft, node.path
        self.drafts.append(draft)
        return draft


def _own_ids(tree: Document) -> frozenset[tuple[str, str]]:
    """The numbers of the patient, by which patients are named who say or do something themselves."""
    ids = [i for role in _RECORD.owners(tree.root) for i in role.by.get("id", ())]
    return frozenset([(i.get("root") or "", i.get("extension") or "") for i in ids if i.get("extension")])


def _told_again(draft: Draft, first: str, place: str, rule: str) -> Draft:
    """Cite a second place that says the very same of a party as the first one did, by the rule that led there."""
    start, inside, caller = len(first), first + "/", len(draft.rule)
    more = []
    for path, by, at in draft.rows:
        if isinstance(at, str) and at.startswith(inside):
            more.append(T((path, rule + by[caller:] if by.startswith(draft.rule) else by, place + at[start:])))
    draft.rows += more
    return draft
