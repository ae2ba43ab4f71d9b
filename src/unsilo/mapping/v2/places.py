"""Places and authorities of v2: HD and PL, and the addresses that stand behind a place in LA1 and LA2."""

from __future__ import annotations

from typing import Any

from unsilo.formats.hl7v2 import unescape
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.model import Draft
from unsilo.mapping.v2.run import DELETE, V2Run
from unsilo.mapping.v2.uris import OID, local_uri, universal_uri

__all__ = ["PLACES", "pieces_of", "plain"]

Place = tuple[int, int, int, int, int]


def pieces_of(run: V2Run, text: str, at: Place) -> list[tuple[str, Place]]:
    """The parts of a value with their places: components of a repetition, or subcomponents of a component."""
    i, field, rep, comp, sub = at
    if text == DELETE:
        return []
    if comp == 0:
        parts = text.split(run.S)
        return [(run.clean(part)[0], (i, field, rep, n, 1 if run.B in part else 0)) for n, part in enumerate(parts, 1)]
    if sub == 0:
        return [(plain(run, part), (i, field, rep, comp, n)) for n, part in enumerate(text.split(run.B), 1)]
    return [(plain(run, text), at)]


def plain(run: V2Run, text: str) -> str:
    if text == DELETE:
        return ""
    return (unescape(text, run.marks) if run.E in text else text).strip()


