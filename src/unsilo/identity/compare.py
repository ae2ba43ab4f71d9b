"""Two persons field by field: the level of agreement of each, by its name in `weights.csv`."""

import re
from collections.abc import Collection
from functools import lru_cache

from rapidfuzz.distance import OSA, Indel, JaroWinkler

from unsilo.identity.dates import swapped
from unsilo.identity.person import Person
from unsilo.identity.standardise import skeleton

__all__ = ["address", "birth", "email", "names", "phone", "shared", "ssn"]

_FAMILY = 9  # whole numbers this near were issued together, as to brothers and sisters
_GENERATION = 14  # years from which two of one name may be parent and child
_MONTH = 31  # days
_NUMBER = re.compile(r"[0-9]+")
_osa = OSA.distance
_alike = JaroWinkler.similarity
_indel = Indel.normalized_similarity


@lru_cache(1 << 17)
def _spelt(one: str, other: str) -> str:
    """Say how alike two different names are: similar, alike or different; the same whichever comes first."""
    numbers, others = (_NUMBER.findall(name) for name in (one, other))
    if numbers and others and numbers != others:
        return "different"  # numbered, not misspelt: Patient 12 and Patient 13
    shorter = min(len(one), len(other))
    if shorter >= 3 and (_osa(one, other, score_cutoff=2) <= (1 if shorter < 8 else 2) or _alike(one, other) >= 0.94):
        return "similar"
    if shorter >= 4 and _osa("".join(sorted(one)), "".join(sorted(other)), score_cutoff=1) <= 1:
        return "similar"  # the same letters in disorder, one too many or missing
    if shorter >= 3 and (
        _alike(one, other) >= 0.85
        or skeleton(one) == skeleton(other)
        or (len(one) != len(other) and _osa("".join(sorted(one)), "".join(sorted(other)), score_cutoff=1) <= 1)
    ):
        return "alike"
    return "different"


def _short(one: str, other: str) -> bool:
    """Say whether a name is the beginning of another, as Nick, Nicky or Nickie is of Nicholas."""
    if len(one) >= len(other) + 2 or len(one) < 3:
        return False
    stem = one[:-2] if one[-2:] in ("ie", "ey") else one[:-1] if one[-1] in "yi" else one
    doubled = len(stem) > 3 and stem[-1] == stem[-2]
    if doubled:
        stem = stem[:-1]
    return (
        len(stem) >= (3 if doubled or stem == one else 4)
        and len(other) >= len(stem) + 2
        and other.startswith(stem)
        and one != other
    )


def _given(a: Person, b: Person) -> str:
    if a.first == b.first:
        return "exact" if len(a.first) > 1 else "initial"
    if a.given == b.given:
        return "joined"
    if not set(a.roots).isdisjoint(b.roots):
        return "nickname"
    if _short(a.first, b.first) or _short(b.first, a.first):
        return "short"
    one, other = (a, b) if len(a.given) <= len(b.given) else (b, a)
    if len(one.first) > 1 and other.given.endswith(one.given) and len(other.first) < len(other.given):
        return "second"
    if min(len(a.first), len(b.first)) == 1 and a.first[0] == b.first[0]:
        return "initial"
    return _spelt(*sorted((a.first, b.first)))


def _family(a: Person, b: Person) -> str:
    if a.family == b.family:
        return "exact"
    if a.parts or b.parts:
        shared = set(a.parts or (a.family,)) & set(b.parts or (b.family,))
        if any(len(part) > 2 for part in shared):
            return "part"
    return _spelt(*sorted((a.family, b.family)))


_GOOD = frozenset({"exact", "nickname", "short", "joined", "second", "similar", "part"})


def names(a: Person, b: Person) -> tuple[str, str]:
    """Return the levels of given and family name, empty where one side has none."""
    given = _given(a, b) if a.first and b.first else ""
    family = _family(a, b) if a.family and b.family else ""
    if given not in _GOOD and family not in _GOOD:
        crossed = [_cross(one, other) for one, other in ((a.first, b.family), (a.family, b.first)) if one and other]
        if crossed and all(crossed):
            return "swapped", "swapped" if len(crossed) == 2 else ""
        if any(crossed) and given and family:
            return "half", ""
    return given, family


def shared(a: Person, given: str, family: str) -> list[str]:
    """Return those names of one person, of some length, on which another agrees by the levels of `names`."""
    found = [a.first] if given == "exact" and len(a.first) > 2 else []
    return [*found, a.family] if family == "exact" and len(a.family) > 2 else found


def _cross(one: str, other: str) -> bool:
    return one == other or (len(one) > 3 and len(other) > 3 and _osa(one, other, score_cutoff=1) <= 1)


