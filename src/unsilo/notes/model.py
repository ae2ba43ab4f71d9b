"""What is read in a note: a fact with its place, what is said of it, and by which rules."""

import msgspec

__all__ = ["Fact", "Note", "Said"]


class Said(msgspec.Struct, frozen=True, array_like=True):
    """One thing that is said of a fact: `what` (`neg`, `poss`, `hist`, ...), by which rule, and of whom or which."""

    what: str
    rule: str
    who: str = ""


class Fact(msgspec.Struct, omit_defaults=True):
    """One fact that a text states or denies; `start` and `end` are places in the text as it was given.

    `kind` is `problem`, `medication`, `allergy`, `procedure`, `measure` or `undecided` (an abbreviation of more than
    one meaning that its surroundings do not settle). `coding` holds (system, code, display), the preferred one first.
    `value` and `unit` (UCUM) are a measurement or a dose as written; `when` is (how, value): `since`, `ago`, `on`,
    `for` or `age` with a date of any precision, an ISO 8601 duration, or years.
    """

    start: int
    end: int
    text: str
    kind: str
    coding: list[tuple[str, str, str]]
    said: list[Said] = []
    section: str = ""
    value: str = ""
    unit: str = ""
    route: str = ""
    frequency: str = ""
    when: tuple[str, str] | None = None
    way: str = ""
    """How it was recognised: `reviewed` (a row of this room's tables), `vocabulary`, `abbreviation`, `number`."""
    confidence: float = 0.0
    sentence: tuple[int, int] = (0, 0)
    rules: list[str] = []

    def says(self, what: str) -> bool:
        """Tell whether something is said of the fact."""
        return any(said.what == what for said in self.said)

    @property
    def plain(self) -> bool:
        """True when the text states it of the patient, as present, without doubt."""
        return not self.said

    @property
    def flags(self) -> list[str]:
        """What is said of it in words of the table, sorted: `fam:mother`, `neg`."""
        return sorted({f"{s.what}:{s.who}" if s.who else s.what for s in self.said})


class Note(msgspec.Struct):
    """What was read in one text; `read` is the number of characters that were looked at."""

    facts: list[Fact]
    sections: list[tuple[str, int, int]]
    read: int
    cut: bool = False
