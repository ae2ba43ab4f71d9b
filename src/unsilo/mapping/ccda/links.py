"""Entries that name others by their ids (Entry Reference, C-CDA 2.1): the resources of these are referred to."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from unsilo.formats.ccda import Node
from unsilo.kernel import Locator, Row
from unsilo.mapping.model import Draft

__all__ = ["entry_reference", "name_dispensed", "refer_entries"]

_MAY: Final = {
    "addresses": frozenset(("Condition", "Observation", "MedicationStatement", "ServiceRequest")),
}
"""Element -> the types that it may refer to (FHIR R4 Goal)."""
_DRUG: Final = "medicationCodeableConcept"


def entry_reference(run: Any, node: Node, _at: Locator, path: str, rule: str, _rows: list[Row]) -> None:
    """Note that a resource names an entry by its id; all ids are known when every entry was read."""
    if node.get("root"):
        run.notes.setdefault("references", []).append((run.draft, path.partition("[")[0], node, rule))


def refer_entries(run: Any) -> None:
    """Make the references that were noted: to the resources of the entry with the id, or of what its concern holds."""
    noted = run.notes.get("references")
    if not noted:
        return
    known: dict[tuple[str | None, str | None], list[Draft]] = {}
    for draft in run.drafts:
        for node in _named(draft):
            for ident in node.by.get("id", ()):
                known.setdefault((ident.get("root"), ident.get("extension")), []).append(draft)
    for draft, element, ident, rule in noted:
        for target in known.get((ident.get("root"), ident.get("extension")), ()):
            if target is draft or target.type not in _MAY[element]:
                continue
            items = draft.body.setdefault(element, [])
            if not any(item.get("reference") is target for item in items):
                place = f"{ident.path}/@{'extension' if ident.get('extension') else 'root'}"
                draft.rows.append(Row(f"{element}[{len(items)}].reference", rule, place))
                items.append(run.refer(target))


def name_dispensed(run: Any) -> None:
    """Let a dispense that names no product of its own be of the medication whose entry holds it (C-CDA 2.1, 3.68)."""
    orders = {draft.node: draft for draft in run.drafts if draft.type == "MedicationRequest"}
    for draft in run.drafts:
        if draft.type != "MedicationDispense" or _DRUG in draft.body:
            continue
        order = orders.get(draft.node.around("substanceAdministration"))
        if order is None or _DRUG not in order.body:
            continue
        draft.body[_DRUG] = deepcopy(order.body[_DRUG])
        draft.rows += [row for row in order.rows if row.path.startswith(_DRUG)]


def _named(draft: Draft) -> list[Node]:
    """The entry that a resource was made of, and the concern around it."""
    node: Node | None = draft.node
    if node is None or not node.kind:
        return []
    act = node.around("act")
    return [node, act] if act is not None and act.kind.endswith("concern") else [node]
