"""A `Shelf` of what a test puts on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unsilo.kernel import Json
from unsilo.storage.terminology import Artefact
from unsilo.terminology import Edition
from unsilo.terminology.ports import Maps

__all__ = ["TestShelf"]


class TestShelf:
    """Artefacts and definitions by address."""

    __test__ = False

    def __init__(self, *artefacts: Artefact, definitions: dict[tuple[str, str], Json] | None = None) -> None:
        self.artefacts = list(artefacts)
        self.kept = definitions if definitions is not None else {}
        self.stored: Callable[[str, str], Json | None] = lambda _kind, _canonical: None
        self.from_store = 0

    def is_ready(self, _url: str) -> bool:
        return True

    def maps_ready(self, _system: str) -> bool:
        return True

    def system(self, url: str, version: str = "") -> Artefact | None:
        return next((a for a in self.artefacts if a.edition.url == url and version in ("", a.edition.version)), None)

    def editions(self) -> list[Edition]:
        return [a.edition for a in self.artefacts]

    def maps(self, _system: str) -> Sequence[Maps]:
        return [a for a in self.artefacts if a.groups()]

    def definition(self, kind: str, canonical: str) -> Json | None:
        return self.kept.get((kind, canonical.partition("|")[0]))

    def definitions(self, kind: str) -> list[str]:
        return [url for one, url in self.kept if one == kind]
