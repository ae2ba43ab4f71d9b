"""A person's record as HL7 v2.5.1 messages: ADT^A08 of who they are, ORU^R01 of results, VXU^V04 of vaccinations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from unsilo.kernel import Issue, Json
from unsilo.kernel.clock import instant
from unsilo.mapping.outward.record import Made, Record, codings, joined, lost, misshapen, read
from unsilo.mapping.outward.sources import SOURCES, members
from unsilo.mapping.outward.tables import V2Row, v2_rows, vocabularies
from unsilo.mapping.outward.times import stamp
from unsilo.mapping.outward.v2_values import V2_TYPES, escaped, kind_of, trimmed, value_of
from unsilo.mapping.outward.values import say

__all__ = ["pid_fields", "to_hl7v2"]

_REPEATED = frozenset(
    {
        ("PID", 3),
        ("PID", 5),
        ("PID", 10),
        ("PID", 22),
        ("PID", 11),
        ("PID", 13),
        ("NK1", 4),
        ("NK1", 5),
        ("OBX", 8),
        ("AL1", 5),
    }
)
_ALWAYS = frozenset({"resourceType", "id", "meta", "text", "subject", "patient", "encounter", "category"})
_BESIDE = frozenset({"Practitioner", "PractitionerRole", "Organization", "Location", "Medication", "Patient"})


class _Writer:
    """Writes segments for a record."""

    def __init__(self, record: Record, at: int, sender: str) -> None:
        self.record, self.sender = record, sender
        self.now = stamp(instant(at)[:19] + "Z")
        self.lines: list[str] = []
        self.messages: list[bytes] = []

    def begin(self, code: str, event: str, structure: str) -> None:
        """Begin a message with its MSH and PID."""
        kind, rest = f"{code}^{event}^{structure}", "P|2.5.1||||||UNICODE UTF-8"
        self.lines = [f"MSH|^~\\&|unsilo|{escaped(self.sender)}|||{self.now}||{kind}|@|{rest}"]

    def end(self) -> None:
        """Give the message a control id of its content, and keep it."""
        name = sha256("\r".join(self.lines).encode("utf-8", "replace")).hexdigest()[:20]
        head = self.lines[0].replace("|@|", f"|{name}|", 1)
        self.messages.append(("\r".join([head, *self.lines[1:]]) + "\r").encode("utf-8", "replace"))

    def segment(self, name: str, node: Json, number: int = 1, extra: dict[str, list[Any]] | None = None) -> None:
        """Add a segment of a node; `extra` are values by `$name`."""
        fields: list[str] = [name]
        for row in v2_rows()[name]:
            fields += [""] * (row.field + 1 - len(fields))
            fields[row.field] = self._field(row, node, number, extra or {})
        self.lines.append(trimmed(fields, "|"))

    def notes(self, node: Json) -> None:
        """Add the notes of a node."""
        for number, note in enumerate(read(node, "note"), 1):
            self.segment("NTE", note, number)
        self.record.note(node, ["note"])

    def _field(self, row: V2Row, node: Json, number: int, extra: dict[str, list[Any]]) -> str:
        if row.type == "number":
            return str(number)
        if not row.source:
            return row.const
        values = self._values(row, node, extra)
        texts = [text for text in (self._text(row, value) for value in values) if text]
        if (row.segment, row.field) in _REPEATED:
            return "~".join(texts)
        return texts[0] if texts else row.const

    def _values(self, row: V2Row, node: Json, extra: dict[str, list[Any]]) -> list[Any]:
        if row.source in extra:
            return extra[row.source]
        if row.source.startswith("$"):
            if row.source not in SOURCES:
                return []
            function, names = SOURCES[row.source]
            self.record.note(node, names)
            return function(self.record, node, node)
        name = row.source.partition(".")[0]
        if name.endswith("[x]"):
            self.record.note(node, [key for key in node if key.startswith(name[:-3])])
        self.record.note(node, [name])
        return read(node, row.source)

    def _text(self, row: V2Row, value: Any) -> str:
        if row.type.startswith("vocab:"):
            key = say(value) if not isinstance(value, bool) else str(value).lower()
            return vocabularies()[row.type[6:]].get(key, ("", "", ""))[0]
        if row.type == "kind":
            return kind_of(*value)
        if row.type == "value":
            return value_of(self.record, *value)
        return V2_TYPES[row.type](self.record, value) if row.type else escaped(say(value))


def to_hl7v2(record: Record, at: int, sender: str = "") -> Made:
    """Return the messages of one person made at `at` (microseconds), and an Issue for each thing they do not carry.

    First the ADT^A08, then an ORU^R01 for each report and for the other results of one time, then one VXU^V04.
    """
    writer = _Writer(record, at, sender)
    carried = _adt(writer) + _oru(writer) + _vxu(writer)
    return Made(writer.messages, carried, _lost(record))


def pid_fields(patient: Json) -> list[str]:
    """Return the fields of a Patient's PID, the first being its name, escaped with the usual delimiters."""
    writer = _Writer(joined([patient]), 0, "")
    writer.segment("PID", patient)
    return writer.lines[-1].split("|")


