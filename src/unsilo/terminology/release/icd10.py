"""ICD-10-CM and ICD-10-PCS: tabular XML, order files and code lists of the yearly release (CMS and CDC/NCHS)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import cast

from lxml import etree

from unsilo.terminology.faults import fault
from unsilo.terminology.model import Edition, Property, Sink
from unsilo.terminology.release.files import Files

__all__ = ["CODES", "ORDER", "TABULAR", "load_cm", "load_pcs", "tabular"]

CM = "http://hl7.org/fhir/sid/icd-10-cm"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
TABULAR = r"icd-?10-?cm?[-_]tabular.*\.xml"
ORDER = r"icd10(cm|pcs)[-_]?order.*\.txt"
CODES = r"icd10(cm|pcs)[-_]?codes.*\.txt"
_LARGEST = 256 * 1024 * 1024
_YEAR = re.compile(r"(20\d\d)")
_OWNER = "ICD-10-CM is a publication of the U.S. government (CDC/NCHS) and in the public domain in the United States."
_NOTES = ("excludes1", "excludes2", "codeFirst", "useAdditionalCode", "codeAlso")


def dotted(code: str) -> str:
    """Return a code of ICD-10-CM with its point: E119 is E11.9."""
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 and "." not in code and "-" not in code else code


def _order(files: Files, name: str) -> Iterator[tuple[str, bool, str, str]]:
    """Yield (code, billable, short, long) of an order file: columns of fixed width."""
    for number, line in files.lines(name):
        if not line.strip():
            continue
        if len(line) < 77 or line[14] not in "01":
            files.notes.say("a row is not of an order file and was left out", name, number)
            continue
        yield line[6:14].strip(), line[14] == "1", line[16:76].strip(), line[77:].strip()


def _listed(files: Files, name: str) -> Iterator[tuple[str, bool, str, str]]:
    for number, line in files.lines(name):
        code, _, text = line.strip().partition(" ")
        if text:
            yield code, True, "", text.strip()
        elif code:
            files.notes.say("a row has no text and was left out", name, number)


def tabular(content: bytes, sink: Sink, own: set[str]) -> str:
    """Hand over the chapters, sections and diagnoses of a tabular list; return its version.

    `own` is filled with the codes of diagnoses. Codes with a seventh character are made where `own` has them already
    (they come from a list), and where it was empty.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.parse(io.BytesIO(content), parser).getroot()
    except etree.XMLSyntaxError as error:
        raise fault("structure", f"the tabular list is not well-formed: {error}", rule="terminology.xml") from None
    wanted = set(own)
    for chapter in root.iterfind("chapter"):
        number = f"chapter-{_text(chapter, 'name')}"
        sink.concept(number, _text(chapter, "desc"))
        sink.value(number, "abstract", "true")
        for section in chapter.iterfind("section"):
            name = section.get("id") or ""
            diags = section.findall("diag")
            if not name or not diags:
                continue
            if name != _text(diags[0], "name"):  # a section of one category has no code of its own
                sink.concept(name, re.sub(r"\s*\([A-Z0-9]{3}-[A-Z0-9]{3}\)$", "", _text(section, "desc")))
                sink.value(name, "abstract", "true")
                sink.parent(name, number)
                above = name
            else:
                above = number
            for each in diags:
                _diagnosis(each, above, sink, own, wanted, [])
    return _text(root, "version")


def _text(node: etree._Element, name: str) -> str:
    return " ".join((node.findtext(name) or "").split())


