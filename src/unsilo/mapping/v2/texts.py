"""Functions of the v2 tables that read more than one piece: whole texts, names in words, flattened authorities."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from unsilo.formats.hl7v2 import Segment
from unsilo.kernel import Json, Row
from unsilo.mapping.policy import ABSENT
from unsilo.mapping.v2.run import DELETE, V2Run
from unsilo.mapping.v2.uris import local_uri, universal_uri
from unsilo.mapping.values import number as numeric

__all__ = ["TEXTS"]

Place = tuple[int, int, int, int, int]
UCUM = "http://unitsofmeasure.org"
_UNITS = "UnitOfMDC"
_TEXTUAL = {"TX", "FT", "ST"}
_DURATIONS = {
    "S": "seconds", "SEC": "seconds", "M": "minutes", "MIN": "minutes", "MN": "minutes", "MINUTES": "minutes",
    "H": "hours", "HR": "hours", "HOURS": "hours", "D": "days", "DAY": "days", "DAYS": "days",
}  # fmt: skip
_NUMBER = r"-?\d{1,12}(?:[.,]\d{1,12})?"
_RANGE = re.compile(rf"(?P<low>{_NUMBER})\s*(?:-|to)\s*(?P<high>{_NUMBER})")
_ABOVE = re.compile(rf">\s*(?:OR\s*)?=\s*(?P<low>{_NUMBER})", re.IGNORECASE)
_BELOW = re.compile(rf"<\s*(?:OR\s*)?=\s*(?P<high>{_NUMBER})", re.IGNORECASE)
_TIMES = {"AIS": (4, 7, 8), "AIG": (8, 11, 12), "AIL": (6, 9, 10), "AIP": (6, 9, 10)}
"""Start, duration and its unit in the segments of an appointment's resources (HL7 v2 chapter 10)."""


def _lines(run: V2Run, index: int, field: int) -> tuple[str, list[Place]]:
    """All repetitions of a field as lines of one text, with the places of those that are valued."""
    fields = run.tree.segments[index].fields
    whole = fields[field] if field < len(fields) else ""
    lines, places = [], []
    for number, part in enumerate(whole.split(run.P)):
        text = run.flow(part)
        lines.append(text or "")
        if text:
            places.append((index, field, number, 0, 0))
    return "\n".join(lines).strip("\n"), places


