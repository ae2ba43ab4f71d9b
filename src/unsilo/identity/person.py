"""A person row after standardising: only what is compared, everything empty when missing or a placeholder."""

import msgspec

__all__ = ["Person"]


class Person(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What is compared of a row; equal rows compare equal, whatever their `record_id` was.

    `given` and `family` are folded and joined (`maryann`, `delacruz` is `cruz` without its particle); `first` is the
    first given word, `middle` the rest, `roots` are the formal names it may stand for; `parts` are the words of a
    double surname.
    `birth` is `YYYYMMDD`, `00` for an unknown month or day, and may be a date that no calendar has. `ssn` is a whole
    number without leading zeros, `ssn4` its last four digits. `newborn` is a row that was named for its mother.
    """

    first: str = ""
    given: str = ""
    middle: str = ""
    roots: tuple[str, ...] = ()
    family: str = ""
    parts: tuple[str, ...] = ()
    generation: str = ""
    newborn: bool = False
    birth: str = ""
    sex: str = ""
    ssn: str = ""
    ssn4: str = ""
    mrn: str = ""
    phone: str = ""
    email: str = ""
    house: str = ""
    street: str = ""
    city: str = ""
    state: str = ""
    postal: str = ""
