"""Result messages: panels with values drawn around a mean, corrections, cultures and reports."""

from datetime import datetime
from random import Random

from unsilo.demo.cast import Person, table
from unsilo.demo.segments import NORTH, Place, escape, message, pid, stamp

__all__ = ["culture", "panel", "report", "single"]

_BY_NAME = {"north": "local", "brigid": "loinc", "lab": "loinc"}
_OWN_PANEL = "MMOL"
_DOCTORS = {"north": "1001^HALE^MIRIAM", "brigid": "B77^Fontaine^Luc", "lab": "9003^Osei^Kwame"}


def _code(place: Place, row: dict[str, str]) -> str:
    """North General writes its own codes, St Brigid for its glucose in mmol/L, the others LOINC."""
    if _BY_NAME[place.key] == "local" or row["panel"] == _OWN_PANEL:
        return f"{row['local']}^{row['local_name']}^L"
    return f"{row['loinc']}^{row['loinc_name']}^LN"


def _panel_code(place: Place, panel: str) -> str:
    row = next(row for row in table("panels.csv") if row["panel"] == panel)
    return f"{panel}^{row['name']}^L" if place is NORTH else f"{row['loinc']}^{row['name']}^LN"


def _flag(value: float, row: dict[str, str]) -> str:
    low, high = float(row["low"]), float(row["high"])
    if value < low:
        return "L"
    return "HH" if value > high * 3 else "H" if value > high else ""


def _head(place: Place, order: str, code: str, at: datetime, reported: datetime, status: str) -> list[str]:
    doctor, own = _DOCTORS[place.key], f"{order}^{place.application}"
    placer, drawn, made = f"P{order}^{place.facility}", stamp(place, at), stamp(place, reported)
    return [
        f"ORC|RE|{placer}|{own}||CM|||||||{doctor}",
        f"OBR|1|{placer}|{own}|{code}|||{drawn}|||||||||{doctor}||||||{made}||LAB|{status}",
    ]


def _obx(place: Place, n: int, row: dict[str, str], value: str, at: datetime, status: str) -> str:
    flag = _flag(float(value), row)
    return (
        f"OBX|{n}|NM|{_code(place, row)}||{value}|{row['unit']}|{row['low']}-{row['high']}|{flag}|||{status}"
        f"|||{stamp(place, at)}"
    )


def panel(
    place: Place, who: Person, control: str, order: str, kind: str, at: datetime, draw: Random, *,
    reported: datetime | None = None, status: str = "F", values: dict[str, str] | None = None, number: str = "",
    notes: str = "",
) -> bytes:  # fmt: skip
    """Write an ORU^R01 with one panel of `tests.csv`; `values` fixes results by local code, others are drawn."""
    rows = [row for row in table("tests.csv") if row["panel"] == kind]
    lines = []
    for n, row in enumerate(rows, 1):
        drawn = f"{draw.gauss(float(row['mean']), float(row['spread'])):.{int(row['decimals'])}f}"
        value = (values or {}).get(row["local"], drawn)
        lines.append(_obx(place, n, row, value, at, status))
    if notes:
        lines.append(f"NTE|1|L|{escape(notes)}")
    when = reported or at
    head = _head(place, order, _panel_code(place, kind), at, when, status)
    return message(place, "ORU^R01^ORU_R01", control, when, pid(place, who, number=number), *head, *lines)


def single(
    place: Place, who: Person, control: str, order: str, local: str, value: str, at: datetime, reported: datetime,
    status: str, note: str = "",
) -> bytes:  # fmt: skip
    """Write an ORU^R01 with one result and its status (OBR-25 and OBX-11: P, F, C, D or W)."""
    row = next(row for row in table("tests.csv") if row["local"] == local)
    lines = [_obx(place, 1, row, value, at, status)]
    if note:
        lines.append(f"NTE|1|L|{escape(note)}")
    head = _head(place, order, _code(place, row), at, reported, "C" if status in "CDW" else status)
    return message(place, "ORU^R01^ORU_R01", control, reported, pid(place, who), *head, *lines)


def culture(
    place: Place, who: Person, control: str, order: str, at: datetime, reported: datetime, status: str, finding: str
) -> bytes:
    """Write a blood culture, whose result is text."""
    head = _head(place, order, "600-7^Bacteria identified in Blood by Culture^LN", at, reported, status)
    line = (
        f"OBX|1|TX|600-7^Bacteria identified in Blood by Culture^LN||{escape(finding)}||||||{status}"
        f"|||{stamp(place, at)}"
    )
    return message(place, "ORU^R01^ORU_R01", control, reported, pid(place, who), *head, line)


def report(
    place: Place, who: Person, control: str, order: str, code: str, at: datetime, text: list[str], kind: str = "FT",
    attachment: str = "",
) -> bytes:  # fmt: skip
    """Write a report: one FT paragraph block or one TX line each, and optionally a base64 PDF (ED)."""
    head = _head(place, order, code, at, at, "F")
    when = stamp(place, at)
    if kind == "FT":
        lines = [f"OBX|1|FT|{code}|1|{escape(chr(10).join(text))}||||||F|||{when}"]
    else:
        lines = [f"OBX|{n}|TX|{code}|{n}|{escape(line)}||||||F|||{when}" for n, line in enumerate(text, 1)]
    if attachment:
        lines.append(f"OBX|{len(lines) + 1}|ED|{code}|PDF|{place.facility}^AP^PDF^Base64^{attachment}||||||F|||{when}")
    return message(place, "ORU^R01^ORU_R01", control, at, pid(place, who), *head, *lines)
