"""RxNorm: the RRF files of a full or prescribable release (NLM, RxNorm technical documentation)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from unsilo.terminology.model import Edition, MapGroup, MapRow, Property, Sink
from unsilo.terminology.release.files import Files

__all__ = ["CONCEPTS", "load"]

URL = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"
CONCEPTS = r"RXNCONSO\.RRF"
_ORDER = ("SCD", "SBD", "GPCK", "BPCK", "IN", "PIN", "MIN", "BN", "SCDC", "SCDF", "SCDFP", "SCDG", "SCDGP", "SBDC",
          "SBDF", "SBDFP", "SBDG", "DF", "DFG", "PSN", "SY", "TMSY", "ET")  # fmt: skip
"""Term types, those that name a concept first."""
_GRADE = {kind: number for number, kind in enumerate(_ORDER)}
_KEPT = frozenset(("RXN_STRENGTH", "RXN_AVAILABLE_STRENGTH", "RXN_HUMAN_DRUG", "RXN_QUANTITY", "RXTERM_FORM"))


def _rows(files: Files, pattern: str, columns: int) -> Iterator[tuple[int, list[str]]]:
    for name in files.find(pattern):
        if "/prescribe/" in name and len(files.find(pattern)) > 1:
            continue  # a part of the whole that is beside it
        for number, line in files.lines(name):
            row = line.split("|")
            if len(row) < columns:
                files.notes.say("a row has too few columns and was left out", name, number)
            else:
                yield number, row


def load(files: Files, sink: Sink) -> Edition:
    """Hand a release over: concepts, terms of all sources that are in it, relations of RxNorm itself, NDC."""
    files.one(CONCEPTS, "RXNCONSO.RRF")
    best: dict[str, tuple[int, bool, str, str]] = {}
    for _, row in _rows(files, CONCEPTS, 17):
        if row[11] != "RXNORM":
            continue
        grade = (_GRADE.get(row[12], 99), row[16] == "O", row[14], row[12])
        if row[0] not in best or grade[:2] < best[row[0]][:2]:
            best[row[0]] = grade
    for name in ("TTY", "NDC"):
        sink.property(Property(name))
    for code, (_, gone, display, kind) in best.items():
        sink.concept(code, display, not gone)
        sink.value(code, "TTY", kind)
    for _, row in _rows(files, CONCEPTS, 17):
        if row[0] in best and row[14] != best[row[0]][2] and row[16] != "O":
            sink.term(row[0], row[14], "en" if row[1] == "ENG" else row[1].lower(), row[12])
    for _, row in _rows(files, r"RXNREL\.RRF", 11):
        if row[10] == "RXNORM" and row[0] and row[4] and row[7]:
            # RRF reads backwards: the second concept has the relation to the first.
            if row[7] == "isa":
                sink.parent(row[4], row[0])
            sink.relation(row[4], row[7], row[0])
    _attributes(files, sink)
    for _, row in _rows(files, r"RXNCUI\.RRF", 5):
        if row[4] and row[4] != row[0]:
            if row[0] not in best:
                best[row[0]] = (99, True, row[0], "")
                sink.concept(row[0], row[0], False)
            sink.successor(row[0], "REPLACED_BY", row[4])
    return Edition(
        URL, _version(files), "RxNorm", "RxNorm is produced by the U.S. National Library of Medicine.",
        case_sensitive=True, value_set=URL + "/vs",
    )  # fmt: skip


def _attributes(files: Files, sink: Sink) -> None:
    begun = False
    for _, row in _rows(files, r"RXNSAT\.RRF", 12):
        if row[9] != "RXNORM" or row[11] == "O":
            continue
        if row[8] == "NDC":
            if not begun:
                begun = True
                sink.group(MapGroup(1, URL + "/ndc", "", "NDC to RxNorm", NDC, URL))
            sink.value(row[0], "NDC", row[10])
            sink.map(MapRow(1, row[10], row[0], "equivalent"))
        elif row[8] in _KEPT:
            sink.value(row[0], row[8], row[10])


def _version(files: Files) -> str:
    for _, row in _rows(files, r"RXNSAB\.RRF", 7):
        if row[3] == "RXNORM" and row[6]:
            return row[6].rpartition("_")[2]
    found = re.search(r"(\d{8})", files.path.name)
    return found[1] if found else ""
