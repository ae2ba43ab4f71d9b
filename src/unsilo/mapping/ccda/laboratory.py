"""Which results of a document a laboratory made; C-CDA's Results section holds imaging and heart tests as well."""

from __future__ import annotations

import re
from typing import Any, Final

from unsilo.formats.ccda import Node
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.ccda.walk import path_of

__all__ = ["laboratory_report", "laboratory_result"]

_OBSERVATION: Final = ("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory", "Laboratory")
_REPORT: Final = ("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB", "Laboratory")
_LOINC: Final = "2.16.840.1.113883.6.1"
_IN_VOLUME: Final = re.compile(r"/(?:[dcmunpf]?[Ll]|[cm]?m3|10\*\d\.?[Ll])(?![A-Za-z\[])")
"""A unit in a volume: nothing but a substance, a cell or a catalyst in a liquid is measured so."""
_MOST: Final = 200


def laboratory_result(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: list[Row]) -> Json | None:
    """The category of a result that its specimen, its code or its unit, or a neighbour's in its battery, shows."""
    battery = node.around("organizer")
    return _category(run, battery if battery is not None else node, path, rule, rows, _OBSERVATION)


def laboratory_report(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: list[Row]) -> Json | None:
    """The category of a battery of which any result is a laboratory's."""
    return _category(run, node, path, rule, rows, _REPORT)


def _category(run: Any, node: Node, path: str, rule: str, rows: list[Row], coding: tuple[str, str, str]) -> Json | None:
    sign = _sign(run, node)
    if sign is None:
        return None
    rows += [Row(f"{path}.coding[0].{name}", f"{rule}@code", sign) for name in ("system", "code", "display")]
    return {"coding": [dict(zip(("system", "code", "display"), coding, strict=True))]}


def _sign(run: Any, battery: Node) -> Locator | None:
    """Where a battery or a single result shows that a laboratory made it."""
    results = [battery] if battery.name == "observation" else path_of("component/observation").all(battery)[:_MOST]
    common = run.program.vocabulary("LaboratoryCode")
    for node in (battery, *results):
        code = node.first("code")
        if code is not None and code.get("codeSystem") == _LOINC and common[(code.get("code") or "").strip()]:
            return f"{code.path}/@code"
        specimen = path_of("specimen/specimenRole").first(node)
        if specimen is not None:
            return str(specimen.path)
    for node in results:
        for value in node.kids:
            if value.name == "value" and _IN_VOLUME.search(value.get("unit") or ""):
                return f"{value.path}/@unit"
    return None
