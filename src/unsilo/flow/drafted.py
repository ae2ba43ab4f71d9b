"""Resources that another process has made ready: a sheet for the store, with what else the flow needs of each."""

from collections.abc import Iterator

import msgspec

from unsilo.flow.process import Draft
from unsilo.storage.packing import unpack_body
from unsilo.storage.sheet import Maker, Sheet

__all__ = ["Drafted", "Gathering", "Patient"]

_NOTHING = msgspec.Raw(msgspec.msgpack.encode(None))


class Patient(msgspec.Struct, array_like=True):
    """The matching record of a Patient of a sheet, by its place."""

    place: int
    record: bytes
    keys: list[int]


class Drafted(msgspec.Struct, array_like=True):
    """A sheet and the records of its Patients."""

    sheet: Sheet
    people: list[Patient]

    def drafts(self) -> Iterator[Draft]:
        """Yield each resource by itself, in order; the texts of its codes are with the sheet (`Tx.note_texts`)."""
        sheet = self.sheet
        people = {one.place: one for one in self.people}
        for n in range(sheet.count):
            (kind, id_), one = sheet.names[n], people.get(n)
            yield Draft(
                kind, id_, unpack_body(sheet.bodies[n]), sheet.digests[n], _NOTHING, b"", 0, sheet.ranks[n], [],
                one.record if one else b"", one.keys if one else [], made=sheet.ready(n),
            )  # fmt: skip


class Gathering:
    """Gathers drafts to a sheet as they are made."""

    def __init__(self) -> None:
        self._maker = Maker()
        self._people: list[Patient] = []

    def add(self, draft: Draft) -> bool:
        """Take a draft; False when there is one of its name already."""
        names = self._maker.names
        if (draft.type, draft.id) in names:
            return False
        if draft.type == "Patient":
            self._people.append(Patient(len(names), draft.record, draft.keys))
        self._maker.add(draft.type, draft.id, draft.body, draft.digest, draft.rank, draft.made)
        return True

    def drafted(self) -> Drafted:
        """Return what was gathered."""
        return Drafted(self._maker.sheet(), self._people)
