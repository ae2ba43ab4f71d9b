"""What a v2 message asks for beyond its resources: merges, links taken back, whole lists."""

from __future__ import annotations

from unsilo.kernel import Locator
from unsilo.mapping.model import Action, Draft
from unsilo.mapping.v2.frames import Placed
from unsilo.mapping.v2.run import V2Run

__all__ = ["actions_of"]

_LISTS = {
    "AL1": "AllergyIntolerance",
    "PRB": "Condition",
    "DG1": "Condition",
    "IN1": "Coverage",
    "IAM": "AllergyIntolerance",
}


def actions_of(run: V2Run, placed: list[Placed]) -> list[Action]:
    """Return the acts of a message whose resources have their ids."""
    if run.code != "ADT" and not run.site.lists and "MRG" not in [place[0].name for place in placed]:
        return []
    at = _when(run, placed)
    found = [*_merges(run, placed, at), *_parted(run, at), *_snapshots(run, placed, at)]
    if run.code == "ADT" and run.event in ("A29", "A23"):
        kind = "Patient" if run.event == "A29" else "Encounter"
        gone = [d for d in run.drafts if d.type == kind and d.parent is None and _ref(run, d)]
        found += [Action("delete", at, _place(draft), retired=_ref(run, draft)) for draft in gone]
    return found


def _when(run: V2Run, placed: list[Placed]) -> int:
    for name, number in (("EVN", 6), ("EVN", 2), ("MSH", 7)):
        for place in placed:
            if place.segment.name == name:
                text = place.segment.get(number, 0, 1)
                moment = run.program.moment[text] if text else 0
                if moment:
                    return int(moment)
                break
    return 0


def _merges(run: V2Run, placed: list[Placed], at: int) -> list[Action]:
    """A18, A30, A34, A36, A40, A47 and their like: PID survives, MRG is retired; A24 links, A37 parts."""
    kind = "unmerge" if run.event in ("A37", "A53") else "merge"
    found: list[Action] = []
    if run.event in _NOT_PERSONS:
        return found
    for place in placed:
        if place.segment.name != "MRG":
            continue
        survivor = place.frame.find("pt")
        retired = next((d for d in run.drafts if d.type == "Patient" and d.node is place.segment), None)
        if survivor is None or retired is None:
            text = "a merge names no patient to keep or none to retire"
            run.issue("error", "required", text, (place.segment.index, 0, 0, 0, 0), "mapping.v2.merge")
            continue
        mine, other = _ref(run, survivor), _ref(run, retired)
        if mine and other and mine != other:
            source: Locator = (place.segment.index, 1, 0, 0, 0)
            found.append(Action(kind, at, source, survivor=mine, retired=other))
    return found


_NOT_PERSONS = frozenset("A35 A41 A42 A43 A44 A45 A49 A50 A51".split())
"""Events whose MRG names an account, a visit or a number to be moved, not a person to be retired."""


def _parted(run: V2Run, at: int) -> list[Action]:
    """A37 parts the persons of its two PID segments (HL7 v2.8.2, 3.3.37)."""
    if run.code != "ADT" or run.event != "A37":
        return []
    refs = list(dict.fromkeys(_ref(run, d) for d in run.drafts if d.type == "Patient" and d.parent is None))
    if len(refs) != 2 or not all(refs):
        return []
    return [Action("unmerge", at, (0, 9, 0, 0, 0), survivor=refs[0], retired=refs[1])]


def _snapshots(run: V2Run, placed: list[Placed], at: int) -> list[Action]:
    found = []
    for name, how in run.site.lists.items():
        kind = _LISTS.get(name)
        if how != "snapshot" or kind is None:
            continue
        members = [
            d for d in run.drafts if d.type == kind and d.node is not None and d.node.name == name and d.parent is None
        ]
        patient = next((d for d in run.drafts if d.type == "Patient" and d.parent is None), None)
        if patient is None or not _ref(run, patient) or not _carries(run, placed, name):
            continue
        refs = list(dict.fromkeys(ref for ref in (_ref(run, d) for d in members) if ref))
        source: Locator = (members[0].node.index, 0, 0, 0, 0) if members else (0, 9, 0, 0, 0)
        found.append(Action("snapshot", at, source, list=name, patient=_ref(run, patient), present=refs))
    return found


_CARRIERS = {"A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A13", "A14", "A28", "A31", "A60", "P01"}


def _carries(run: V2Run, placed: list[Placed], name: str) -> bool:
    """A list is whole only in a message that carries it: one with such a segment, or of a kind that sends the list."""
    return any(place.segment.name == name for place in placed) or (run.code == "ADT" and run.event in _CARRIERS)


def _ref(run: V2Run, draft: Draft) -> str:
    if id(draft) not in run.alive:
        return ""
    ref = run.program.identities.settle(run, draft)
    return "" if ref == "?" else ref


def _place(draft: Draft) -> Locator:
    return (draft.node.index, 0, 0, 0, 0) if draft.node is not None else None
