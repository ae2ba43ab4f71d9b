"""A page of a value set's codes, by text filter where there is one."""

from __future__ import annotations

from itertools import islice

import msgspec

from unsilo.terminology import ids
from unsilo.terminology.compose import Contents
from unsilo.terminology.model import Member
from unsilo.terminology.words import fold, words

__all__ = ["Page", "expand", "is_hierarchy"]

_MOST_MATCHES = 100_000


class Page(msgspec.Struct):
    """Codes from the `offset`-th on. `total` is None where it was not counted to the end."""

    members: list[Member]
    total: int | None
    offset: int = 0


def is_hierarchy(said: object) -> tuple[str, str, str, str] | None:
    """Return (system, version, operator, code) of a value set that is one concept's descendants, and nothing else."""
    composed = said.get("compose") if isinstance(said, dict) else None
    include = composed.get("include") if isinstance(composed, dict) and len(composed) == 1 else None
    if not isinstance(include, list) or len(include) != 1 or not isinstance(include[0], dict):
        return None
    part = include[0]
    filters = part.get("filter")
    if not set(part) <= {"system", "version", "filter"} or not isinstance(filters, list) or len(filters) != 1:
        return None
    one = filters[0]
    if not isinstance(one, dict) or one.get("op") not in ("is-a", "descendent-of"):
        return None
    value, system = one.get("value"), part.get("system")
    if not isinstance(value, str) or not isinstance(system, str):
        return None
    return system, str(part.get("version") or ""), one["op"], value


def expand(contents: Contents, *, text: str = "", offset: int = 0, count: int = 1000, active: bool = False) -> Page:
    """Return a page of a value set; `text` keeps codes with a term that has all its words, best terms first.

    With `active` inactive codes are left out. The order is the same for every page.
    """
    if text.strip():
        return _matching(contents, text, offset, count, active)
    members: list[Member] = []
    at = 0
    for key, bits in contents.bits.items():
        system = contents.systems[key]
        kept = bits & ~system.inactive() if active else bits
        here = kept.bit_count()
        wanted = count - len(members)
        if wanted > 0 and offset < at + here:
            numbers = ids.page(kept, max(0, offset - at), wanted)
            members += [_member(contents, key, *head) for head in system.heads(numbers)]
        at += here
    for key, codes in contents.loose.items():
        wanted = count - len(members)
        if wanted > 0 and offset < at + len(codes):
            start = max(0, offset - at)
            members += [Member(*key, code, said) for code, said in islice(codes.items(), start, start + wanted)]
        at += len(codes)
    return Page(members, at, offset)


def _member(contents: Contents, key: tuple[str, str], code: str, display: str, active: bool) -> Member:
    said = contents.words.get((key[0], code)) if contents.words else None
    return Member(key[0], key[1], code, said or display, active)


def _matching(contents: Contents, text: str, offset: int, count: int, active: bool) -> Page:
    asked = words(text)
    members: list[Member] = []
    at = 0
    whole = True
    for key, bits in contents.bits.items():
        system = contents.systems[key]
        flags = ids.Flags(bits & ~system.inactive() if active else bits)
        seen: set[int] = set()
        wanted: list[int] = []
        for tried, number in enumerate(system.matching(asked)):
            if tried >= _MOST_MATCHES:
                whole = False
                break
            if number not in seen and flags.has(number):
                seen.add(number)
                if offset <= at < offset + count:
                    wanted.append(number)
                at += 1
                if at >= offset + count + _COUNTED:
                    whole = False
                    break
        members += [_member(contents, key, *head) for head in system.heads(wanted)]
    for key, codes in contents.loose.items():
        for code, said in codes.items():
            have = [*fold(said).split(), *fold(code).split()]
            if asked and all(any(word.startswith(each) for word in have) for each in asked):
                if offset <= at < offset + count:
                    members.append(Member(*key, code, said))
                at += 1
    return Page(members, at if whole else None, offset)


_COUNTED = 500
"""So many matches beyond the page are counted; where there are more, no total is said."""
