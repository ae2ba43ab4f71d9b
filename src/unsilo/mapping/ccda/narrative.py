"""CDA narrative blocks as FHIR XHTML, and references into them as text (CDA R2 4.3.5, FHIR R4 narrative.html)."""

from html import escape
from typing import Final

from unsilo.formats.ccda import Node
from unsilo.mapping.ccda.walk import clean_text

__all__ = ["plain", "text_of", "xhtml", "xhtml_of"]

_TAGS: Final[dict[str, str]] = {
    "paragraph": "p", "content": "span", "list": "ul", "item": "li", "table": "table", "thead": "thead",
    "tbody": "tbody", "tfoot": "tfoot", "tr": "tr", "th": "th", "td": "td", "caption": "caption", "br": "br",
    "sub": "sub", "sup": "sup", "linkHtml": "a", "footnote": "div", "colgroup": "colgroup", "col": "col",
    "text": "div", "p": "p", "ul": "ul", "ol": "ol", "li": "li", "span": "span", "div": "div",
}  # fmt: skip
"""Narrative element -> XHTML element; anything else keeps its text in a span."""
_STYLES: Final[dict[str, str]] = {"Bold": "b", "Italics": "i", "Underline": "u", "Emphasis": "em"}
_EMPTY: Final = frozenset(("br", "col"))
_KEPT: Final = frozenset(("colspan", "rowspan", "align", "valign", "abbr", "scope"))
_BLOCKS: Final = frozenset(("paragraph", "item", "tr", "table", "br", "list", "caption", "p", "li", "div", "text"))


def xhtml(node: Node) -> str:
    """Return the narrative of a section's `text` as one XHTML `div`; styles become elements, ids and scripts go.

    Iterative, so that no nesting overflows the stack.
    """
    out: list[str] = ['<div xmlns="http://www.w3.org/1999/xhtml">']
    stack: list[tuple[Node, str] | str] = [(node, "")]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            out.append(item)
            continue
        element, _ = item
        tag, attributes, closing = _open(element) if element is not node else ("", "", "")
        if tag:
            out.append(f"<{tag}{attributes}{'/' if tag in _EMPTY else ''}>")
        if tag not in _EMPTY:
            out.append(_escaped(element.text) if element.text else "")
        below: list[tuple[Node, str] | str] = []
        for child in element.kids:
            below.append((child, ""))
            if child.tail:
                below.append(_escaped(child.tail))
        if tag and tag not in _EMPTY:
            below.append(closing + f"</{tag}>")
        stack.extend(reversed(below))
    out.append("</div>")
    return "".join(out)


def _escaped(text: str) -> str:
    return escape(text, quote=False) if "&" in text or "<" in text or ">" in text else text


def xhtml_of(text: str) -> str:
    """Return plain text as one XHTML `div`."""
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{escape(text, quote=False)}</div>'


def _open(element: Node) -> tuple[str, str, str]:
    """Return (tag, attributes as text, inner closing tags) of one narrative element."""
    name = element.name
    tag = _TAGS.get(name, "span")
    style = element.get("styleCode") or ""
    if name == "list" and element.get("listType") == "ordered":
        tag = "ol"
    if name == "content" and style in _STYLES:
        tag = _STYLES[style]
    attributes = ""
    if not _KEPT.isdisjoint(element.attrs):
        attributes = "".join(f' {k}="{escape(v)}"' for k, v in sorted(element.attrs.items()) if k in _KEPT)
    href = element.get("href") or ""
    if tag == "a" and href.startswith(("http://", "https://", "#", "mailto:")):
        attributes += f' href="{escape(href)}"'
    return tag, attributes, ""


def plain(node: Node) -> str:
    """Return the text of a narrative element, cells separated by spaces and blocks by line breaks."""
    lines: list[str] = [""]
    stack: list[Node | str] = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            lines[-1] += item
            continue
        name = item.name
        if name in _BLOCKS and lines[-1].strip():
            lines.append("")
        lines[-1] += " " if name in ("td", "th") else ""
        lines[-1] += item.text or ""
        for child in reversed(item.kids):
            if child.tail:
                stack.append(child.tail)
            stack.append(child)
    return "\n".join(line for raw in lines if (line := " ".join(raw.split())))


def text_of(node: Node, ids: dict[str, Node]) -> tuple[str, Node]:
    """Return (text, element it stands in) of an ED node: its own text, else what its `reference` points to."""
    own = clean_text(node)
    if own:
        return own, node
    for child in node.by.get("reference", ()):
        target = ids.get((child.get("value") or "").strip().removeprefix("#"))
        if target is not None and (text := plain(target)):
            return text, target
    return "", node
