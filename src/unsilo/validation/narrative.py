"""The narrative: only the harmless part of XHTML, and not empty (FHIR R4 narrative.html, txt-1 and txt-2)."""

from __future__ import annotations

import re

from lxml import etree

from unsilo.validation.place import At
from unsilo.validation.run import Run

__all__ = ["check", "faults"]

_XHTML = "{http://www.w3.org/1999/xhtml}"
_ELEMENTS = frozenset(
    """a abbr acronym b big blockquote br caption cite code col colgroup dd del dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i
    img ins kbd li map area ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var u s
    strike center""".split()
)
_ATTRIBUTES = frozenset(
    """id class style title lang dir accesskey tabindex span width align valign char charoff abbr axis headers scope
    rowspan colspan cellpadding cellspacing border frame rules summary start type value compact cite datetime height
    src alt longdesc usemap ismap name href hreflang rel rev charset shape coords nohref nowrap bgcolor clear""".split()
)
_XML = "{http://www.w3.org/XML/1998/namespace}"
_HARMFUL = re.compile(r"[\s\x00-\x1f]*(?:javascript|vbscript|data\s*:\s*text/html)", re.IGNORECASE)
_LARGEST = 4 * 1024 * 1024


def faults(div: str) -> list[tuple[str, str]]:
    """Return what is wrong with a narrative's XHTML, as (rule, text)."""
    if len(div) > _LARGEST:
        return [("txt-1", f"the narrative is longer than {_LARGEST} characters")]
    if "<!" in div and ("<!DOCTYPE" in div.upper() or "<!ENTITY" in div.upper()):
        return [("txt-1", "a narrative must not hold a DOCTYPE or entities of its own")]
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(div.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as fault:
        return [("xhtml.syntax", f"the narrative is not well-formed XHTML: {fault.msg}")]
    found: list[tuple[str, str]] = []
    if root.tag != f"{_XHTML}div":
        found.append(("xhtml.div", "the narrative must be one div in the XHTML namespace"))
    content = False
    for node in root.iter():
        if not isinstance(node.tag, str):
            if isinstance(node, etree._Entity):
                found.append(("xhtml.entity", f"the entity {node.text} is not known in XML"))
            elif isinstance(node, etree._ProcessingInstruction):
                found.append(("txt-1", "a narrative must not hold processing instructions"))
            content = content or bool((node.tail or "").strip())
            continue
        name = node.tag.removeprefix(_XHTML)
        if name not in _ELEMENTS:
            found.append(("txt-1", f"the element {name[:40]!r} is not allowed in a narrative"))
        for key, value in node.attrib.items():
            plain = str(key)
            if not plain.startswith(_XML) and (plain not in _ATTRIBUTES or plain.startswith("on")):
                found.append(("txt-1", f"the attribute {plain[:40]!r} is not allowed in a narrative"))
            elif plain in ("href", "src", "cite", "longdesc") and _HARMFUL.match(str(value)):
                found.append(("txt-1", f"the attribute {plain!r} must not hold a program"))
        if name == "img" or (node.text or "").strip() or (node is not root and (node.tail or "").strip()):
            content = True
    if not content:
        found.append(("txt-2", "the narrative must have content other than white space"))
    return found


def check(div: object, at: At, run: Run) -> None:
    """Check a narrative's div."""
    if type(div) is not str:
        return
    for rule, text in dict.fromkeys(faults(div)):
        run.error("value", at, rule, text)
