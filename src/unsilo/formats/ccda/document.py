"""A parsed clinical document: the bytes as they came, the tree, and where each node of the tree stands."""

from lxml import etree

from unsilo.formats.ccda.names import label

__all__ = ["Document"]


class Document:
    """One document, or a fragment of one put into its place in an otherwise empty document.

    `raw` is never changed; `root` is always a `ClinicalDocument` element; `fragment` holds the names of the elements
    that were sent instead of a whole document ("" for a whole one); `codec` is the Python codec of `raw`, and the XML
    body without byte order mark and declaration starts at byte `start`.
    """

    __slots__ = ("_index", "_paths", "codec", "fragment", "raw", "root", "start", "tops")

    def __init__(
        self, raw: bytes, root: etree._Element, tops: list[etree._Element], codec: str, start: int, fragment: str
    ) -> None:
        self.raw = raw
        self.root = root
        self.tops = tops
        self.codec = codec
        self.start = start
        self.fragment = fragment
        self._paths: dict[etree._Element, str] | None = None
        self._index: dict[str, tuple[int, int, int, int]] | None = None

    def paths(self) -> dict[etree._Element, str]:
        """Return the locator of every element that was sent, in document order."""
        if self._paths is None:
            self._paths = _paths(self.tops)
        return self._paths

    def path(self, node: etree._Element) -> str:
        """Return an element's locator such as `/ClinicalDocument/recordTarget[1]/patientRole[1]/id[2]`.

        Positions count siblings of the same name from 1; the first element has none. "" for an element that was not
        sent (the frame around a fragment).
        """
        return self.paths().get(node, "")


def _paths(tops: list[etree._Element]) -> dict[etree._Element, str]:
    found: dict[etree._Element, str] = {}
    seen: dict[str, int] = {}
    stack: list[tuple[etree._Element, str]] = []
    for top in tops:
        name = label(str(top.tag))
        seen[name] = seen.get(name, 0) + 1
        stack.append((top, f"/{name}" if seen[name] == 1 else f"/{name}[{seen[name]}]"))
    stack.reverse()
    while stack:
        node, path = stack.pop()
        found[node] = path
        if not len(node):
            continue
        counts: dict[str, int] = {}
        below: list[tuple[etree._Element, str]] = []
        for child in node.iterchildren("{*}*"):
            name = label(str(child.tag))
            number = counts[name] = counts.get(name, 0) + 1
            below.append((child, f"{path}/{name}[{number}]"))
        below.reverse()
        stack.extend(below)
    return found