def all_text(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """A field of text with all its repetitions, one a line (HL7 v2.8.2, 2.A.24 FT, 2.A.79 TX)."""
    del node
    text, places = _lines(run, at[0], at[1])
    rows += [Row(path, rule, place) for place in places]
    return text or None


def coded_lines(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """The words of all repetitions of a coded field, one a line: its text, else its original text, else its code."""
    del node
    fields = run.tree.segments[at[0]].fields
    lines = []
    for number, whole in enumerate(fields[at[1]].split(run.P) if at[1] < len(fields) else ()):
        parts = whole.split(run.S)
        for comp in (2, 9, 5, 1):
            text, sub = run.clean(parts[comp - 1]) if comp <= len(parts) else ("", 0)
            if text:
                lines.append(text)
                rows.append(Row(path, rule, (at[0], at[1], number, comp, sub)))
                break
    return "\n".join(lines) or None


def parts(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """All parts of a value of a rare type side by side."""
    if node == DELETE:
        return None
    whole = node.replace(run.S, " ").replace(run.B, " ") if at[3] == 0 else node.replace(run.B, " ")
    text = " ".join((run.flow(whole) or "").split())
    if text:
        rows.append(Row(path, rule, at))
    return text or None


def attachment_text(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """The same as base64, for Attachment.data."""
    text = all_text(run, node, at, path, rule, rows)
    return b64encode(text.encode()).decode() if text else None


def document_text(run: V2Run, node: Any, at: Place, path: str, rule: str, rows: list[Row], body: Json) -> None:
    """The text of a document, from all textual OBX that follow its TXA, as one plain-text attachment."""
    del node, path
    lines: list[str] = []
    places: list[Place] = []
    title: tuple[str, Place] | None = None
    for segment in run.tree.segments[at[0] + 1 :]:
        if segment.name == "TXA":
            break
        fields = segment.fields
        if segment.name != "OBX" or len(fields) < 6 or fields[2] not in _TEXTUAL:
            continue
        text, found = _lines(run, segment.index, 5)
        lines.append(text)
        places += found
        name = run.clean(fields[3].split(run.S)[1])[0] if run.S in fields[3] else ""
        title = title or ((name, (segment.index, 3, 0, 2, 0)) if name else None)
    whole = "\n".join(lines).strip("\n")
    if not whole:
        return
    content = body.setdefault("content", [])
    here = f"content[{len(content)}].attachment"
    attachment = {"contentType": "text/plain", "data": b64encode(whole.encode()).decode()}
    rows.append(Row(f"{here}.contentType", rule, None))
    rows += [Row(f"{here}.data", rule, place) for place in places]
    if title:
        attachment["title"] = title[0]
        rows.append(Row(f"{here}.title", rule, title[1]))
    content.append({"attachment": attachment})


def xpn_text(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """A name in words: prefix, given, further given, family, suffix."""
    if node == DELETE:
        return None
    parts = node.split(run.S)
    words = []
    for number in (5, 2, 3, 1, 4, 6):
        text, sub = run.clean(parts[number - 1]) if number <= len(parts) else ("", 0)
        if text:
            words.append(text)
            rows.append(Row(path, rule, (*at[:3], number, sub)))
    return " ".join(words) or None


def _flat_authority(run: V2Run, parts: list[tuple[str, Place]], path: str, rule: str, rows: list[Row]) -> str | None:
    (name, _), (universal, _), (kind, _) = parts
    site = run.site
    uri = site.authorities.get(name) or site.authorities.get(universal) or universal_uri(universal, kind)
    uri = uri or local_uri(site, name or universal)  # what is no id of its type is known to its sender all the same
    if not uri:
        return None
    rows += [Row(path, rule, place) for text, place in parts if text]
    return uri


def ei_authority(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """The authority of an EI, whose parts stand beside its value: EI.2 namespace, EI.3 universal id, EI.4 its type."""
    return _beside(run, node, at, 2, path, rule, rows)


def cnn_authority(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """The authority of a CNN: CNN.9, CNN.10, CNN.11."""
    return _beside(run, node, at, 9, path, rule, rows)


def _beside(run: V2Run, node: str, at: Place, first: int, path: str, rule: str, rows: list[Row]) -> str | None:
    whole = at[3] == 0
    texts = node.split(run.S if whole else run.B)
    parts: list[tuple[str, Place]] = []
    for number in range(first, first + 3):
        text, sub = run.clean(texts[number - 1]) if number <= len(texts) else ("", 0)
        parts.append((text, (*at[:3], number, sub) if whole else (*at[:4], number)))
    return _flat_authority(run, parts, path, rule, rows)


def obx_code(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> Json | None:
    """The observation's own code for one of its components, with the same sources."""
    del node, at
    draft = run.draft
    code = draft.body.get("code") if draft is not None else None
    if draft is None or not code:
        return None
    rows += [Row(f"{path}.{row[0][5:]}", rule, row[2]) for row in draft.rows if row[0].startswith("code.")]
    copied: Json = deepcopy(code)
    return copied


def cite_identifier(
    run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row], body: Json | None = None
) -> None:
    """Say that a number stands in a further field, which adds nothing to the identifier that there is."""
    del path
    value = run.clean(node.split(run.S)[0])[0]
    for index, item in enumerate((body or {}).get("identifier") or ()):
        if item.get("value") == value:
            rows.append(Row(f"identifier[{index}].value", rule, (*at[:3], 0, 0)))
            return


def dns(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """A host's name as a URI; None for words that are no name."""
    text = run.clean(node.split(run.S)[0])[0]
    if not text or any(sign.isspace() for sign in text):
        return None
    rows.append(Row(path, rule, at))
    return f"urn:dns:{text}"


def sampled(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> Json | None:
    """NA or MA (HL7 v2.8.2, 2.A.46 and 2.A.42) to SampledData: NA is one channel, the components of MA are channels.

    The distance between samples stands in other results (TIM), so it is marked unknown, as the origin is.
    """
    del node
    fields = run.tree.segments[at[0]].fields
    repetitions = fields[at[1]].split(run.P)
    values = [[run.clean(part)[0] for part in repetition.split(run.S)] for repetition in repetitions if repetition]
    width = max(map(len, values), default=0)
    if not width or any(numeric(value) is None for row in values for value in row if value):
        return None
    channels = width if fields[2] == "MA" else 1
    absent = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
    found: Json = {"origin": absent, "_period": deepcopy(absent), "dimensions": channels}
    found["data"] = " ".join(value or "E" for row in values for value in row)
    for name in ("origin", "_period"):
        rows.append(Row(f"{path}.{name}.extension[0].url", rule, None))
        rows.append(Row(f"{path}.{name}.extension[0].valueCode", rule, None))
    rows.append(Row(f"{path}.dimensions", rule, None))
    rows += [Row(f"{path}.data", rule, (at[0], at[1], n, 0, 0)) for n, text in enumerate(repetitions) if text]
    return found


def replaced_by(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row], body: Json) -> None:
    """The link of a merged record (MRG) to the patient of the PID before it (FHIR R4 Patient.link)."""
    del node, path
    frame = run.draft.frame if run.draft is not None else None
    survivor = frame.find("pt") if frame is not None else None
    if survivor is None:
        return
    body["link"] = [{"other": run.refer(survivor), "type": "replaced-by"}]
    rows.append(Row("link[0].other.reference", rule, None))
    rows.append(Row("link[0].type", rule, at))


def end_of(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
    """The end of an appointment from its start and its duration; None without a unit that is known."""
    segment = run.tree.segments[at[0]]
    start, length, unit = _TIMES.get(segment.name, (0, 0, 0))
    word = _DURATIONS.get(segment.get(unit, 0, 1).upper()) if unit else None
    begin = run.program.converters["instant"][run.clean(node.split(run.S)[0])[0]] if start else None
    try:
        moment = datetime.fromisoformat(str(begin)) + timedelta(**{word or "": float(segment.get(length, 0, 1))})
    except (ValueError, TypeError, OverflowError):
        return None
    rows += [Row(path, rule, (at[0], number, 0, 1, 0)) for number in (start, length, unit)]
    return moment.isoformat()


def ucum_of(run: V2Run, unit: str, table: str) -> str:
    """The UCUM unit of a unit of ISO/IEEE 11073-10101, "" for one of another list or that is not known."""
    hit = run.program.vocabulary(_UNITS)[unit] if table == "MDC" and unit else None
    return hit.code if hit is not None else ""


def _unit(part: str) -> Any:
    """What OBX-6 gives for each of several numbers in OBX-5: the same as for one (`CWE[Quantity]`)."""

    def read(run: V2Run, node: Any, at: Place, path: str, rule: str, rows: list[Row]) -> str | None:
        del node
        segment = run.tree.segments[at[0]]
        unit, words, table = (segment.get(6, 0, n).strip() for n in (1, 2, 3))
        known = ucum_of(run, unit, table)
        if known:
            rows.append(Row(path, f"{rule}@{_UNITS}", (at[0], 6, 0, 1, 0)))
            return UCUM if part == "system" else known
        system = run.program.converters["unit_system"][table] if table else None
        if part == "unit":
            value, comp = (words, 2) if words else (unit, 1)
        elif not (unit and system):
            return None
        else:
            value, comp = (unit, 1) if part == "code" else (str(system), 3)
        if not value or value == DELETE:
            return None
        rows.append(Row(path, rule, (at[0], 6, 0, comp, 0)))
        return value

    return read


_SHEET = {"29768-9": "publicationDate", "29769-7": "presentationDate"}
"""LOINC codes of the results that give the days of a vaccine information statement (CDC's guide for VXU)."""


def vaccine_information(run: V2Run, node: Any, at: Place, path: str, rule: str, rows: list[Row], body: Json) -> None:
    """A vaccine information statement as `Immunization.education`: the document (LOINC 69764-9) or what vaccine it
    speaks of (30956-7), and its days, which the results beside it with the same OBX-4 give.

    Without a document there is none (R4 invariant imm-1); the vaccine's type without a day speaks of something else.
    """
    del path
    segment = run.tree.segments[at[0]]
    values = str(node).split(run.S)
    comp = 2 if len(values) > 1 and values[1] else 1
    words, sub = run.clean(values[comp - 1])
    if not words:
        return
    index = len(body.get("education", ()))
    found: Json = {"documentType": words}
    told = [Row(f"education[{index}].documentType", rule, (*at[:3], comp, sub))]
    for other in _results_beside(run, at[0]):
        element = _SHEET.get(other.get(3, 0, 1))
        text = other.get(5, 0, 1)
        value = (
            run.program.converters["dateTime"][text] if element and text and other.get(4) == segment.get(4) else None
        )
        if element and value and element not in found:
            found[element] = value
            told.append(Row(f"education[{index}].{element}", rule, (other.index, 5, 0, 1, 0)))
    if len(found) > 1 or segment.get(3, 0, 1) == "69764-9":
        body.setdefault("education", []).append(found)
        rows += told


def _results_beside(run: V2Run, index: int) -> Iterator[Segment]:
    """The results of the same order: OBX before and after, with the notes between them."""
    segments = run.tree.segments
    for step in (-1, 1):
        at = index + step
        while 0 <= at < len(segments) and segments[at].name in ("OBX", "NTE"):
            if segments[at].name == "OBX":
                yield segments[at]
            at += step


def _bounds(text: str) -> tuple[str, str]:
    found = _RANGE.fullmatch(text) or _ABOVE.fullmatch(text) or _BELOW.fullmatch(text)
    if found is None:
        return "", ""
    parts = found.groupdict()
    return parts.get("low") or "", parts.get("high") or ""


def _bound(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row], which: int) -> Json | None:
    pieces = [run.clean(piece) for piece in node.split(run.S)]
    text, comp, sub = "".join(piece for piece, _ in pieces), int(len(pieces) == 1), pieces[0][1]
    fields = run.tree.segments[at[0]].fields
    units = fields[6].split(run.S) if len(fields) > 6 else [""]
    unit, part = run.clean(units[0])
    if unit and text.endswith(unit):
        text = text[: -len(unit)].rstrip()
    value = numeric(_bounds(text)[which])
    if value is None:
        return None
    found: Json = {"value": value}
    rows.append(Row(f"{path}.value", rule, (*at[:3], comp, comp and sub)))
    if unit:
        known = ucum_of(run, unit, units[2] if len(units) > 2 else "")
        found["unit"] = known or unit
        rows.append(Row(f"{path}.unit", f"{rule}@{_UNITS}" if known else rule, (at[0], 6, 0, 1, part)))
    return found


def range_low(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> Json | None:
    """The low end of a range (OBX-7) that is `3.5-5.1`, `3,5 to 5,1 mmol/L` or `>=60`, in the unit of the value."""
    return _bound(run, node, at, path, rule, rows, 0)


def range_high(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> Json | None:
    """The high end of a reference range whose text is `3.5-5.1` or `<=5`, in the unit of the value."""
    return _bound(run, node, at, path, rule, rows, 1)


TEXTS: dict[str, Any] = {
    "range_low": range_low,
    "range_high": range_high,
    "unit_of_each": _unit("unit"),
    "unit_system_of_each": _unit("system"),
    "unit_code_of_each": _unit("code"),
    "vaccine_information": vaccine_information,
    "all_text": all_text,
    "coded_lines": coded_lines,
    "parts": parts,
    "attachment_text": attachment_text,
    "document_text": document_text,
    "xpn_text": xpn_text,
    "ei_authority": ei_authority,
    "cnn_authority": cnn_authority,
    "obx_code": obx_code,
    "end_of": end_of,
    "replaced_by": replaced_by,
    "sampled": sampled,
    "dns": dns,
    "cite_identifier": cite_identifier,
}
