"""A parsed clinical document: the bytes as they came, the tree, and where each node of the tree stands."""

from unsilo.formats.ccda.node import Node

__all__ = ["Document"]


class Document:
    """One document, or a fragment of one put into its place in an otherwise empty document.

    `raw` is never changed; `root` is always a `ClinicalDocument`; `fragment` holds the names of the elements that were
    sent instead of a whole document ("" for a whole one), `tops` are the elements that were sent. `codec` is the Python
    codec of `raw`, and the XML body without byte order mark and declaration starts at byte `start`. `assumed` tells
    that namespaces were taken for granted.
    """

    __slots__ = ("_ids", "_index", "assumed", "codec", "fragment", "raw", "root", "start", "tops")

    def __init__(
        self,
        raw: bytes,
        root: Node,
        tops: list[Node],
        codec: str,
        start: int,
        fragment: str = "",
        assumed: bool = False,
        ids: dict[str, Node] | None = None,
    ) -> None:
        self.raw = raw
        self.root = root
        self.tops = tops
        self.codec = codec
        self.start = start
        self.fragment = fragment
        self.assumed = assumed
        self._index: dict[str, tuple[int, int, int, int]] | None = None
        self._ids = ids

    def ids(self) -> dict[str, Node]:
        """Return the elements that have an ID (narrative, mostly); the first of equal ones stands."""
        if self._ids is None:
            self._ids = {}
            for node in self.root.iter():
                if "ID" in node.attrs:
                    self._ids.setdefault(node.attrs["ID"], node)
        return self._ids