def _diagnosis(
    node: etree._Element, above: str, sink: Sink, own: set[str], wanted: set[str], seventh: list[tuple[str, str]]
) -> None:
    code = _text(node, "name")
    text = _text(node, "desc")
    sink.concept(code, text)
    own.add(code)
    sink.parent(code, above)
    for note in node.iterfind("inclusionTerm/note"):
        sink.term(code, " ".join((note.text or "").split()), "en", "inclusionTerm")
    for note in node.iterfind("includes/note"):
        sink.term(code, " ".join((note.text or "").split()), "en", "includes")
    for name in _NOTES:
        for note in node.iterfind(f"{name}/note"):
            sink.value(code, name, " ".join((note.text or "").split()))
    said = [(e.get("char") or "", " ".join((e.text or "").split())) for e in node.iterfind("sevenChrDef/extension")]
    seventh = said or seventh
    children = node.findall("diag")
    for child in children:
        _diagnosis(child, code, sink, own, wanted, seventh)
    if not children:
        for sign, meaning in seventh:
            plain = code.replace(".", "")
            longer = dotted(plain.ljust(6, "X") + sign)
            if sign and (not wanted or longer in wanted):
                sink.concept(longer, f"{text}, {meaning}")
                own.add(longer)
                sink.parent(longer, code)


def load_cm(files: Files, sink: Sink) -> Edition:
    """Hand ICD-10-CM over: from the tabular list, the order file, the code list, or what of them is there."""
    sink.property(Property("abstract", "boolean"))
    orders, lists, xmls = (files.find(p.replace("(cm|pcs)", "cm")) for p in (ORDER, CODES, TABULAR))
    rows: dict[str, tuple[bool, str, str]] = {}
    for name in orders[:1] or lists[:1]:
        read = _order if orders else _listed
        rows = {dotted(code): (final, short, text) for code, final, short, text in read(files, name)}
    own = set(rows)
    version = ""
    done: set[str] = set()
    if xmls:
        version = tabular(files.read(xmls[0], _LARGEST), cast(Sink, _Noting(sink, done)), own)
    for code, (_, _, text) in rows.items():
        if code not in done:
            sink.concept(code, text)
            done.add(code)
            above = next((dotted(code.replace(".", "")[:n]) for n in range(len(code.replace(".", "")) - 1, 2, -1)
                          if dotted(code.replace(".", "")[:n]) in rows), "")  # fmt: skip
            if above:
                sink.parent(code, above)
    for code, (final, short, _) in rows.items():
        sink.value(code, "billable", str(final).lower())
        if short:
            sink.term(code, short, "en", "short")
    if not done:
        raise fault("not-found", f"{files.path.name} has no code of ICD-10-CM", rule="terminology.file.missing")
    found = _YEAR.search(" ".join((*xmls, *orders, *lists, files.path.name)))
    return Edition(CM, version or (found[1] if found else ""), "ICD-10-CM", _OWNER, case_sensitive=False,
                   value_set=CM + "/vs")  # fmt: skip


class _Noting:
    """A sink that remembers which codes were declared."""

    def __init__(self, sink: Sink, done: set[str]) -> None:
        self._sink, self._done = sink, done

    def concept(self, code: str, display: str, active: bool = True, definition: str = "") -> None:
        """Declare a concept and remember it."""
        self._done.add(code)
        self._sink.concept(code, display, active, definition)

    def __getattr__(self, name: str) -> object:
        return getattr(self._sink, name)


def load_pcs(files: Files, sink: Sink) -> Edition:
    """Hand ICD-10-PCS over: from the order file or the code list; a table's three characters stand above its codes."""
    orders, lists = (files.find(p.replace("(cm|pcs)", "pcs")) for p in (ORDER, CODES))
    name = (orders or lists or [""])[0]
    if not name:
        raise fault(
            "not-found", f"{files.path.name} has no icd10pcs_order or _codes file", rule="terminology.file.missing"
        )
    heads: set[str] = set()
    for code, final, short, text in (_order if orders else _listed)(files, name):
        sink.concept(code, text)
        if short:
            sink.term(code, short, "en", "short")
        if not final or len(code) < 7:
            heads.add(code)
            sink.value(code, "abstract", "true")
        elif code[:3] in heads:
            sink.parent(code, code[:3])
    found = _YEAR.search(f"{name} {files.path.name}")
    return Edition(PCS, found[1] if found else "", "ICD-10-PCS",
                   "ICD-10-PCS is a publication of the U.S. government (CMS).", case_sensitive=False)  # fmt: skip
