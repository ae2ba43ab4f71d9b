"""The functions that v2 tables name as `py:...`: what no row can say."""

from __future__ import annotations

import re
from typing import Any

from unsilo.kernel import Json, Row
from unsilo.mapping.v2.dosage import DOSAGES
from unsilo.mapping.v2.patterns import PATTERNS
from unsilo.mapping.v2.places import PLACES, pieces_of, plain
from unsilo.mapping.v2.roles import ROLES
from unsilo.mapping.v2.run import V2Run
from unsilo.mapping.v2.texts import TEXTS
from unsilo.mapping.v2.us_core import US_CORE

__all__ = ["FUNCTIONS"]

Place = tuple[int, int, int, int, int]


def code_system(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """A coding system's name to its URI; a local name without a URI is left out and shown as unconsumed."""
    del at, path, rule, rows
    text = plain(run, node)
    return str(run.program.system_of[text]) or None if text else None


def unit_system(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """The same for a list of units, which has a URI always: a unit's code without one is not valid."""
    del at, path, rule, rows
    text = plain(run, node)
    return str(run.program.converters["unit_system"][text] or "") or None if text else None


def release(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """The year of a release behind the name of a coding system (`ICD-10-GM-2024`)."""
    text, sub = run.clean(node)
    year: str | None = run.program.converters["release"][text]
    if year is not None:
        rows.append(Row(path, rule, (*at[:4], sub)))
    return year


def sn(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """A structured numeric as it was meant to be read: `> 100`, `1 : 128`."""
    pieces = [p for p in pieces_of(run, node, at) if p[0]]
    for _, place in pieces:
        rows.append(Row(path, rule, place))
    return " ".join(p[0] for p in pieces) or None


_TYPES = {
    "PDF": "application/pdf", "RTF": "application/rtf", "HTML": "text/html", "JPEG": "image/jpeg", "JPG": "image/jpeg",
    "PNG": "image/png", "GIF": "image/gif", "TIFF": "image/tiff", "XML": "application/xml", "TEXT": "text/plain",
    "TXT": "text/plain", "PLAIN": "text/plain", "DICOM": "application/dicom", "WORD": "application/msword",
    "X-HL7-CDA-LEVEL-ONE": "text/xml", "SGML": "text/sgml", "POSTSCRIPT": "application/postscript",
    "MSWORD": "application/msword",
}  # fmt: skip


def ed_attachment(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> Json | None:
    """ED (source, type, subtype, encoding, data) or RP (pointer, application, type, subtype) to an Attachment."""
    pieces = {place[3] if at[3] == 0 else place[4]: (text, place) for text, place in pieces_of(run, node, at) if text}
    found: Json = {}
    if 5 in pieces:
        _data(run, found, pieces, path, rule, rows, at, node)
    elif 1 in pieces and not re.search(r"\s", pieces[1][0]):
        found["url"] = pieces[1][0]
        rows.append(Row(f"{path}.url", f"{rule}>rp.1", pieces[1][1]))
    else:
        return None
    kind, cited = _content_type(pieces, 3 if "url" in found else 2)
    if kind:
        found["contentType"] = kind
        rows += [Row(f"{path}.contentType", f"{rule}>ed.type", place) for place in cited]
    return found


def _content_type(pieces: dict[int, tuple[str, Place]], first: int) -> tuple[str, list[Place]]:
    main, sub = pieces.get(first, ("", None)), pieces.get(first + 1, ("", None))
    cited = [p[1] for p in (main, sub) if p[1] is not None]
    if "/" in main[0]:
        return main[0].lower(), cited
    named = _TYPES.get(sub[0].upper()) or _TYPES.get(main[0].upper())
    if named:
        return named, cited
    if main[0] and sub[0]:
        family = {"AP": "application", "IM": "image", "TEXT": "text", "AU": "audio", "FT": "text", "VIDEO": "video"}
        return f"{family.get(main[0].upper(), main[0].lower())}/{sub[0].lower()}", cited
    return "", cited


def _data(
    run: V2Run,
    found: Json,
    pieces: dict[int, tuple[str, Place]],
    path: str,
    rule: str,
    rows: list[Row],
    at: Place,
    node: str,
) -> None:
    from base64 import b64encode

    text, place = pieces[5]
    encoding = pieces.get(4, ("", place))[0].upper()
    whole = node.split(run.S, 4)[4] if at[3] == 0 and node.count(run.S) >= 4 else text
    if encoding == "BASE64" or (not encoding and run.program.converters["base64Binary"][text] and len(text) > 80):
        data = run.program.converters["base64Binary"][text]
        if data is None:
            run.misfit("base64Binary", rule, place)
            return
        found["data"] = data
    elif encoding in ("HEX", "HEXADECIMAL"):
        try:
            found["data"] = b64encode(bytes.fromhex("".join(text.split()))).decode()
        except ValueError:
            run.misfit("base64Binary", rule, place)
            return
    else:
        plain = run.flow(whole) or text
        found["data"] = b64encode(plain.encode()).decode()
    rows.append(Row(f"{path}.data", f"{rule}>ed.5", place))
    if 4 in pieces:
        rows.append(Row(f"{path}.data", f"{rule}>ed.4", pieces[4][1]))


def unnamed_visit(run: V2Run, node: Any, at: Place, path: str, rule: str, rows: list[Row], body: Json) -> None:
    """Say that a message takes a visit back without naming it: a visit of its own would be one more, and cancelled."""
    del node, path, rows, body
    hint = "the sender should send the visit number (PV1-19) or the time of admission (PV1-44)"
    run.issue("warning", "required", "a visit is taken back that the message does not name", at, rule, hint)


FUNCTIONS: dict[str, Any] = {
    "unnamed_visit": unnamed_visit,
    "code_system": code_system,
    "release": release,
    "unit_system": unit_system,
    "sn": sn,
    "ed_attachment": ed_attachment,
    **DOSAGES,
    **PATTERNS,
    **PLACES,
    **ROLES,
    **TEXTS,
    **US_CORE,
}
