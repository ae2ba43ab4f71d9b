"""Bytes to a clinical document, safely: no DTD or entities; bounded size, depth and number of tags (CDA R2)."""

import codecs
import re
from typing import Final, NamedTuple

from lxml import etree

from unsilo.formats.ccda.document import Document
from unsilo.formats.ccda.frame import has_place, place
from unsilo.formats.ccda.grow import from_bytes, from_elements
from unsilo.formats.ccda.names import SDTC, V3, XSI, is_slip, label
from unsilo.kernel import Issue, Limits, Result, Where
from unsilo.kernel.limits import DEFAULT

__all__ = ["parse"]

_DECLARATION = re.compile(rb"\s*<\?xml\b.*?\?>", re.DOTALL)
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_BEFORE = re.compile(rb"\s+|<!--.*?-->|<\?.*?\?>", re.DOTALL)
_PREFIXES = re.compile(rb"[<\s/]([A-Za-z_][\w.-]*):[A-Za-z_]")
_DECLARED = re.compile(rb"xmlns:([A-Za-z_][\w.-]*)\s*=")
_FRAME: Final = "fragment"
_MOST_PREFIXES: Final = 50
_MOST_ATTRIBUTES: Final = 200
_BYTES_PER_TAG: Final = 8
"""Real documents need 20 to 40 bytes a tag; fewer means a document made to fill memory with elements."""
_FREE_TAGS: Final = 10_000
_ASCII_SAFE = re.compile(r"utf-?8|us-?ascii|ascii|iso-?8859-?\d{1,2}|latin-?1|windows-?125\d|cp125\d", re.IGNORECASE)
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))

_TEXTS: Final[dict[str, tuple[str, str, str]]] = {
    "size": ("too-long", "The document is larger than the limit.", "Raise the feed's limit or send a smaller one."),
    "empty": ("structure", "There is nothing in the document.", "Send one ClinicalDocument."),
    "doctype": ("security", "The document has a DOCTYPE.", "Send it without one; CDA documents never need it."),
    "syntax": ("structure", "This is not well-formed XML", "Send the document as XML 1.0."),
    "depth": ("too-costly", "Elements are nested too deep.", "No CDA document needs this depth."),
    "elements": ("too-costly", "The document has too many elements.", "Send smaller documents."),
    "attributes": ("too-costly", "An element has too many attributes.", "No CDA element has more than a dozen."),
    "encoding": ("charset", "The character encoding of the document is not accepted.", "Send UTF-8 or UTF-16."),
    "codec": ("charset", "The bytes are not in the encoding that the document declares.", "Declare the true encoding."),
    "cut": ("structure", "This is not well-formed XML", "What could be read was; the sender should send it again."),
    "space": ("structure", "Something stands before the XML declaration.", "Start the document with it."),
    "fragment": ("incomplete", "This is a part of a document, not a whole one.", "Send the whole ClinicalDocument."),
    "foreign": ("not-supported", "This XML is no part of a clinical document.", "Send a CDA R2 ClinicalDocument."),
    "namespace": ("structure", "Names are in no namespace.", "Declare xmlns=\"urn:hl7-org:v3\"."),
    "misspelt": ("structure", "A namespace is misspelt.", "Declare urn:hl7-org:v3, urn:hl7-org:sdtc and XML Schema's."),
}  # fmt: skip


class _Text(NamedTuple):
    """The body as UTF-8 (what is parsed), the codec of the original, and where the body starts in the original."""

    body: bytes
    codec: str
    start: int


def _issue(kind: str, severity: str = "error", more: str = "", where: Where = Where()) -> Issue:  # noqa: B008 # frozen
    code, text, hint = _TEXTS[kind]
    return Issue(severity, code, text + more, where, hint, f"ccda.xml.{kind}")  # type: ignore[arg-type]


