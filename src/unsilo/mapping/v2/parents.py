"""What a message says of two of its resources together: results of a result (OBR-26, OBR-29), linked persons (A24)."""

from __future__ import annotations

from unsilo.formats.hl7v2 import Segment
from unsilo.kernel import Row
from unsilo.mapping.model import Draft
from unsilo.mapping.plan import Join
from unsilo.mapping.v2.frames import Placed
from unsilo.mapping.v2.run import V2Run

__all__ = ["link_parents", "link_persons"]

_MEMBER = Join("hasMember[]", (), "obr.26:parent")


def link_parents(run: V2Run, placed: list[Placed]) -> None:
    """Make each result of a child report a member of its parent result (HL7 v2.8.2, 4.5.3.26 and 7.4.2.4).

    The parent has the code of OBR-26.1 and the sub-identifier of OBR-26.2, in a report whose numbers are those of
    OBR-29. A parent outside the message is left to what the report keeps of OBR-26.
    """
    reports = [place for place in placed if place.segment.name == "OBR"]
    if len(reports) < 2 or not any(place.segment.get(26) for place in reports):
        return
    found: dict[tuple[str, str, str], Draft] = {}
    results: list[tuple[Segment, Draft]] = []
    for place in placed:
        draft = place.frame.vars.get("ob") if place.segment.name == "OBX" else None
        if draft is None:
            continue
        report = run.near(draft, "OBR")
        if report is None:
            continue
        results.append((report, draft))
        code, sub = place.segment.get(3, 0, 1), place.segment.get(4)
        for number in _numbers(report, 2, 3):
            found.setdefault((number, code, sub), draft)
    for report, draft in results:
        if not report.get(26):
            continue
        code, sub = report.get(26, 0, 1, 1), report.get(26, 0, 2)
        for number in _parts(report):
            parent = found.get((number, code, sub))
            if parent is not None and parent is not draft:
                parent.refers(_MEMBER, draft)
                parent.mixed = True
                break


def link_persons(run: V2Run) -> None:
    """A24 links the patients of its two PID segments (HL7 v2.8.2, 3.3.24): each is to be looked at with the other.

    Which of them stays, if they are one person, it does not say.
    """
    if run.code != "ADT" or run.event != "A24":
        return
    persons = [draft for draft in run.drafts if draft.type == "Patient" and draft.parent is None]
    if len(persons) != 2:
        return
    for mine, other in (persons, persons[::-1]):
        links = mine.body.setdefault("link", [])
        at = f"link[{len(links)}]"
        links.append({"other": run.refer(other), "type": "seealso"})
        mine.rows += [Row(f"{at}.other.reference", "adt.a24", None), Row(f"{at}.type", "adt.a24@link", (0, 9, 0, 2, 0))]
        mine.mixed = True


def _numbers(report: Segment, *fields: int) -> list[str]:
    return [report.get(field, 0, 1) for field in fields if report.get(field, 0, 1)]


def _parts(report: Segment) -> list[str]:
    """The placer's and the filler's number of the parent order."""
    return [text for text in (report.get(29, 0, 2, 1), report.get(29, 0, 1, 1)) if text]
