"""Decisions in files: CSV, FHIR ConceptMap, and the CSV of Usagi, read and written; pure, text in and text out."""

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec

from unsilo.kernel import Issue, Json, Result, Where
from unsilo.terminology.maps.elements import ELEMENTS
from unsilo.terminology.maps.entry import RELATIONSHIPS, Entry, faults

__all__ = [
    "COLUMNS",
    "FORMATS",
    "USAGI",
    "concept_maps",
    "name_of",
    "of_concept_map",
    "read_rows",
    "to_csv",
    "to_usagi",
]

FORMATS = ("csv", "fhir", "usagi")
COLUMNS = (
    "element", "system", "code", "label", "feed", "unit", "specimen", "target_system", "target_code", "target_display",
    "relationship", "state", "version", "origin", "score", "author", "reviewer", "at", "reason",
)  # fmt: skip
USAGI = (
    "sourceCode", "sourceName", "sourceFrequency", "sourceAutoAssignedConceptIds", "matchScore", "mappingStatus",
    "equivalence", "statusSetBy", "statusSetOn", "conceptId", "conceptName", "domainId", "mappingType", "comment",
    "createdBy", "createdOn", "assignedReviewer",
)  # fmt: skip
"""Columns of Usagi 1.4's saved file. It knows no unit and no code system of the source."""
_EQUIVALENCE = {
    "EQUAL": "equal", "EQUIVALENT": "equivalent", "WIDER": "wider", "NARROWER": "narrower", "INEXACT": "inexact",
    "UNMATCHED": "unmatched", "UNREVIEWED": "equivalent", "": "equivalent",
}  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t")
_MOST = 20


