"""Lists of single columns: CVX (CDC), UNII names (FDA), and CSV of anybody, with columns found by their names."""

from __future__ import annotations

import re

from unsilo.terminology.faults import fault
from unsilo.terminology.model import Edition, MapGroup, MapRow, Property, Sink
from unsilo.terminology.release.files import Files

__all__ = ["CVX_FILE", "UNII_FILE", "is_map", "load_csv", "load_cvx", "load_map", "load_unii"]

CVX_FILE = r"cvx.*\.txt"
UNII_FILE = r"UNII[_ ]?Names.*\.txt"
CVX, UNII = "http://hl7.org/fhir/sid/cvx", "http://fdasis.nlm.nih.gov"
_DATE = re.compile(r"(\d{1,2}[A-Za-z]{3}\d{4}|\d{4}-?\d{2}-?\d{2}|\d{8})")
_CODE = ("code", "concept_code", "conceptcode", "codes", "id")
_DISPLAY = ("display", "name", "label", "description", "term", "preferred_term", "concept_name")
_PARENT = ("parent", "parents", "parent_code", "parentcode")
_SYNONYM = ("synonym", "synonyms", "alias", "aliases")
_ACTIVE = ("active", "status", "inactive")
_DEFINITION = ("definition",)
_GONE = frozenset(("0", "false", "no", "n", "inactive", "retired", "deprecated", "non-us"))


def load_cvx(files: Files, sink: Sink) -> Edition:
    """Hand CDC's list of vaccines over: code | short | full name | notes | status | non-vaccine | updated."""
    name = files.one(CVX_FILE, "cvx.txt")
    for number, line in files.lines(name):
        row = [part.strip() for part in line.split("|")]
        if len(row) < 5:
            if line.strip():
                files.notes.say("a row has too few columns and was left out", name, number)
            continue
        code, short, full, notes, status = row[:5]
        if code.lower().startswith("cvx"):
            continue
        code = code.zfill(2)
        sink.concept(code, short or full, status.lower() not in _GONE, notes)
        if full and full != short:
            sink.term(code, full, "en", "full")
        sink.value(code, "status", status)
    found = _DATE.search(files.path.name)
    return Edition(CVX, found[1] if found else "", "CVX", "CVX is maintained by the U.S. Centers for Disease Control.")


def load_unii(files: Files, sink: Sink) -> Edition:
    """Hand FDA's UNII names over: one concept a substance, its names as terms, the type of a name as their use."""
    name = files.one(UNII_FILE, "UNII_Names.txt")
    known: set[str] = set()
    for _, (text, kind, code, display) in files.columns(name, ("Name", "TYPE", "UNII", "Display Name?")):
        if code not in known:
            known.add(code)
            sink.concept(code, display or text)
        if text != display:
            sink.term(code, text, "en", kind)
    found = _DATE.search(name)
    return Edition(UNII, found[1] if found else "", "UNII", "UNII names are published by the U.S. FDA; public domain.")


def _column(header: list[str], names: tuple[str, ...]) -> str:
    plain = {column.strip().casefold().replace(" ", "_"): column for column in header}
    return next((plain[name] for name in names if name in plain), "")


def _separator(files: Files, name: str) -> str:
    first = next((line for _, line in files.lines(name)), "")
    return max(",;\t|", key=first.count)


def _header(files: Files, name: str, sign: str) -> list[str]:
    if sign == "\t":
        return next((line.split("\t") for _, line in files.lines(name)), [])
    return files.header(name, sign)


def load_csv(files: Files, sink: Sink, url: str, version: str = "", title: str = "") -> Edition:
    """Hand a table over: `code` and `display`, also `parent`, `synonyms` (parted by `|` or `;`), `definition`,
    `active`; every other column is a property. TerminologyError when there is no code column or no `url` is said."""
    name = files.names[0]
    if not url:
        raise fault("required", f"{name}: which code system it is must be said", "--url ADDRESS", "terminology.url")
    sign = _separator(files, name)
    header = _header(files, name, sign)
    code_column, display_column = _column(header, _CODE), _column(header, _DISPLAY)
    if not code_column:
        text = f"{name}, line 1: there is no column code"
        raise fault("structure", text, f"the columns are {', '.join(header)[:200]}", "terminology.column")
    special = [_column(header, names) for names in (_PARENT, _SYNONYM, _ACTIVE, _DEFINITION)]
    rest = [c for c in header if c.strip() and c not in (code_column, display_column, *special)]
    columns = [code_column, *(f"{c}?" if c else "\0?" for c in (display_column, *special)), *(f"{c}?" for c in rest)]
    seen: set[str] = set()
    for column in rest:
        sink.property(Property(column.strip()))
    for number, row in files.columns(name, columns, sign):
        code, display, parents, synonyms, active, definition, *values = (value.strip() for value in row)
        if not code:
            files.notes.say("a row has no code and was left out", name, number)
            continue
        if code in seen:
            files.notes.say("a code is declared twice; the first counts", name, number)
            continue
        seen.add(code)
        gone = active.casefold() in _GONE
        if special[2].casefold() == "inactive":
            gone = bool(active) and not gone
        sink.concept(code, display or code, not gone, definition)
        for parent in _parts(parents):
            sink.parent(code, parent)
        for synonym in _parts(synonyms):
            sink.term(code, synonym, "", "synonym")
        for column, value in zip(rest, values, strict=True):
            if value:
                sink.value(code, column.strip(), value)
    return Edition(url, version, title or name.rpartition(".")[0])


def _parts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[|;]", text) if part.strip()]


_MAP_COLUMNS = (("source_code", "sourcecode", "source", "from"), ("target_code", "targetcode", "target", "to"))


def is_map(files: Files) -> bool:
    """Tell a table of a map: it has a source code and a target code."""
    name = files.names[0]
    header = _header(files, name, _separator(files, name))
    return all(_column(header, names) for names in _MAP_COLUMNS)


def load_map(files: Files, sink: Sink, url: str, source: str, target: str, version: str = "") -> Edition:
    """Hand a map over: `source_code,target_code`, also `equivalence`, `display`, `comment`, `source_system`,
    `target_system` (else `source` and `target`)."""
    name = files.names[0]
    sign = _separator(files, name)
    header = _header(files, name, sign)
    one, other = (_column(header, names) for names in _MAP_COLUMNS)
    said = [_column(header, names) or "\0" for names in (
        ("equivalence", "relationship"), ("target_display", "display"), ("comment", "note"), ("source_system",),
        ("target_system",))]  # fmt: skip
    groups: dict[tuple[str, str], int] = {}
    for number, row in files.columns(name, (one, other, *(f"{c}?" for c in said)), sign):
        code, goal, how, display, comment, start, end = (value.strip() for value in row)
        ends = (start or source, end or target)
        if not all(ends):
            text = f"{name}, line {number}: from which system to which is not said"
            raise fault("required", text, "--source ADDRESS --target ADDRESS", "terminology.map")
        if not code:
            files.notes.say("a row has no code and was left out", name, number)
            continue
        if ends not in groups:
            groups[ends] = len(groups) + 1
            sink.group(MapGroup(groups[ends], url or f"urn:unsilo:map:{name}", version, name, *ends))
        sink.map(MapRow(groups[ends], code, goal, how or "relatedto", display, comment))
    return Edition("", version, url or name)
