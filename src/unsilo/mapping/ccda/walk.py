"""XML paths of the tables as functions: from a node to its first or all matches (docs/reference/mapping-tables.md)."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final

from lxml import etree

from unsilo.formats.ccda import SDTC, V3, XSI, label
from unsilo.mapping.sources import Literal, Predicate, Walk, XmlStep, parse_xml

__all__ = ["Path", "clean_text", "path_of", "valued_node"]

Element = etree._Element
Test = Callable[[Element], bool]
_PREFIX: Final = {"sdtc": SDTC, "xsi": XSI, "": V3}
_TYPE: Final = f"{{{XSI}}}type"


def clean_text(node: Element) -> str:
    """Return all text below a node, white space single."""
    return " ".join("".join(str(t) for t in node.itertext()).split())


def valued_node(node: Element) -> bool:
    """Tell whether a node says something: text, a child, or an attribute besides its type and nullFlavor."""
    if len(node) or (node.text and node.text.strip()):
        return True
    return any(key not in ("nullFlavor", _TYPE) and value.strip() for key, value in node.attrib.items())


def qualified(name: str) -> str:
    """Return the tag of a step's name: `code` is CDA's, `sdtc:raceCode` and `xsi:type` of their namespaces."""
    prefix, _, local = name.rpartition(":")
    return f"{{{_PREFIX[prefix]}}}{local}"


def _attribute(name: str) -> str:
    """Return the key of an attribute: without prefix it has no namespace."""
    return qualified(name) if ":" in name else name


def _read(node: Element, key: str) -> str:
    """Return an attribute's text; of a type only the name, as its prefix is the document's own choice."""
    value = (node.get(key) or "").strip()
    return value.rpartition(":")[2] if key == _TYPE else value


def _test(predicate: Predicate) -> Test:
    """Return the function of one predicate (positions apart)."""
    steps = parse_xml(predicate.path)
    if len(steps) != 1 or isinstance(steps[0], Literal):
        raise ValueError(f"{predicate.path!r} is no test of an XML path")
    path = Path(steps[0])
    wanted = predicate.value

    def holds(node: Element) -> bool:
        if wanted is None:
            return path.first(node) is not None
        if path.key:
            return any(_read(found, path.key) == wanted for found in path.owners(node))
        found_any = path.owners(node)
        if path.last == "templateId":
            return any(found.get("root") == wanted for found in found_any)
        return any(clean_text(found) == wanted for found in found_any)

    if predicate.negated:
        return lambda node: not holds(node)
    return holds


class _Step:
    """One compiled step: which children, and which of them."""

    __slots__ = ("position", "tags", "tests")

    def __init__(self, step: XmlStep) -> None:
        self.tags = ("{*}*",) if "*" in step.names else tuple(qualified(n) for n in step.names)
        self.tests = [_test(p) for p in step.predicates if not p.position]
        self.position = next((p.position for p in step.predicates if p.position), 0)

    def children(self, node: Element) -> Iterator[Element]:
        """Return the children that this step takes; lxml itself looks at the names."""
        found = node.iterchildren(*self.tags)
        return self._chosen(found) if self.tests or self.position else found

    def below(self, node: Element) -> Iterator[Element]:
        """Return what this step takes at any depth below a node."""
        return self._chosen(node.iterdescendants(*self.tags))

    def _chosen(self, found: Iterable[Element]) -> Iterator[Element]:
        number = 0
        for child in found:
            if all(test(child) for test in self.tests):
                number += 1
                if not self.position or number == self.position:
                    yield child


class Path:
    """A compiled path: `key` is the attribute it ends in ("" for none), `text` tells that it ends in `text()`."""

    __slots__ = ("absolute", "anywhere", "key", "last", "source", "steps", "suffix", "text")

    def __init__(self, walk: Walk, anywhere: bool = False) -> None:
        steps = list(walk.steps)
        self.anywhere = anywhere
        self.source = walk.text
        self.absolute = walk.absolute
        self.key = ""
        self.text = False
        self.suffix = ""
        if steps and steps[-1].names[0].startswith("@"):
            self.key = _attribute(steps[-1].names[0][1:])
            self.suffix = f"/@{label(self.key)}"
            steps.pop()
        elif steps and steps[-1].names == ("text()",):
            self.text = True
            self.suffix = "/text()"
            steps.pop()
        if any(n.startswith("@") or n == "text()" for s in steps for n in s.names):
            raise ValueError(f"{walk.text!r}: an attribute or text() can only be the last step")
        if self.absolute and steps and steps[0].names != ("ClinicalDocument",):
            raise ValueError(f"{walk.text!r} must start at /ClinicalDocument")
        self.last = steps[-1].names[0] if steps else "."
        self.steps = [_Step(s) for s in steps[1 if self.absolute else 0 :]]

    def owners(self, node: Element) -> Iterator[Element]:
        """Yield every element that the element steps lead to, in document order."""
        if self.absolute:
            node = node.getroottree().getroot()
        if not self.steps:
            return iter((node,))
        found = self.steps[0].below(node) if self.anywhere else self.steps[0].children(node)
        for step in self.steps[1:]:
            found = _follow(step, found)
        return found

    def all(self, node: Element) -> list[Element]:
        """Return the elements that are there: those with the attribute or some text where the path ends in one."""
        if self.key:
            return [n for n in self.owners(node) if (n.get(self.key) or "").strip()]
        if self.text:
            return [n for n in self.owners(node) if clean_text(n)]
        return list(self.owners(node))

    def first(self, node: Element) -> Element | None:
        """Return the first element that `all` would give."""
        for found in self.owners(node):
            if self.key:
                if (found.get(self.key) or "").strip():
                    return found
            elif not self.text or clean_text(found):
                return found
        return None

    def read(self, node: Element | None) -> str:
        """Return what the path's end says about an element found: attribute, text, or a mark that it is there."""
        if node is None:
            return ""
        if self.key:
            return _read(node, self.key)
        return clean_text(node) if self.text else "."

    def says(self, node: Element) -> str:
        """Return the text at the path from a node, "" when nothing is there."""
        return self.read(self.first(node))

    def valued(self, node: Element) -> bool:
        """Tell whether the path leads to something valued; a node with a nullFlavor and nothing else is not."""
        if self.key or self.text:
            return self.first(node) is not None
        return any(valued_node(found) for found in self.owners(node))

    def count(self, node: Element) -> int:
        """Return how many there are."""
        return len(self.all(node))


def _follow(step: _Step, nodes: Iterator[Element]) -> Iterator[Element]:
    for node in nodes:
        yield from step.children(node)


@lru_cache(maxsize=8192)
def path_of(text: str) -> Path:
    """Compile one path; `//` before the first step finds it at any depth. ValueError says what is wrong with it."""
    if ".." in text or text.count("[") != text.count("]"):
        raise ValueError(f"{text!r} is no XML path")
    anywhere = text.startswith("//")
    parts = parse_xml(text[2:] if anywhere else text) or (Walk((), False, "."),)
    if len(parts) != 1 or isinstance(parts[0], Literal):
        raise ValueError(f"{text!r} is no single XML path")
    return Path(parts[0], anywhere)
