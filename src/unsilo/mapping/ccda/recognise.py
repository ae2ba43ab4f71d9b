"""Find out what sections and entries are when they do not say so by template: by section code and by place.

Documents of before C-CDA, and many of today, leave templateIds out or use those of other guides. The tables in
`tables/ccda/recognise` say which template such a node would have; it is put beside it in memory, never in the bytes,
so that the mapping tables need to know one name for each kind of node.
"""

import csv
from functools import cache
from importlib.resources import files
from typing import Final

from lxml import etree

from unsilo.formats.ccda import V3, Document
from unsilo.mapping.ccda.walk import path_of

__all__ = ["recognise", "section_kind"]

_TEMPLATE: Final = f"{{{V3}}}templateId"
_SECTION: Final = f"{{{V3}}}section"
_CCDA: Final = "2.16.840.1.113883.10.20.22."


@cache
def _rows(name: str) -> list[dict[str, str]]:
    text = files("unsilo.mapping").joinpath("tables", "ccda", "recognise", name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _sections() -> tuple[dict[str, str], dict[str, str]]:
    """Return template -> canonical template, and LOINC code -> canonical template."""
    templates: dict[str, str] = {}
    codes: dict[str, str] = {}
    for row in _rows("sections.csv"):
        templates |= dict.fromkeys([row["template"], *row["templates"].split()], row["template"])
        codes |= dict.fromkeys(row["loinc"].split(), row["template"])
    return templates, codes


def _roots(node: etree._Element) -> set[str]:
    return {t.get("root") or "" for t in node.iterchildren(_TEMPLATE)}


def _mark(node: etree._Element, template: str) -> None:
    """Put a templateId beside a node's own, unless it has it."""
    if template not in _roots(node):
        node.insert(0, etree.Element(_TEMPLATE, root=template))


def section_kind(section: etree._Element) -> str:
    """Return the canonical template of a section by its templates, else by its LOINC code, "" for other sections."""
    templates, codes = _sections()
    for root in sorted(_roots(section)):
        if root in templates:
            return templates[root]
    code = section.find(f"{{{V3}}}code")
    return codes.get(code.get("code") or "", "") if code is not None else ""


def recognise(document: Document) -> None:
    """Give sections and entries of the mapped kinds the templateId they should have, in memory.

    An entry that has a template of C-CDA already keeps its own kind; only one with no template, or with those of
    other guides, is taken for what stands at this place in this section. Doing it twice changes nothing.
    """
    document.paths()
    for section in list(document.root.iter(_SECTION)):
        kind = section_kind(section)
        if not kind:
            if _fragment(section, document):
                _by_entry(section)
            continue
        _mark(section, kind)
        for row in _rows("entries.csv"):
            if row["section"] != kind:
                continue
            for node in path_of(row["at"]).all(section):
                if any(root.startswith(_CCDA) for root in _roots(node)):
                    continue
                code = node.find(f"{{{V3}}}code")
                if not row["code"] or (code is not None and code.get("code") == row["code"]):
                    _mark(node, row["template"])


def _fragment(section: etree._Element, document: Document) -> bool:
    """Tell whether the section is only a frame around entries that were sent without one."""
    return not document.path(section)


def _by_entry(section: etree._Element) -> None:
    """Take a frame's kind from the templates of the entries in it."""
    inside = {root for node in section.iter(_TEMPLATE) if (root := node.get("root") or "")}
    for row in _rows("entries.csv"):
        if row["template"] in inside:
            _mark(section, row["section"])