def authority(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """HD to the system URI of its identifiers: the site's authorities, an ISO OID, a UUID, a URI, else a local urn."""
    pieces = pieces_of(run, node, at)
    name, universal, kind = (p[0] for p in (pieces + [("", at)] * 3)[:3])
    site = run.site
    known = site.authorities.get(name) or site.authorities.get(universal)
    cited = [p[1] for p in pieces[:3] if p[0]]
    if not cited:
        return None
    uri = known or universal_uri(universal, kind)
    if not uri and not universal and kind == "" and (OID.match(name) and name.count(".") > 3):
        uri = f"urn:oid:{name}"
    if not uri and not universal and name.startswith(("http://", "https://", "urn:")):
        uri = name
    uri = uri or local_uri(site, name)
    if not uri:
        return None
    rows += [Row(path, rule, place) for place in cited]
    return uri


_LEVELS = (
    (4, "si", "Site"),
    (7, "bu", "Building"),  # codespell:ignore bu
    (8, "lvl", "Level"),
    (1, "wa", "Ward"),
    (2, "ro", "Room"),
    (3, "bd", "Bed"),
)
"""Components of PL from the outermost place to the innermost, with the code of location-physical-type."""

_LOCATION_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0305"
_PHYSICAL = "http://terminology.hl7.org/CodeSystem/location-physical-type"


def location(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> Json | None:
    """PL to a chain of Locations, each part of the one around it; the reference goes to the innermost."""
    key = ("location", node)
    source: Locator = at
    if key not in run.made:
        first = run.made[key] = _chain(run, node, at, rule)
        source = next((row[2] for row in first.rows if row[2] is not None), None) if first is not None else None
    made = run.made[key]
    if made is None:
        return None
    rows.append(Row(f"{path}.reference", rule, source))
    return run.refer(made)


def _chain(run: V2Run, node: str, at: Place, rule: str) -> Draft | None:
    parts = node.split(run.S) if at[3] == 0 else node.split(run.B)
    inner: Draft | None = None
    facility: list[tuple[str, Place]] = []
    for number, code, display in _LEVELS:
        if number > len(parts):
            continue
        where: Place = (*at[:3], number, 0) if at[3] == 0 else (*at[:4], number)
        pieces = [p for p in pieces_of(run, parts[number - 1], where) if p[0]]
        if not pieces:
            continue
        text = pieces[0][0]
        facility = facility or (pieces if number == 4 else [])
        draft = run.start("Location", rule, run.draft)
        body, own = draft.body, draft.rows
        identifier: Json = {"value": text}
        body["identifier"] = [identifier]
        own.append(Row("identifier[0].value", f"{rule}>pl.{number}", pieces[0][1]))
        system = (
            authority(run, parts[number - 1], where, "identifier[0].system", f"{rule}>pl.{number}", own)
            if number == 4
            else None
        )
        if system and not own[-1][0].endswith("value"):
            identifier["system"] = system
        if number != 4 and len(pieces) > 1:
            _universal(body, own, pieces[1:3], f"{rule}>pl.{number}")
        body["name"] = text
        own.append(Row("name", f"{rule}>pl.{number}", pieces[0][1]))
        body["mode"] = "instance"
        own.append(Row("mode", f"{rule}>pl.mode", None))
        body["physicalType"] = {"coding": [{"system": _PHYSICAL, "code": code, "display": display}]}
        for leaf in ("system", "code", "display"):
            own.append(Row(f"physicalType.coding[0].{leaf}", f"{rule}>pl.{number}.type", None))
        if inner is not None:
            body["partOf"] = run.refer(inner)
            own.append(Row("partOf.reference", f"{rule}>pl.part", None))
        run.drafts.append(draft)
        inner = draft
    if inner is None and any(parts[number - 1] for number in (9, 10) if number <= len(parts)):
        inner = _described(run, at, rule)
    if inner is not None:
        _details(run, parts, at, rule, inner)
    return inner


def _described(run: V2Run, at: Place, rule: str) -> Draft:
    """A place that has a description or a number only."""
    del at
    draft = run.start("Location", rule, run.draft)
    draft.body["identifier"] = []
    draft.body["mode"] = "instance"
    draft.rows.append(Row("mode", f"{rule}>pl.mode", None))
    run.drafts.append(draft)
    return draft


def _universal(body: Json, own: list[Row], pieces: list[tuple[str, Place]], rule: str) -> None:
    """The universal id of a place, whose name is an HD, as an identifier beside the name."""
    texts = [text for text, _ in pieces]
    uri = universal_uri(texts[0], texts[1] if len(texts) > 1 else "")
    at = f"identifier[{len(body['identifier'])}]"
    item: Json = {"system": "urn:ietf:rfc:3986", "value": uri} if uri.startswith("urn:") else {"value": uri or texts[0]}
    body["identifier"].append(item)
    own.append(Row(f"{at}.value", rule, pieces[0][1]))
    own += [Row(f"{at}.value", f"{rule}@UniversalIDType", place) for _, place in pieces[1:]]
    if "system" in item:
        own.append(Row(f"{at}.system", rule, None))


def _details(run: V2Run, parts: list[str], at: Place, rule: str, inner: Any) -> None:
    """What PL says of the innermost place: status, type, description, its comprehensive identifier."""
    body, own = inner.body, inner.rows
    for number in (5, 6, 9, 10):
        if number > len(parts) or not parts[number - 1]:
            continue
        where: Place = (*at[:3], number, 0) if at[3] == 0 else (*at[:4], number)
        pieces = pieces_of(run, parts[number - 1], where)
        text, place = pieces[0]
        named = f"{rule}>pl.{number}"
        if number == 9 and text:
            body["description"] = text
            own.append(Row("description", named, place))
        elif number == 6 and text:
            body["type"] = [{"coding": [{"system": _LOCATION_TYPE, "code": text}]}]
            own += [Row("type[0].coding[0].system", named, None), Row("type[0].coding[0].code", named, place)]
        elif number == 5 and text:
            body["extension"] = [{"url": "urn:unsilo:v2:PL.5", "valueCode": text}]
            own += [Row("extension[0].url", named, None), Row("extension[0].valueCode", named, place)]
        elif number == 10:
            _comprehensive(run, body, own, pieces, parts, at, rule)
    if not body["identifier"]:
        del body["identifier"]


def _comprehensive(
    run: V2Run, body: Json, own: list[Row], pieces: list[tuple[str, Place]], parts: list[str], at: Place, rule: str
) -> None:
    """PL.10, an EI, in the namespace that it names itself, else in that of PL.11."""
    text, place = pieces[0]
    if not text:
        return
    here = f"identifier[{len(body['identifier'])}]"
    item: Json = {"value": text}
    own.append(Row(f"{here}.value", f"{rule}>pl.10", place))
    spaces = pieces[1:4] if any(piece for piece, _ in pieces[1:4]) else []
    if not spaces and len(parts) > 10 and parts[10]:
        spaces = pieces_of(run, parts[10], (*at[:3], 11, 0) if at[3] == 0 else (*at[:4], 11))
    words = [piece for piece, _ in spaces] + ["", "", ""]
    system = universal_uri(words[1], words[2]) or local_uri(run.site, words[0])
    if system:
        item["system"] = system
        own += [Row(f"{here}.system", f"{rule}>pl.10", spot) for piece, spot in spaces if piece]
    body["identifier"].append(item)
    if len(parts) > 10 and parts[10] and spaces and spaces[0][1][3 if at[3] == 0 else 4] != 11:
        _assigner(
            run, item, own, pieces_of(run, parts[10], (*at[:3], 11, 0) if at[3] == 0 else (*at[:4], 11)), here, rule
        )


def _assigner(run: V2Run, item: Json, own: list[Row], pieces: list[tuple[str, Place]], here: str, rule: str) -> None:
    """PL.11, the assigning authority beside the namespace that PL.10 names."""
    del run
    found: Json = {}
    for (text, place), path in zip(pieces, ("display", "identifier.value", "identifier.type.text"), strict=False):
        if text:
            node = found
            *above, last = path.split(".")
            for name in above:
                node = node.setdefault(name, {})
            node[last] = text
            own.append(Row(f"{here}.assigner.{path}", f"{rule}>pl.11", place))
    if found:
        item["assigner"] = found


_ADDRESS = ("line", "line", "city", "state", "postalCode", "country")
"""The parts of an address from the ninth component of LA2 on, and of the AD that is the ninth of LA1."""


def delivery(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> Json | None:
    """LA1 or LA2: a place as in PL up to the eighth component, then its address (v2.8.2, 2.A.36 and 2.A.37)."""
    parts = node.split(run.S)
    if at[3] != 0 or not any(parts[8:]):
        return location(run, node, at, path, rule, rows)
    key = ("delivery", node)
    if key not in run.made:
        run.made[key] = _addressed(run, parts, at, rule)
    made = run.made[key]
    if made is None:
        return None
    rows.append(Row(f"{path}.reference", rule, next((row[2] for row in made.rows if row[2] is not None), None)))
    return run.refer(made)


def _addressed(run: V2Run, parts: list[str], at: Place, rule: str) -> Draft | None:
    """The place with its address; without a name or a number of its own it is where the address is."""
    nested = run.B in parts[8]
    said = [plain(run, part) for part in (parts[8].split(run.B) if nested else parts[8:])]
    address: Json = {}
    told: list[Row] = []
    for number, (name, text) in enumerate(zip(_ADDRESS, said, strict=False)):
        if not text:
            continue
        spot = (*at[:3], 9, number + 1) if nested else (*at[:3], number + 9, 0)
        if name == "line":
            told.append(Row(f"address.line[{len(address.get('line', ()))}]", f"{rule}>la.{number + 9}", spot))
            address.setdefault("line", []).append(text)
        else:
            address[name] = text
            told.append(Row(f"address.{name}", f"{rule}>la.{number + 9}", spot))
    place = _chain(run, run.S.join(parts[:8]), at, rule)
    if place is None and address:
        place = run.start("Location", rule, run.draft)
        place.body["mode"] = "instance"
        place.rows.append(Row("mode", f"{rule}>pl.mode", None))
        run.drafts.append(place)
    if place is not None and address:
        place.body["address"] = address
        place.rows += told
    return place


PLACES: dict[str, Any] = {"authority": authority, "location": location, "delivery": delivery}