def birth(one: str, other: str) -> str:
    """Return the level of two birth dates, empty when one is missing."""
    if not one or not other:
        return ""
    if one == other:
        return "exact" if one[4:] != "0000" and one[6:] != "00" else "partial"
    if "00" in (one[4:6], one[6:], other[4:6], other[6:]):
        if one[:4] != other[:4]:
            return _apart(one, other)
        months = {one[4:6], other[4:6]} - {"00"}
        return "partial" if len(months) < 2 else "year"
    if swapped(one) == other:
        return "swapped"
    if _apart(one, other) == "generation":
        # Parents and children rarely share the day; one digit of the year beside the same day is a slip.
        return "decade" if one[4:] == other[4:] and _osa(one[:4], other[:4], score_cutoff=1) <= 1 else "generation"
    if _osa(one, other, score_cutoff=1) <= 1:
        return "near"
    same = (one[:4] == other[:4]) + (one[4:6] == other[4:6]) + (one[6:] == other[6:])
    if same == 2:
        return "two"
    if _days(one, other):
        return "days"
    return "year" if one[:4] == other[:4] else "different"


def _days(one: str, other: str) -> bool:
    """Say whether two whole dates are about a month apart at the most."""
    ours, theirs = (int(date[:4]) * 372 + int(date[4:6]) * 31 + int(date[6:]) for date in (one, other))
    return abs(ours - theirs) <= _MONTH


def _apart(one: str, other: str) -> str:
    return "generation" if abs(int(one[:4]) - int(other[:4])) >= _GENERATION else "different"


def ssn(a: Person, b: Person) -> str:
    """Return the level of the social security numbers, whole or by their last four digits."""
    if not a.ssn4 or not b.ssn4:
        return ""
    if a.ssn and b.ssn:
        if a.ssn == b.ssn:
            return "exact"
        apart = _osa(a.ssn, b.ssn, score_cutoff=2)
        if apart <= 2 and a.ssn[:-2] == b.ssn[:-2] and abs(int(a.ssn) - int(b.ssn)) <= _FAMILY:
            turned = a.ssn[-2:] == b.ssn[:-3:-1]
            return "near" if turned else "sequence"
        return "near" if apart <= 1 else "close" if apart == 2 else "different"
    return "last4" if a.ssn4 == b.ssn4 else "different"


def email(one: str, other: str, names: Collection[str] = ()) -> str:
    """Return the level of two email addresses; `names` are those on which both persons agree.

    Addresses made of one name differ in a sign, a number or the provider only, so that is little.
    """
    if not one or not other:
        return ""
    if one == other:
        return "exact"
    local, its = one.partition("@")[0], other.partition("@")[0]
    ours, theirs = _NUMBER.findall(local), _NUMBER.findall(its)
    if _letters(local) == _letters(its) and (
        any(name in local for name in names) or (ours != theirs and _osa("".join(ours), "".join(theirs)) > 1)
    ):
        return "named"
    if (len(local) > 5 and local == its) or (_osa(one, other, score_cutoff=3) <= 3 and len(one) > 9):
        return "similar"
    # Letters of a long address in disorder or lost, whatever became of its sign.
    return "alike" if len(one) > 12 and len(other) > 12 and _indel(one, other) >= 0.8 else "different"


def _letters(local: str) -> str:
    return "".join(c for c in local if c.isalpha())


def phone(one: str, other: str) -> str:
    """Return the level of two telephones."""
    if not one or not other:
        return ""
    if one == other:
        return "exact"
    return "near" if len(one) > 6 and _osa(one, other, score_cutoff=1) <= 1 else "different"


@lru_cache(1 << 16)
def _streets(one: str, other: str) -> bool:
    return one == other or _alike(one, other) >= 0.9 or (_osa(one, other, score_cutoff=2) <= 2 and len(one) > 6)


def address(a: Person, b: Person) -> tuple[str, str]:
    """Return the one (field, level) of street, city and postal code together: who moved, moved in all of them.

    The field is `address`; where one of the two has no street `area`, and where one has no postal code either `town`:
    a postal code says more of one person where a street could have told relatives apart too. Empty without any.
    """
    postal = a.postal == b.postal if a.postal and b.postal else None
    city = a.city == b.city if a.city and b.city else None
    if city is False and _spelt(*sorted((a.city, b.city))) != "different":
        city = None
    if not a.street or not b.street:
        if postal is not None:
            return "area", "exact" if postal else "city" if city else "different"
        return ("town", "exact" if city else "different") if city is not None else ("", "")
    house = a.house == b.house if a.house and b.house else None
    if a.street == b.street and house is not False and (postal or city or (postal is None and city is None)):
        return "address", "exact" if house or not (a.house or b.house) else "similar"
    near = (postal or city or _osa(a.postal, b.postal, score_cutoff=1) <= 1) and _streets(*sorted((a.street, b.street)))
    if near and (house is not False or _osa(a.house, b.house, score_cutoff=1) <= 1):
        return "address", "similar"
    return "address", "postal" if postal else "city" if city else "different"
