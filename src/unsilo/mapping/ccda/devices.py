"""What a unique device identifier says: its parts as sent (UDI Organizer, C-CDA 3.0), else as GS1 writes them."""

from __future__ import annotations

import re
from typing import Any, Final

from unsilo.formats.ccda import Node
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.ccda.sections import concept
from unsilo.mapping.ccda.walk import clean_text, path_of

__all__ = ["udi_name", "udi_part", "udi_safety"]

Rows = list[Row]
_GS1: Final = re.compile(r"\((\d{2})\)([^()]+)")
_CARRIER: Final = path_of('id[@root="2.16.840.1.113883.3.3719"]/@extension')
_PARTS: Final = path_of("component/observation[code]")


def udi_part(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> str | None:
    """The part of a device's UDI that the target names: device identifier, lot, serial number, days, model, maker."""
    element = path.rpartition(".")[2]
    value = _value(run, node, element)
    if value is not None:
        said, place = _said(value)
        said = run.dateTime[said] if element.endswith("Date") and said else said
        if said:
            rows.append(Row(path, rule, place))
            return said
    carrier = _CARRIER.first(node)
    for identifier, text in _GS1.findall(carrier.get("extension") or "") if carrier is not None else ():
        if _element(run, f"GS1-{identifier}") == element:
            said = _day(run, f"20{text.strip()}") or "" if element.endswith("Date") else text.strip()
            if said and carrier is not None:
                rows.append(Row(path, rule, f"{carrier.path}/@extension"))
                return said
    return None


def udi_name(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The brand name of a device."""
    value = _value(run, node, "deviceName")
    said, place = _said(value) if value is not None else ("", "")
    if not said:
        return None
    rows += [Row(f"{path}.name", rule, place), Row(f"{path}.type", rule, None)]
    return {"name": said, "type": "user-friendly-name"}


def udi_safety(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """How safe a device is in magnetic resonance, or whether it holds latex."""
    value = _value(run, node, "safety")
    return concept(run, value, path, rule, rows) if value is not None else None


def _value(run: Any, node: Node, element: str) -> Node | None:
    """The value that a UDI organizer gives for an element of Device."""
    known: dict[str, Node | None] | None = run.notes.get(("udi", node))
    if known is None:
        known = {}
        run.notes["udi", node] = known
        carrier = _CARRIER.first(node)
        organizer = _organizer(node, carrier.get("extension") if carrier is not None else None)
        for part in _PARTS.all(organizer) if organizer is not None else ():
            known.setdefault(_element(run, (part.by["code"][0].get("code") or "").strip()), part.first("value"))
    return known.get(element)


def _said(value: Node) -> tuple[str, str]:
    for name in ("extension", "value", "displayName"):
        if said := (value.get(name) or "").strip():
            return said, f"{value.path}/@{name}"
    return clean_text(value), f"{value.path}/text()"


def _organizer(node: Node, carrier: str | None) -> Node | None:
    """The UDI organizer of a device: the one of the same UDI, or the only one of the procedure or supply."""
    owner = node.parent.parent if node.parent is not None else None
    found = path_of('entryRelationship/organizer[kind="udi"]').all(owner) if owner is not None else []
    same = [o for o in found if any(i.get("extension") == carrier for i in o.by.get("id", ()))]
    return same[0] if same else found[0] if len(found) == 1 else None


def _element(run: Any, code: str) -> str:
    hit = run.program.vocabulary("UdiPart")[code]
    return str(hit.code) if hit is not None else ""


def _day(run: Any, text: str) -> str | None:
    when: str | None = run.dateTime[text[:8]] if not text.endswith("00") else run.dateTime[text[:6]]
    return when