def _safe(text: str) -> str:
    """Return a cell that no spreadsheet runs; reading takes the quote away again."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _bare(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def _written(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return out.getvalue()


def to_csv(entries: Iterable[Entry]) -> str:
    """Write entries with everything that is known of them."""
    return _written(COLUMNS, ([str(getattr(entry, name)) for name in COLUMNS] for entry in entries))


def to_usagi(entries: Iterable[Entry]) -> str:
    """Write entries as Usagi saves them; the target's code stands in `conceptId`, since this node has no OMOP ids."""
    rows = []
    for entry in entries:
        status = {"published": "APPROVED", "approved": "APPROVED", "refused": "INVALID_TARGET"}.get(
            entry.state, "UNCHECKED"
        )
        known = {
            "sourceCode": entry.code, "sourceName": entry.label, "matchScore": f"{entry.score:.2f}",
            "mappingStatus": status, "equivalence": entry.relationship.upper(), "statusSetBy": entry.reviewer,
            "statusSetOn": str(entry.at // 1000), "conceptId": entry.target_code, "conceptName": entry.target_display,
            "mappingType": "MAPS_TO", "comment": entry.reason, "createdBy": entry.author,
        }  # fmt: skip
        rows.append([known.get(name, "") for name in USAGI])
    return _written(USAGI, rows)


def concept_maps(entries: Iterable[Entry], base: str) -> list[Json]:
    """Return R4 ConceptMaps, one for each element and feed, of the entries that are in use or were.

    The version is the highest of its entries; unit, author and reviewer stand in the comment.
    """
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        found.setdefault((entry.element, entry.feed), []).append(entry)
    maps: list[Json] = []
    for (element, feed), each in sorted(found.items()):
        name = name_of(element, feed)
        groups: dict[tuple[str, str], dict[str, Json]] = {}
        for entry in each:
            source = groups.setdefault((entry.system, entry.target_system), {})
            item = source.setdefault(entry.code, {"code": entry.code, "target": []})
            if entry.label:
                item["display"] = entry.label
            item["target"].append(_target(entry))
        maps.append({
            "resourceType": "ConceptMap", "url": f"{base}/{name}", "version": str(max(e.version for e in each)),
            "name": name.replace("-", "_"), "title": f"{element} of {feed or 'all feeds'}", "status": "active",
            "group": [
                {**({"source": system} if system else {}), "target": target, "element": list(elements.values())}
                for (system, target), elements in groups.items()
            ],
        })  # fmt: skip
    return maps


def name_of(element: str, feed: str) -> str:
    """Return the last part of the url of the map of an element and a feed."""
    return "-".join(["local-codes", element.replace(".", "-").lower(), *([feed] if feed else [])])


def _target(entry: Entry) -> Json:
    said = {"unit": entry.unit, "author": entry.author, "reviewer": entry.reviewer, "reason": entry.reason}
    target: Json = {"code": entry.target_code, "equivalence": entry.relationship}
    if entry.target_display:
        target["display"] = entry.target_display
    comment = "; ".join(f"{name}: {value}" for name, value in said.items() if value)
    if comment:
        target["comment"] = comment
    return target


def _fault(row: int, text: str) -> Issue:
    return Issue("error", "structure", text, Where(f"row {row}"), rule="maps.file")


def read_rows(
    rows: Sequence[tuple[int, dict[str, str]]], defaults: Entry
) -> Result[list[Entry]]:  # fmt: skip
    """Make entries of the rows of a CSV, ours or Usagi's; no value when one is wrong, with each row that is.

    `defaults` says element, systems and feed where a file has no such column. State and history of a file are not
    taken over: what is imported is a proposal.
    """
    found: list[Entry] = []
    wrong: list[Issue] = []
    paths = {element.path for element in ELEMENTS.values()}
    for number, cells in rows:
        row = {name: _bare(text) for name, text in cells.items()}
        entry = _of_usagi(row, defaults) if row.get("sourcecode") else _of_csv(row, defaults)
        issues = faults(entry)
        if entry.element not in paths:
            issues.append(
                Issue("error", "value", f"{entry.element[:60] or 'nothing'} is no element: {', '.join(paths)}")
            )
        wrong += [_fault(number, issue.text) for issue in issues]
        found.append(entry)
    if wrong:
        more = (
            [Issue("error", "structure", f"{len(wrong) - _MOST} more errors", rule="maps.file")]
            if len(wrong) > _MOST
            else []
        )
        return Result(None, [*wrong[:_MOST], *more])
    return Result(found)


def _of_csv(row: dict[str, str], defaults: Entry) -> Entry:
    names = (
        "element", "system", "code", "label", "feed", "unit", "specimen", "target_system", "target_code",
        "target_display", "relationship", "reason",
    )  # fmt: skip
    given = {name: row[name] for name in names if row.get(name)}
    return msgspec.structs.replace(defaults, **given)


def _of_usagi(row: dict[str, str], defaults: Entry) -> Entry:
    equivalence = row.get("equivalence", "").upper()
    return msgspec.structs.replace(
        defaults, code=row["sourcecode"], label=row.get("sourcename", ""), target_code=row.get("conceptid", ""),
        target_display=row.get("conceptname", ""), relationship=_EQUIVALENCE.get(equivalence, equivalence.lower()),
        reason=row.get("comment", ""),
    )  # fmt: skip


def of_concept_map(resource: Json, defaults: Entry) -> Result[list[Entry]]:
    """Make entries of an R4 ConceptMap; targets without a code or with `unmatched` are passed over, and told."""
    if resource.get("resourceType") != "ConceptMap":
        return Result(None, [Issue("error", "structure", "this is no ConceptMap", rule="maps.file")])
    found: list[Entry] = []
    notes: list[Issue] = []
    groups = resource.get("group")
    for at, group in enumerate(groups if isinstance(groups, list) else []):
        elements = group.get("element") if isinstance(group, dict) else None
        for n, element in enumerate(elements if isinstance(elements, list) else []):
            targets = element.get("target") if isinstance(element, dict) else None
            for target in targets if isinstance(targets, list) else []:
                where = Where(f"group[{at}].element[{n}]")
                how = str(target.get("equivalence") or "equivalent") if isinstance(target, dict) else ""
                if not how or not target.get("code") or how == "unmatched" or how not in RELATIONSHIPS:
                    notes.append(Issue("warning", "value", "no target with a code", where, rule="maps.file"))
                    continue
                entry = msgspec.structs.replace(
                    defaults, system=str(group.get("source") or defaults.system), code=str(element.get("code") or ""),
                    label=str(element.get("display") or ""), target_system=str(group.get("target") or ""),
                    target_code=str(target["code"]), target_display=str(target.get("display") or ""), relationship=how,
                )  # fmt: skip
                wrong = faults(entry)
                notes += [msgspec.structs.replace(issue, where=where) for issue in wrong]
                if not wrong:
                    found.append(entry)
    if any(issue.severity == "error" for issue in notes):
        return Result(None, notes[:_MOST])
    return Result(found, notes[:_MOST])
