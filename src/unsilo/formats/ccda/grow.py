"""From well-formed bytes, or from a tree that was repaired, to the elements of a document with their places."""

from __future__ import annotations

import re
from typing import Final
from xml.parsers import expat

from lxml import etree

from unsilo.formats.ccda.names import SDTC, V3, XSI, label
from unsilo.formats.ccda.node import Node

__all__ = ["from_bytes", "from_elements"]

_DECLARED: Final = re.compile(rb"""\bxmlns(?::([\w.-]+))?\s*=\s*["']([^"']*)["']""")
_USUAL: Final = {b"": V3.encode(), b"xsi": XSI.encode(), b"sdtc": SDTC.encode()}
_MOST_ATTRIBUTES: Final = 200
_SHORTEST_STEP: Final = 5
"""What each level adds to a path at least; one so long is looked at with care for its depth."""
_PARTIES: Final = frozenset(
    ("assignedAuthor", "assignedEntity", "representedOrganization", "representedCustodianOrganization")
)
_INLINE: Final = frozenset("paragraph content td th item caption text linkHtml originalText sub sup p span".split())
"""Elements in which white space between two others parts words."""


class _UnusualError(Exception):
    """The document is not written in the usual way."""


def from_bytes(body: bytes, deepest: int) -> tuple[Node, dict[str, Node]] | None:
    """Read a document that is written as nearly all are: default namespace of CDA, the prefixes `xsi` and `sdtc`.

    The elements by ID come with the root. None for all others, and for those with a fault: they are read again with
    more care. No DOCTYPE passes.
    """
    head = body.find(b"<ClinicalDocument")
    end = body.find(b">", head)
    if head < 0 or end < 0:
        return None
    declared = _DECLARED.findall(body, head, end)
    if body.count(b"xmlns") != len(declared):
        declared = _DECLARED.findall(body)
    for prefix, uri in declared:
        if _USUAL.get(prefix, uri) != uri:
            return None
    prefixes = {prefix for prefix, _ in declared}
    if b"" not in prefixes or (b"xsi" not in prefixes and b"xsi:" in body):
        return None
    builder = _Builder(deepest)
    root = builder.read(body)
    if root is None or root.name != "ClinicalDocument":
        return None
    for node in root.iter() if len(declared) > len(prefixes) else (root,):
        for name in [n for n in node.attrs if n.startswith("xmlns")]:
            del node.attrs[name]
    return root, builder.ids


class _Builder:
    """The handlers of one run of the parser."""

    def __init__(self, deepest: int) -> None:
        self.deepest = deepest
        self.ids: dict[str, Node] = {}

    def read(self, body: bytes) -> Node | None:
        """Return the root, None when anything is unusual."""
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        frame = Node("", {}, "")
        here, around = frame, [frame]
        push, pop = around.append, around.pop
        ids, longest = self.ids, self.deepest * _SHORTEST_STEP
        parties, inline, most, none = _PARTIES, _INLINE, _MOST_ATTRIBUTES, frame.by

        def start(name: str, attrs: dict[str, str]) -> None:
            nonlocal here
            above = here
            push(above)
            by = above.by
            if by is none:
                above.by = by = {}
                above.kids = []
                if len(above.path) > longest:
                    raise _UnusualError
            same = by.get(name)
            if same is None:
                if ":" in name and name[:5] != "sdtc:":
                    raise _UnusualError
                here = node = Node(name, attrs, f"{above.path}/{name}[1]" if above.path else f"/{name}")
                by[name] = [node]
            else:
                here = node = Node(name, attrs, f"{above.path}/{name}[{len(same) + 1}]")
                same.append(node)
            above.kids.append(node)  # type: ignore[union-attr]
            if attrs:
                if "ID" in attrs:
                    ids.setdefault(attrs["ID"], node)
                if len(attrs) > most:
                    raise _UnusualError
            if name in parties:
                node.begin = parser.CurrentByteIndex

        def end(name: str) -> None:
            nonlocal here
            node = here
            here = pop()
            if name in parties:
                node.source = b" ".join(body[node.begin : parser.CurrentByteIndex].split())

        def text(data: str) -> None:
            kids = here.kids
            if data.isspace():
                if here.name in inline and kids and kids[-1].tail is None:
                    kids[-1].tail = " "
                    here.mixed = True
            elif kids:
                here.mixed = True
                last = kids[-1]
                last.tail = data if last.tail is None else last.tail + data
            else:
                here.text = data if here.text is None else here.text + data

        def refuse(*_: object) -> None:
            raise _UnusualError

        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = refuse
        parser.EntityDeclHandler = refuse
        try:
            parser.Parse(body, True)
        except (expat.ExpatError, _UnusualError, ValueError):
            return None
        finally:  # the handlers hold the parser, and it them
            parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None
        if not frame.kids:
            return None
        return frame.kids[0]


def from_elements(root: etree._Element, tops: list[etree._Element]) -> tuple[Node, list[Node]]:
    """Return (root, what was sent) of elements that were parsed, and put into a frame, by other means."""
    made: dict[etree._Element, Node] = {}
    sent = set(tops)
    seen: dict[str, int] = {}
    order: list[etree._Element] = []
    for top in tops:
        name = label(str(top.tag))
        number = seen[name] = seen.get(name, 0) + 1
        _copy(top, None, f"/{name}" if number == 1 else f"/{name}[{number}]", made)
        order.append(top)
    if root in made:
        return made[root], [made[top] for top in order]
    frame = Node(label(str(root.tag)), {}, "")
    stack = [(root, frame)]
    while stack:
        element, node = stack.pop()
        for child in element:
            if child in sent:
                below = made[child]
                node.add(below)
            else:
                below = Node(label(str(child.tag)), {}, "")
                node.add(below)
                stack.append((child, below))
    return frame, [made[top] for top in order]


def _copy(top: etree._Element, parent: Node | None, path: str, made: dict[etree._Element, Node]) -> None:
    stack: list[tuple[etree._Element, Node | None, str]] = [(top, parent, path)]
    while stack:
        element, above, place = stack.pop()
        attrs = {label(str(key)): str(value) for key, value in element.attrib.items()}
        node = Node(label(str(element.tag)), attrs, place)
        node.text = _said(element.text)
        if above is not None:
            node.tail = _said(element.tail)
            if node.tail is None and element.tail and above.name in _INLINE:
                node.tail = " "
            above.mixed = above.mixed or node.tail is not None
        made[element] = node
        if above is not None:
            above.add(node)
        counts: dict[str, int] = {}
        below = []
        for child in element.iterchildren("{*}*"):
            name = label(str(child.tag))
            number = counts[name] = counts.get(name, 0) + 1
            below.append((child, node, f"{place}/{name}[{number}]"))
        stack.extend(reversed(below))


def _said(text: object) -> str | None:
    said = str(text) if text is not None else ""
    return said if said and not said.isspace() else None