def _decode(content: bytes, issues: list[Issue]) -> _Text | None:
    """Find the encoding (mark, then zero bytes, then declaration), strip declaration, and check that the bytes fit."""
    start, codec = 0, ""
    for mark, name in _BOMS:
        if content.startswith(mark) and not content.startswith(codecs.BOM_UTF32_LE):
            start, codec = len(mark), name
    if not codec and content[:4] in (b"<\x00?\x00", b"\x00<\x00?"):
        codec = "utf-16-le" if content[0] else "utf-16-be"
    if codec.startswith("utf-16"):
        try:
            text = content[start:].decode(codec)
        except UnicodeDecodeError as e:
            issues.append(_issue("codec", where=Where("", (start + e.start, start + e.end))))
            return None
        body = text.encode("utf-8", "replace")
        cut = _cut(body, issues)
        return _Text(body[cut:], codec, start + len(body[:cut].decode("utf-8").encode(codec)))
    declaration = _DECLARATION.match(content, start)
    named = _ENCODING.search(declaration[0]) if declaration else None
    declared = named[1].decode("ascii") if named else "utf-8"
    if re.fullmatch(r"utf-?16(-?[lb]e)?", declared, re.IGNORECASE):
        issues.append(_issue("codec", "warning", f" It says {declared}, but is read as UTF-8.", Where("", (0, start))))
        declared = "utf-8"
    if codec:
        declared = codec
    if not _ASCII_SAFE.fullmatch(declared):
        span = (
            (declaration.start() + named.start(1), declaration.start() + named.end(1))
            if declaration and named
            else None
        )
        issues.append(_issue("encoding", more=f" ({declared[:40]})", where=Where("", span)))
        return None
    start += _cut(content[start:], issues)
    body = content[start:]
    for name in (declared, "windows-1252", "iso-8859-1"):
        try:
            text = body.decode(name)
        except (UnicodeDecodeError, LookupError) as e:
            span = (start + e.start, start + e.end) if isinstance(e, UnicodeDecodeError) else None
            if name == declared:
                more = f" It says {declared}, but is read as windows-1252."
                issues.append(_issue("codec", "warning", more, Where("", span)))
            continue
        plain = codecs.lookup(name).name
        return _Text(body if plain in ("utf-8", "ascii") else text.encode("utf-8"), plain, start)
    return None


def _cut(body: bytes, issues: list[Issue]) -> int:
    """Return where the text after the XML declaration starts."""
    hit = _DECLARATION.match(body)
    if hit is None:
        return 0
    if body[:1].isspace():
        issues.append(_issue("space", "information", where=Where("", (0, 1))))
    return hit.end()