def _adt(writer: _Writer) -> int:
    record, patient = writer.record, writer.record.patient
    writer.begin("ADT", "A08", "ADT_A01")
    writer.lines.append(f"EVN||{writer.now}")
    writer.segment("PID", patient)
    for number, one in enumerate(read(patient, "contact"), 1):
        writer.segment("NK1", one, number)
    record.note(patient, ["contact"])
    visits = sorted(_of(record, "Encounter"), key=lambda one: str(read(one, "period.start")), reverse=True)
    writer.segment("PV1", visits[0] if visits else {})
    count = 1 + len(visits[:1])
    for name, kind in (("AL1", "AllergyIntolerance"), ("DG1", "Condition")):
        found = _of(record, kind)
        for number, one in enumerate(found, 1):
            writer.segment(name, one, number)
        count += len(found)
    writer.end()
    return count


def _oru(writer: _Writer) -> int:
    record = writer.record
    reports = [one for one in _of(record, "DiagnosticReport") if one.get("result")]
    held = {id(record.resolve(ref)) for one in reports for ref in one["result"]}
    groups: dict[str, list[Json]] = {}
    for one in _of(record, "Observation"):
        if id(one) not in held and not (one.get("hasMember") and not any(key.startswith("value") for key in one)):
            groups.setdefault(repr(read(one, "effective[x]")), []).append(one)
    for report in reports:
        record.note(report, ["result"])
        _report(writer, report, members(record, report, report))
    for group in groups.values():
        record.groups[id(group[0])] = group
        results = members(record, group[0], group[0])
        order = {"resourceType": "DiagnosticReport", "code": group[0].get("code"), "status": group[0].get("status")}
        order |= {key: value for key, value in group[0].items() if key.startswith("effective")}
        _report(writer, order, results)
    return len(reports) + len(held) + sum(map(len, groups.values()))


def _report(writer: _Writer, report: Json, results: list[Json]) -> None:
    writer.begin("ORU", "R01", "ORU_R01")
    writer.segment("PID", writer.record.patient)
    numbers = read(report, "identifier")
    writer.record.note(report, ["identifier"])
    placer = [one for one in numbers if _kind(one) == "PLAC"]
    filler = [one for one in numbers if one not in placer][:1]
    extra = {"$placer": placer[:1], "$filler": filler}
    writer.segment("OBR", report, 1, extra)
    writer.notes(report)
    seen: Counter[str] = Counter()
    for number, one in enumerate(results, 1):
        code = repr(one.get("code"))
        seen[code] += 1
        writer.segment("OBX", one, number, {"$sub": [str(seen[code])] if seen[code] > 1 else []})
        writer.notes(one)
    writer.end()


def _kind(identifier: Json) -> str:
    return next((str(one.get("code")) for one in codings(identifier, "type.coding")), "")


def _vxu(writer: _Writer) -> int:
    found = _of(writer.record, "Immunization")
    if not found:
        return 0
    writer.begin("VXU", "V04", "VXU_V04")
    writer.segment("PID", writer.record.patient)
    for one in found:
        numbers = read(one, "identifier")
        writer.record.note(one, ["identifier"])
        own = [{"value": one["id"]}] if not numbers and isinstance(one.get("id"), str) else numbers[:1]
        writer.segment("ORC", one, 1, {"$filler": own})
        writer.segment("RXA", one)
        if "route" in one or "site" in one:
            writer.segment("RXR", one)
        writer.notes(one)
    writer.end()
    return len(found)


def _of(record: Record, kind: str) -> list[Json]:
    return [one for one in record.of(kind) if one.get("status") != "entered-in-error"]


def _lost(record: Record) -> list[Issue]:
    types: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for one in (record.patient, *record.resources):
        used, kind = record.used.get(id(one)), one["resourceType"]
        if used is None:
            types[kind] += kind not in _BESIDE
            continue
        names.update(f"{kind}.{name}" for name in one if name not in used and name not in _ALWAYS and name[0] != "_")
    said: Callable[[str, int], str] = lambda name, count: f"{name} is in no message ({count} of them)"  # noqa: E731
    issues = misshapen(record)
    issues += [lost(name, said(name, n), "outward.v2.resource") for name, n in sorted(types.items()) if n]
    return issues + [lost(name, said(name, n), "outward.v2.element") for name, n in sorted(names.items())]
