"""All that is wrong with a site's overlay, each fault with its line: what cannot be read, is not known, or not FHIR."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import msgspec

from unsilo.kernel import Issue, Where
from unsilo.kernel.issue import Code, Severity
from unsilo.mapping.engine import load
from unsilo.mapping.model import Site
from unsilo.mapping.overlay import Overlay, read_overlay
from unsilo.mapping.paths import Step, parse_target
from unsilo.spec import r4

__all__ = ["faults"]

_TABLES = "docs/reference/mapping-tables.md"


def faults(fmt: str, site: Site) -> list[Issue]:
    """Return the Issues of an overlay for a format: errors that keep it from working, warnings of what does nothing.

    Everything that it touches is compiled. Each `where.path` begins with `overlay, line N` where the line is known.
    """
    if not site.overlay.strip():
        return []
    read = read_overlay(site.overlay)
    own = read.value
    if own is None:
        return read.issues
    if fmt not in ("hl7v2", "ccda"):
        return [_issue("error", "not-supported", f"a feed of format {fmt} has no tables that it could change", 0, "")]
    found = _compiled(fmt, site, own)
    placed = [*(_placed(issue, own) for issue in found), *_targets(own)]
    return sorted(dict.fromkeys(placed), key=lambda issue: (_line(issue.where.path), issue.where.path))


def _compiled(fmt: str, site: Site, own: Overlay) -> list[Issue]:
    """Return what layering and compiling say of all that message rows use, and of the overlay's own maps."""
    opened: Any = load(fmt, site)
    program = opened.program
    if fmt == "hl7v2":
        issues: list[Issue] = opened.check()
    else:
        issues = [*import_module("unsilo.mapping.ccda").faults_of(site)]
    maps = {row["map"] for row in own.add if "target" in row and "map" in row}
    used = {part.strip() for row in program.tables.messages for part in row.use.split(";")}
    used |= {row.type for rows in program.tables.maps.values() for row in rows}
    for name in sorted(maps):
        program.general(name)
        if name not in used:
            row = next(row for row in own.add if row.get("map") == name and "target" in row)
            text = f"nothing uses the map {name}, so this row does nothing"
            hint = "add a message row with its `at`, and the map in its `use`"
            line = own.line(f"row:{row.get('id', '')}")
            issues.append(_issue("warning", "business-rule", text, line, row.get("id", ""), hint))
    return [*issues, *program.faults]


def _targets(own: Overlay) -> list[Issue]:
    """Return the rows of an overlay whose target R4 does not have."""
    found = []
    for row in own.add:
        if "target" not in row or "map" not in row:
            continue
        try:
            steps = parse_target(row["target"])
        except ValueError:
            continue  # said by the compiler
        text = _unknown(row["map"].partition("[")[2].rstrip("]"), steps)
        if text:
            line = own.line(f"row:{row.get('id', '')}")
            found.append(_issue("error", "business-rule", text, line, row.get("id", "")))
    return found


def _unknown(root: str, steps: tuple[Step, ...]) -> str:
    """Say which step of a target is not an element of R4; empty when all are."""
    context = root.partition("-")[0]
    for step in steps:
        element = r4.child(context, step.name.removeprefix("_"))
        if element is None:
            return f"{context} has no element {step.name} (FHIR R4)"
        if element.many and step.label is None and not step.name.startswith("_"):
            return f"{context}.{step.name} is a list: write {step.name}[] or {step.name}[label]"
        if not element.many and step.label is not None:
            return f"{context}.{step.name} is no list"
        context = step.type or ("Element" if step.name.startswith("_") else element.context)
    return ""


def _placed(issue: Issue, own: Overlay) -> Issue:
    """Give an Issue of a row the line of that row, where the overlay has it."""
    if issue.where.path.startswith("overlay"):
        return issue
    key = issue.where.path
    line = own.line(f"row:{key}", f"drop:{key}", f"systems:{key}")
    path = f"overlay, line {line}, {key}" if line else key
    return msgspec.structs.replace(issue, where=Where(path, issue.where.span))


def _issue(severity: Severity, code: Code, text: str, line: int, key: str, hint: str = "") -> Issue:
    place = f"overlay, line {line}" if line else "overlay"
    where = Where(f"{place}, {key}" if key else place)
    return Issue(severity, code, text, where, hint or f"see {_TABLES}", "mapping.overlay")


def _line(path: str) -> int:
    number = path.removeprefix("overlay, line ").partition(",")[0]
    return int(number) if number.isascii() and number.isdigit() else 0
