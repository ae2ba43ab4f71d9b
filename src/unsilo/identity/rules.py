"""Two person records beside each other: what agrees, what contradicts, in words."""

from functools import cached_property
from itertools import product

from rapidfuzz.distance import OSA

from unsilo.identity.record import Record
from unsilo.identity.tables import identifier_type

__all__ = ["Comparison", "parent_and_child"]

_TYPED = "social security number"  # a number that people type, and that is not read from a card of the house
_ALIKE = 0.5  # share of common letter pairs from which two names may be spellings of one


class Comparison:
    """Two records beside each other; each part is worked out when it is first asked for, for most pairs are strangers.

    The same whichever record comes first. Missing neither agrees nor contradicts.
    """

    def __init__(self, a: Record, b: Record) -> None:
        self._both = a, b

    @cached_property
    def same_identifier(self) -> str:
        """The identifier of one authority that both have, in words."""
        return _identifier_agreement(*self._both)

    @cached_property
    def same_name(self) -> str:
        """The whole name that both have, as it was written."""
        return _same_name(*self._both)

    @property
    def same_birth_date(self) -> str:
        """The whole birth date that both have."""
        a, b = self._both
        return a.birth_date if len(a.birth_date) == 10 and a.birth_date == b.birth_date else ""

    @property
    def same_sex(self) -> str:
        """The sex that both have."""
        a, b = self._both
        return a.sex if a.sex == b.sex else ""

    @cached_property
    def conflicts(self) -> tuple[str, ...]:
        """What contradicts, in words."""
        a, b = self._both
        found = {_birth_conflict(a, b), _twin_conflict(a, b), _name_conflict(a, b), _sex_conflict(a, b)} - {""}
        return tuple(sorted(found.union(self.hard, _identifier_conflicts(a, b))))

    @cached_property
    def hard(self) -> tuple[str, ...]:
        """Those that no likeness outweighs: numbers of one authority, generations, places in one birth."""
        a, b = self._both
        found = {_generation_conflict(a, b), _order_conflict(a, b)} - {""}
        return tuple(sorted(found.union(_identifier_conflicts(a, b, slips=False))))


def _pairs(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1)} or {text}


def _alike(one: str, other: str) -> bool:
    first, second = _pairs(one), _pairs(other)
    return 2 * len(first & second) >= _ALIKE * (len(first) + len(second))


def _given_agree(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """First names equal; middle names equal, or an initial of the other, or missing on one side."""
    return one[0] == other[0] and all(
        a == b or (min(len(a), len(b)) == 1 and a[0] == b[0]) for a, b in zip(one[1:], other[1:], strict=False)
    )


def _same_name(a: Record, b: Record) -> str:
    return min(
        (
            min(one.text, other.text)
            for one, other in product(a.names, b.names)
            if one.family == other.family and _given_agree(one.given, other.given)
        ),
        default="",
    )


def _name_conflict(a: Record, b: Record) -> str:
    """Names contradict when no pair of them shares a family name or a first given name, or a spelling like one."""
    if not a.names or not b.names:
        return ""
    for one, other in product(a.names, b.names):
        if _alike(one.family, other.family) or _alike(one.given[0], other.given[0]):
            return ""
        if one.family == other.given[0] and one.given[0] == other.family:  # the two were swapped at the desk
            return ""
    first, second = sorted((a.names[0].text, b.names[0].text))
    return f"the names {first} and {second} have nothing in common"


def _twin_conflict(a: Record, b: Record) -> str:
    """Same family and birth date but other first names: brothers or sisters born together, until shown otherwise."""
    if not a.names or not b.names or a.birth_date != b.birth_date or len(a.birth_date) != 10:
        return ""
    if any(one.given[0] == other.given[0] for one, other in product(a.names, b.names)):
        return ""
    pairs = [
        sorted((one.text, other.text))
        for one, other in product(a.names, b.names)
        if one.family == other.family and not _initial(one.given[0], other.given[0])
    ]
    if not pairs:
        return ""
    first, second = min(pairs)
    return f"{first} and {second} have the same family name and birth date: they may be twins"


def _initial(one: str, other: str) -> bool:
    return min(len(one), len(other)) == 1 and one[0] == other[0]


def _generation_conflict(a: Record, b: Record) -> str:
    ours, theirs = {n.generation for n in a.names} - {""}, {n.generation for n in b.names} - {""}
    if ours and theirs and not ours & theirs:
        first, second = sorted((min(ours), min(theirs)))
        return f"one is {first}, the other {second}"
    return ""


_GENERATION = 14  # years from which two of one name are parent and child


def parent_and_child(a: Record, b: Record) -> bool:
    """Say whether one is junior and the other senior by their names, and by birth dates a generation apart too."""
    if not _generation_conflict(a, b) or not a.birth_date or not b.birth_date:
        return False
    return abs(int(a.birth_date[:4]) - int(b.birth_date[:4])) >= _GENERATION


def _birth_conflict(a: Record, b: Record) -> str:
    shorter, longer = sorted((a.birth_date, b.birth_date), key=lambda d: (len(d), d))
    if shorter and not longer.startswith(shorter):
        first, second = sorted((a.birth_date, b.birth_date))
        return f"the birth dates {first} and {second} differ"
    return ""


def _identifier_conflicts(a: Record, b: Record, *, slips: bool = True) -> list[str]:
    """Another number of a kind of which one authority gives a person only one; `slips` counts one digit apart too."""
    found = []
    ours = {
        (i.system, identifier_type(i.kind).name) for i in a.identifiers if identifier_type(i.kind).one_per_authority
    }
    theirs = {(i.system, identifier_type(i.kind).name) for i in b.identifiers}
    for system, name in sorted(ours & theirs):
        first = sorted(i.value for i in a.identifiers if (i.system, identifier_type(i.kind).name) == (system, name))
        second = sorted(i.value for i in b.identifiers if (i.system, identifier_type(i.kind).name) == (system, name))
        slip = name == _TYPED and any(OSA.distance(one, other) <= 1 for one in first for other in second)
        if not set(first) & set(second) and (slips or not slip):
            one, other = sorted((first[0], second[0]))
            found.append(f"each has its own {name}{_of(system)} ({one} and {other})")
    return found


def _of(system: str) -> str:
    """Name the authority, unless the kind of number says it already."""
    return "" if system.startswith(("http://hl7.org/fhir/sid/", "Organization/")) else f" of {system}"


def _identifier_agreement(a: Record, b: Record) -> str:
    for mine in a.identifiers:
        for other in b.identifiers:
            if mine.value == other.value and mine.system == other.system:
                names = sorted({identifier_type(mine.kind).name, identifier_type(other.kind).name})
                return f"the same {names[0]} {mine.value}{_of(mine.system)}"
    return ""


def _order_conflict(a: Record, b: Record) -> str:
    if a.birth_order and b.birth_order and a.birth_order != b.birth_order:
        low, high = sorted((a.birth_order, b.birth_order))
        return f"they are number {low} and number {high} of a multiple birth"
    return ""


def _sex_conflict(a: Record, b: Record) -> str:
    if a.sex and b.sex and a.sex != b.sex:
        first, second = sorted((a.sex, b.sex))
        return f"one is recorded as {first}, the other as {second}"
    return ""
