"""Where in an XML document each element of the resource stands, for those who must point at it."""

from __future__ import annotations

from contextlib import suppress
from xml.parsers import expat

from unsilo.fhir.xml.read import Frame, Reader, StopError, end_of_tag
from unsilo.fhir.xml.slots import Slot
from unsilo.kernel import Limits
from unsilo.kernel.limits import DEFAULT

__all__ = ["spans"]


class _Mapper(Reader):
    """A reader that also notes where it is when an element opens."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        super().__init__(content, limits)
        self.starts: dict[str, int] = {}
        self.pointers = [""]

    def note(self, pointer: str) -> None:
        self.starts.setdefault(pointer, self.parser.CurrentByteIndex)

    def open(self, above: Frame, slot: Slot, attributes: dict[str, str]) -> None:
        pointer = f"{self.pointers[-1]}/{slot.name}"
        if slot.many:
            there = above.node.get(slot.name)
            pointer += f"/{len(there) if isinstance(there, list) else 0}"
        self.note(pointer)
        self.pointers.append(pointer)
        super().open(above, slot, attributes)

    def open_markup(self, above: Frame, slot: Slot) -> None:
        self.note(f"{self.pointers[-1]}/{slot.name}")
        super().open_markup(above, slot)

    def open_resource(self, above: Frame, local: str, attributes: dict[str, str]) -> None:
        self.note(self.pointers[-1])
        super().open_resource(above, local, attributes)
        if len(self.pointers) < len(self.stack):
            self.pointers.append(self.pointers[-1])

    def end(self, name: str) -> None:
        super().end(name)
        del self.pointers[len(self.stack) :]


def spans(content: bytes, limits: Limits = DEFAULT) -> dict[str, tuple[int, int]]:
    """Map JSON pointers of a resource's elements (`/name/0/given/1`, the resource "") to the bytes of their start tags.

    What the document is refused for ends the map or leaves a gap, but is no exception. Attributes have no entry of
    their own: their element's counts.
    """
    mapper = _Mapper(content, limits)
    with suppress(StopError, expat.ExpatError):
        mapper.parser.Parse(content, True)
    return {pointer: (start, end_of_tag(content, start) + 1) for pointer, start in mapper.starts.items()}
