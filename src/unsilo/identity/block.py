"""Which rows are compared at all: those that share a key, in blocks of bounded size."""

from collections.abc import Callable, Iterator, Sequence

from unsilo.identity.dates import swapped
from unsilo.identity.person import Person
from unsilo.identity.standardise import skeleton

__all__ = ["PASSES", "STORED", "budget", "pairs", "passes"]

MOST = 200
"""Rows of a block that are all compared with each other; in a larger one each with its next neighbours only."""
NEIGHBOURS = 4
EACH = 4.0
"""Pairs a row that one pass may give on the average of all rows; above it the cap falls below `MOST`."""
_LESS = {"names": 1.0, "a name and postal code": 0.7, "address": 0.8}
"""The same for passes of which the large blocks are of strangers: what they have of one person other passes find."""


def _day(p: Person) -> str:
    """Return a whole birth date, the same with day and month exchanged."""
    if not p.birth or p.birth.endswith("00"):
        return ""
    return min(p.birth, swapped(p.birth))


def _both(p: Person) -> str:
    """Return both names by sound, the same with the two exchanged."""
    if not p.first or not p.family:
        return ""
    one, other = skeleton(p.first), skeleton(p.family)
    return f"{one}+{other}" if one <= other else f"{other}+{one}"


def _joined(*parts: str) -> list[str]:
    return ["|".join(parts)] if all(parts) else []


def _name_day(p: Person) -> list[str]:
    day = _day(p)
    if not day:
        return []
    found = {skeleton(part) for part in (p.family, *p.parts, p.first, *p.roots) if part}
    return [f"{name}|{day}" for name in found]


def _name_month_day(p: Person) -> list[str]:
    day = _day(p)
    return _joined(_both(p), day[4:]) if day else []


PASSES: tuple[tuple[str, Callable[[Person], list[str]]], ...] = (
    ("ssn", lambda p: _joined(p.ssn)),
    ("last four digits and birth date", lambda p: _joined(p.ssn4, p.birth)),
    ("record number", lambda p: _joined(p.mrn)),
    ("a name and birth date", _name_day),
    ("names and year", lambda p: _joined(_both(p), p.birth[:4])),
    ("names and day", _name_month_day),
    ("names and postal code", lambda p: _joined(_both(p), p.postal)),
    ("names", lambda p: _joined(_both(p))),
    ("last four digits and a name", lambda p: [f"{p.ssn4}|{skeleton(n)}" for n in {p.first, p.family} if n and p.ssn4]),
    ("telephone", lambda p: _joined(p.phone)),
    ("email", lambda p: _joined(p.email)),
    ("email name", lambda p: _joined(p.email.partition("@")[0], p.birth[:4])),
    ("address", lambda p: _joined(p.house, p.street, p.postal or p.city)),
    ("a name and postal code", lambda p: [f"{skeleton(n)}|{p.postal}" for n in {p.first, p.family} if n and p.postal]),
    ("house and given name", lambda p: _joined(p.house, p.street, p.first)),
    ("postal code and birth date", lambda p: _joined(p.postal or p.city, _day(p))),
)
"""Name and keys of each pass."""

SMALL = 50_000
"""Rows of a file up to which the wide passes are worth their time."""


def _domain(p: Person) -> str:
    return p.email.partition("@")[2]


WIDE: tuple[tuple[str, Callable[[Person], list[str]]], ...] = (
    ("birth date", lambda p: _joined(_day(p))),
    ("a name and month", lambda p: [f"{skeleton(n)}|{p.birth[:6]}" for n in {p.first, p.family} if n and p.birth]),
    ("a name and day", lambda p: [f"{skeleton(n)}|{p.birth[4:]}" for n in {p.first, p.family} if n and p.birth]),
    ("a name and place", lambda p: [f"{n}|{p.city}|{p.birth[:4]}" for n in {p.first, p.family} if n and p.city]),
    ("email name alone", lambda p: _joined(p.email.partition("@")[0])),
    (
        "email provider and a name",
        lambda p: [f"{skeleton(n)}|{_domain(p)}" for n in {p.first, p.family} if n and p.email],
    ),
    ("email provider and month", lambda p: _joined(_domain(p), p.birth[:6])),
    ("place and month", lambda p: _joined(p.city, p.birth[:6])),
    ("street and a name", lambda p: [f"{n}|{p.street}" for n in {p.first, p.family} if n and p.street]),
)
"""Further passes for files of which every pair that shares a little can be looked at."""


LARGE = 250_000
"""Rows of a file from which `_LESS` holds."""


def budget(name: str, rows: int) -> tuple[float, int]:
    """Return the pairs a row that a pass may give, and the neighbours of a row in a block that is too large."""
    return (_LESS[name], 1) if rows > LARGE and name in _LESS else (EACH, NEIGHBOURS)


def passes(rows: int) -> Sequence[tuple[str, Callable[[Person], list[str]]]]:
    """Return the passes of a file of so many rows."""
    return PASSES + WIDE if rows <= SMALL else PASSES


_FILES_ONLY = frozenset(
    {
        "names", "email name", "house and given name", "a name and postal code", "record number",
        "last four digits and a name", "postal code and birth date",
    }
)  # fmt: skip
STORED = tuple(one for one in PASSES if one[0] not in _FILES_ONLY)
"""The passes whose keys a store keeps for every record: those of which no block grows with the whole population,
and without which persons would be missed."""


def _cap(sizes: Sequence[int], rows: int, each: float) -> int:
    """Return the largest block, up to `MOST`, with which the pass stays within its pairs."""
    by_size: dict[int, int] = {}
    for size in sizes:
        by_size[size] = by_size.get(size, 0) + 1
    total, cap = 0, 2
    for size in sorted(by_size):
        total += by_size[size] * size * (size - 1) // 2
        if size > MOST or total > each * rows + 10_000:
            break
        cap = size
    return cap


def pairs(
    persons: Sequence[Person], keys: Callable[[Person], list[str]], each: float = EACH, neighbours: int = NEIGHBOURS
) -> Iterator[tuple[int, int]]:
    """Give the pairs (i < j) of positions that share a key; a pair may come twice.

    `persons` are in an order that follows from their contents, so that neighbours in a block that is too large are
    those most alike. At most `each` + `neighbours` * keys pairs a row, whatever the values are.
    """
    first: dict[str, int] = {}
    blocks: dict[str, list[int]] = {}
    for position, person in enumerate(persons):
        for key in keys(person):
            earlier = first.setdefault(key, position)
            if earlier != position:
                block = blocks.get(key)
                if block is None:
                    blocks[key] = [earlier, position]
                else:
                    block.append(position)
    first.clear()
    cap = _cap([len(block) for block in blocks.values()], len(persons), each)
    for block in blocks.values():
        whole = len(block) <= cap
        for at, one in enumerate(block):
            for other in block[at + 1 :] if whole else block[at + 1 : at + 1 + neighbours]:
                yield one, other
