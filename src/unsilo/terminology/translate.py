"""Where maps lead: governed maps first, then those of artefacts and ConceptMaps (FHIR R4 ConceptMap $translate)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from unsilo.kernel import Json
from unsilo.terminology.model import MapGroup, Translation
from unsilo.terminology.ports import MapSource, Shelf

__all__ = ["TURNED", "concept_map_rows", "translate", "translate_by"]

TURNED = {
    "wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes",
}  # fmt: skip
"""Equivalences that mean another one when the map is read from its target to its source."""


def translate(
    shelf: Shelf, sources: Sequence[MapSource], system: str, code: str, target: str, map_url: str, *, reverse: bool
) -> list[Translation]:
    """Return every translation of a code; `target` "" for any system, `map_url` (`url|version`) for one map only."""
    found: dict[tuple[str, str, str], Translation] = {}

    def take(rows: Iterable[Translation]) -> None:
        for row in rows:
            if not target or row.system == target:
                found.setdefault((row.system, row.code, row.equivalence), row)

    url, _, version = map_url.partition("|")
    for source in sources:
        take(
            row
            for row in source.translate(system, code, target, reverse)
            if _is(row.map_url, row.map_version, url, version)
        )
    for maps in shelf.maps(system):
        for group in maps.groups():
            one, other = (group.target, group.source) if reverse else (group.source, group.target)
            if one != system or (target and other != target) or not _is(group.url, group.version, url, version):
                continue
            rows = maps.mapped_from(group, code) if reverse else maps.mapped(group, code)
            take(map(_turned, rows) if reverse else rows)
    if map_url and not found:
        said = shelf.definition("ConceptMap", map_url)
        if said is not None:
            take(translate_by(said, system, code, reverse=reverse))
    return list(found.values())


def _is(url: str, version: str, wanted: str, wanted_version: str) -> bool:
    return (not wanted or url == wanted) and (not wanted_version or version == wanted_version)


def _turned(row: Translation) -> Translation:
    if row.equivalence in TURNED:
        return msgspec.structs.replace(row, equivalence=TURNED[row.equivalence])
    return row


def translate_by(said: Json, system: str, code: str, *, reverse: bool = False) -> Iterator[Translation]:
    """Yield the translations of a code by a ConceptMap as it stands."""
    version = str(said.get("version", ""))
    for group, source, row in concept_map_rows(said):
        if reverse:
            if row[0] == code and group.target == system:
                one = Translation(group.source, source, "", row[1], group.url, version, row[3])
                yield _turned(one)
        elif source == code and group.source == system:
            yield Translation(group.target, row[0], row[2], row[1], group.url, version, row[3], row[4], row[5])


def _others(rows: Any) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (str(row.get("property", "")), str(row.get("system", "")), str(row.get("value", "")))
        for row in rows if isinstance(row, dict)
    ) if isinstance(rows, list) else ()  # fmt: skip


def concept_map_rows(said: Json) -> Iterator[tuple[MapGroup, str, tuple[Any, ...]]]:
    """Yield (map, source code, (target, equivalence, display, comment, product, depends)) of a ConceptMap."""
    url = str(said.get("url", ""))
    ends = [str(said.get(f"{end}Canonical") or said.get(f"{end}Uri") or "") for end in ("source", "target")]
    for key, group in enumerate(said.get("group") or (), start=1):
        if not isinstance(group, dict):
            continue
        unmapped = group.get("unmapped") or {}
        other = " ".join(str(unmapped[k]) for k in ("mode", "code", "url") if unmapped.get(k))
        own = MapGroup(key, url, str(said.get("version", "")), str(said.get("title") or said.get("name") or ""),
                       str(group.get("source", "")), str(group.get("target", "")), other, *ends)  # fmt: skip
        for element in group.get("element") or ():
            if not isinstance(element, dict):
                continue
            for each in element.get("target") or ():
                if isinstance(each, dict):
                    yield own, str(element.get("code", "")), (
                        str(each.get("code", "")), str(each.get("equivalence", "relatedto")),
                        str(each.get("display", "")), str(each.get("comment", "")),
                        _others(each.get("product")), _others(each.get("dependsOn")),
                    )  # fmt: skip
