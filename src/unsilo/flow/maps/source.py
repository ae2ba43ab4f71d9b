"""The decisions in use as maps of the terminology: `$translate` asks them first, and they are read as ConceptMaps."""

from collections.abc import Iterator

from unsilo.flow.maps.decisions import Maps
from unsilo.kernel import Json
from unsilo.terminology import Translation
from unsilo.terminology.maps import Entry
from unsilo.terminology.maps.files import concept_maps, name_of
from unsilo.terminology.translate import TURNED

__all__ = ["GovernedMaps"]


class GovernedMaps:
    """A source of maps for `Terminology.sources`; thread-safe, at most a second behind."""

    def __init__(self, maps: Maps, public_url: str) -> None:
        self.maps = maps
        self.base = f"{public_url.rstrip('/') or 'urn:unsilo'}/maps"

    def _url(self, entry: Entry) -> str:
        return f"{self.base}/{name_of(entry.element, entry.feed)}"

    def translate(self, system: str, code: str, target: str, reverse: bool) -> Iterator[Translation]:
        """Yield where a code leads by the decisions in use; `reverse` which local codes lead to it."""
        for entry in self.maps.published():
            mine, other = (entry.target_system, entry.target_code), (entry.system, entry.code)
            if not reverse:
                mine, other = other, mine
            if mine == (system, code) and target in ("", other[0]):
                how = TURNED.get(entry.relationship, entry.relationship) if reverse else entry.relationship
                unit = f"unit {entry.unit}" if entry.unit else ""
                display = entry.label if reverse else entry.target_display
                yield Translation(*other, display, how, self._url(entry), str(entry.version), unit)

    def concept_map(self, url: str) -> Json | None:
        """Return the decisions in use of one element and feed as an R4 ConceptMap."""
        wanted = url.partition("|")[0]
        if not wanted.startswith(f"{self.base}/"):
            return None
        return next((each for each in concept_maps(self.maps.published(), self.base) if each["url"] == wanted), None)