def _parser() -> etree.XMLParser:
    """Return a parser that fetches and expands nothing; `huge_tree` only lifts the 10 MB bound of one text."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=True,
        remove_blank_text=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip


def _framed(body: bytes) -> bytes:
    """Put the body into an element that declares the namespaces which a fragment takes for granted."""
    declared = set(_DECLARED.findall(body))
    known = {b"xsi": XSI.encode(), b"sdtc": SDTC.encode(), b"voc": V3.encode() + b"/voc", b"cda": V3.encode()}
    names = [f'xmlns="{V3}"'.encode()]
    used = sorted({*_PREFIXES.findall(body, 0, 1 << 20), b"xsi", b"sdtc"} - {b"xml", b"xmlns"})[:_MOST_PREFIXES]
    names += [
        b'xmlns:%s="%s"' % (prefix, known.get(prefix, b"urn:undeclared:" + prefix))
        for prefix in used
        if prefix not in declared or prefix in known
    ]
    return b"<" + _FRAME.encode() + b" " + b" ".join(names) + b">" + body + b"</" + _FRAME.encode() + b">"


def _place_of(error: etree.XMLSyntaxError, text: _Text) -> Where:
    """Return the byte place of a syntax error in the original."""
    line, column = error.position
    lines = text.body.split(b"\n")
    before = sum(len(x) + 1 for x in lines[: line - 1]) + max(column - 1, 0)
    if text.codec.startswith("utf-16") or text.codec not in ("utf-8", "ascii"):
        before = len(text.body[:before].decode("utf-8", "ignore").encode(text.codec, "ignore"))
    at = min(text.start + before, 1 << 62)
    return Where(f"line {line}, column {column}", (at, at + 1))


def parse(content: bytes, limits: Limits = DEFAULT) -> Result[Document]:
    """Read one clinical document, or a fragment of one, from any bytes; never raises.

    Refused with an Issue that says where: any DOCTYPE (so there are no entities at all), XML that is not well formed,
    encodings other than UTF-8, UTF-16, ISO 8859 and windows-125x, more than `limits.message_bytes` bytes,
    `limits.fields` tags or `limits.xml_depth` levels. A wrong encoding name, missing namespaces, text before the
    declaration and fragments (a section, an entry, a header part) are taken with an Issue.
    """
    issues: list[Issue] = []
    if len(content) > limits.message_bytes:
        return Result(None, [_issue("size", where=Where("", (limits.message_bytes, len(content))))])
    if not content.strip():
        return Result(None, [_issue("empty", where=Where("", (0, len(content))))])
    text = _decode(content, issues)
    if text is None:
        return Result(None, issues)
    first = 0
    while before := _BEFORE.match(text.body, first):
        first = before.end()
    if text.body[first : first + 2] == b"<!" and text.body[first : first + 9].upper() == b"<!DOCTYPE":
        at = text.start + len(text.body[:first].decode("utf-8").encode(text.codec))
        return Result(None, [*issues, _issue("doctype", where=Where("", (at, at + 9)))])
    if text.body.count(b"<") > min(limits.fields, len(text.body) // _BYTES_PER_TAG + _FREE_TAGS):
        return Result(None, [*issues, _issue("elements")])
    swift = from_bytes(text.body, limits.xml_depth)
    if swift is not None:
        root, ids = swift
        return Result(Document(content, root, [root], text.codec, text.start, ids=ids), issues)
    return _careful(content, text, issues, limits)


def _careful(content: bytes, text: _Text, issues: list[Issue], limits: Limits) -> Result[Document]:
    """Read what is written in an unusual way or is no whole and well-formed document."""
    tops: list[etree._Element]
    assumed = False
    try:
        tops = [etree.fromstring(text.body, _parser())]
    except etree.XMLSyntaxError as first:
        again = _again(text)
        tops = again if isinstance(again, list) else []
        assumed = bool(tops)
        if not tops:
            error = again if isinstance(again, etree.XMLSyntaxError) else first
            depth = "Excessive depth" in str(error)
            said = "" if depth else f": {_short(error)}."
            tops = [] if depth else _recovered(text)
            assumed = bool(tops) and label(str(tops[0].tag)) != "ClinicalDocument"
            issue = _issue("depth" if depth else "cut" if tops else "syntax", more=said, where=_place_of(error, text))
            if not tops:
                return Result(None, [*issues, issue])
            issues.append(issue)
    except (ValueError, etree.LxmlError) as fault:
        return Result(None, [*issues, _issue("syntax", more=f": {str(fault)[:120]}.")])
    if len(tops) == 1 and tops[0].tag == "ClinicalDocument":
        issues.append(_issue("namespace", "warning", where=Where("/ClinicalDocument")))
    if not assumed and any(not str(t.tag).startswith("{") for t in tops):
        again = _again(text)
        assumed = isinstance(again, list)
        tops = again if isinstance(again, list) else tops
    if any(t.xpath("boolean(" + "/".join("*" * limits.xml_depth) + ")") for t in tops):
        return Result(None, [*issues, _issue("depth")])
    if any(t.xpath(f"boolean(descendant-or-self::*[@*[{_MOST_ATTRIBUTES}]])") for t in tops):
        return Result(None, [*issues, _issue("attributes")])
    names = " ".join(label(str(t.tag)) for t in tops)[:200]
    root, placed = place(tops)
    if not placed:
        return Result(None, [*issues, _issue("foreign", more=f" It starts with {names}.", where=Where(f"/{names}"))])
    slips = sorted({uri for top in tops for node in top.iter("*") for uri in node.nsmap.values() if is_slip(uri)})
    if slips:
        more = f" It says {slips[0][:80]!r}."
        issues.append(_issue("misspelt", "warning", more, Where(f"/{label(str(tops[0].tag))}")))
    whole = len(tops) == 1 and root is tops[0]
    if not whole:
        issues.append(_issue("fragment", "warning", f" It holds: {names}.", Where(f"/{names}")))
    top, sent = from_elements(root, tops)
    fragment = "" if whole and not assumed else names
    return Result(Document(content, top, sent, text.codec, text.start, fragment, assumed), issues)


def _recovered(text: _Text) -> list[etree._Element]:
    """Return what a tolerant reading makes of a document that is not well formed, [] when that is no document."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, recover=True,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    for body in (text.body, _framed(text.body)):
        try:
            root: etree._Element | None = etree.fromstring(body, parser)
        except (etree.XMLSyntaxError, ValueError):
            continue
        if root is None:
            continue
        if label(str(root.tag)) == "ClinicalDocument":
            held = {label(str(child.tag)) for child in root.iterchildren("{*}*")}
            _lift(root)
            return [root] if held & {"recordTarget", "component"} else []
        tops = [child for child in root.iterchildren("{*}*") if has_place(label(str(child.tag)))]
        if root.tag == _FRAME or root.tag == f"{{{V3}}}{_FRAME}":
            return tops
    return []


def _lift(root: etree._Element) -> None:
    """Put entries and sections that a tag without end drew into a narrative back where they belong."""
    for node in list(root.iter("{*}entry", "{*}component")):
        text = next((a for a in node.iterancestors("{*}text")), None)
        section = next((a for a in text.iterancestors("{*}section")), None) if text is not None else None
        if section is None:
            continue
        home: etree._Element | None = section
        if label(str(node.tag)) == "component":
            link = section.getparent()
            home = link.getparent() if link is not None else None
        if home is not None:
            home.append(node)


def _again(text: _Text) -> list[etree._Element] | etree.XMLSyntaxError:
    """Parse as a fragment: several elements side by side, namespaces taken for granted; or the error."""
    try:
        frame = etree.fromstring(_framed(text.body), _parser())
    except etree.XMLSyntaxError as error:
        return error
    return [child for child in frame if isinstance(child.tag, str)]


def _short(error: etree.XMLSyntaxError) -> str:
    """Return the parser's words without values of the document, which may be a patient's."""
    return re.sub(r"\s*\(<string>.*|,? line \d+, column \d+.*", "", str(error))[:120]
