"""LOINC: the release zip or folder, however its files are laid out (Regenstrief Institute, LOINC Users' Guide)."""

from __future__ import annotations

import re
from typing import Final

from unsilo.terminology.model import Edition, Property, Sink
from unsilo.terminology.release.files import Files

__all__ = ["TABLE", "load"]

URL = "http://loinc.org"
TABLE = r"Loinc\.csv"
_SIX: Final = ("COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP")
_MORE: Final = ("CLASS", "CLASSTYPE", "STATUS", "ORDER_OBS", "EXAMPLE_UCUM_UNITS", "UNITSREQUIRED", "PanelType",
                "CommonTestRank", "CommonOrderRank", "VersionLastChanged", "AskAtOrderEntry", "AssociatedObservations",
                "DocumentSection", "STATUS_TEXT", "EXTERNAL_COPYRIGHT_NOTICE")  # fmt: skip
_NAMES: Final = ("LONG_COMMON_NAME", "SHORTNAME", "RELATEDNAMES2", "CONSUMER_NAME", "DisplayName")
_VERSION: Final = re.compile(r"(?:Loinc|LOINC)[_-]?v?(\d+\.\d+)")


def _optional(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}?" for name in names)


def load(files: Files, sink: Sink) -> Edition:
    """Hand a release over; only Loinc.csv must be there, the accessory files add what they have."""
    table = files.one(TABLE, "Loinc.csv")
    _parts(files, sink)
    columns = ("LOINC_NUM", "COMPONENT", *_optional(_NAMES), *_optional(_SIX[1:]), *_optional(_MORE),
               "DefinitionDescription?", "VersionLastChanged?")  # fmt: skip
    latest = ""
    for name in (*_SIX, *_MORE):
        sink.property(Property(name))
    for _, row in files.columns(table, columns, ","):
        said = dict(zip(columns, row, strict=True))
        said = {name.rstrip("?"): value for name, value in said.items()}
        code, status = said["LOINC_NUM"], said["STATUS"].upper()
        if not code:
            continue
        display = said["LONG_COMMON_NAME"] or ":".join(said[name] for name in _SIX)
        sink.concept(code, display, status != "DEPRECATED", said["DefinitionDescription"])
        for name in _NAMES:
            if said[name] and said[name] != display:
                sink.term(code, said[name], "en", name)
        for name in (*_SIX, *_MORE):
            if said[name]:
                sink.value(code, name, said[name])
        changed = said["VersionLastChanged"]
        latest = max(latest, changed, key=_number)
    _links(files, sink)
    _answers(files, sink)
    _variants(files, sink)
    found = next((m[1] for n in (files.path.name, *files.names) if (m := _VERSION.search(n))), "")
    return Edition(
        URL, found or latest, "LOINC",
        "This material contains content from LOINC (http://loinc.org). LOINC is copyright (c) Regenstrief Institute, "
        "Inc. and the LOINC Committee, and is available at no cost under the licence at http://loinc.org/license.",
        case_sensitive=False, value_set=URL + "/vs",
    )  # fmt: skip


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _parts(files: Files, sink: Sink) -> None:
    declared: set[str] = set()
    for name in files.find(r"Part\.csv")[:1]:
        columns = ("PartNumber", "PartTypeName", "PartName", "PartDisplayName?", "Status?")
        sink.property(Property("PartTypeName"))
        for _, (code, kind, text, display, status) in files.columns(name, columns, ","):
            sink.concept(code, display or text, status.upper() != "DEPRECATED")
            declared.add(code)
            if text and text != display:
                sink.term(code, text, "en", "PartName")
            sink.value(code, "PartTypeName", kind)
    for name in files.find(r"(ComponentHierarchyBySystem|MultiAxialHierarchy)\.csv")[:1]:
        for _, (parent, code, text) in files.columns(name, ("IMMEDIATE_PARENT", "CODE", "CODE_TEXT"), ","):
            if code.startswith("LP") and code not in declared:
                declared.add(code)
                sink.concept(code, text)
            if parent:
                sink.parent(code, parent)


def _links(files: Files, sink: Sink) -> None:
    for name in files.find(r"LoincPartLink(_Primary)?\.csv"):
        columns = ("LoincNumber", "PartNumber", "LinkTypeName?", "Property")
        for _, (code, part, kind, about) in files.columns(name, columns, ","):
            if kind in ("", "Primary"):
                sink.relation(code, about.rpartition("/")[2], part)
    for name in files.find(r"MapTo\.csv"):
        for _, (code, target) in files.columns(name, ("LOINC", "MAP_TO"), ","):
            sink.successor(code, "MAP_TO", target)


def _answers(files: Files, sink: Sink) -> None:
    declared: set[str] = set()
    for name in files.find(r"AnswerList\.csv")[:1]:
        columns = ("AnswerListId", "AnswerStringId", "DisplayText", "Score?")
        for _, (listed, code, display, score) in files.columns(name, columns, ","):
            if not code:
                continue
            if code not in declared:
                declared.add(code)
                sink.concept(code, display)
            if score:
                sink.value(code, f"score {listed}", score)
            sink.member(listed, code)
    for name in files.find(r"LoincAnswerListLink\.csv")[:1]:
        for _, (code, listed) in files.columns(name, ("LoincNumber", "AnswerListId"), ","):
            sink.value(code, "answer-list", listed)


def _variants(files: Files, sink: Sink) -> None:
    for name in files.find(r"ConsumerName\.csv")[:1]:
        for _, (code, text) in files.columns(name, ("LoincNumber", "ConsumerName"), ","):
            sink.term(code, text, "en", "CONSUMER_NAME")
    for name in files.find(r"[a-z]{2}[A-Z]{2}\d+LinguisticVariant\.csv"):
        spoken = name.rpartition("/")[2]
        language = f"{spoken[:2]}-{spoken[2:4]}"
        for _, row in files.columns(name, ("LOINC_NUM", "LONG_COMMON_NAME?", "SHORTNAME?", "COMPONENT?"), ","):
            text = row[1] or row[2] or row[3]
            if text:
                sink.term(row[0], text, language, "LONG_COMMON_NAME")
