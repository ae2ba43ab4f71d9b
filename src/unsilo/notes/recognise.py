"""Finds the terms of the dictionary in a sentence: the longest first, words in any order, small words between."""

from collections.abc import Sequence
from typing import NamedTuple

from unsilo.notes.dictionary import LONGEST, Dictionary, Entry, key_of
from unsilo.notes.tables import capitals, word_roles
from unsilo.notes.tokens import Token

__all__ = ["Match", "matches"]

_JOINS = frozenset("-'’")
_CASES = ("/", "and", "or", "&", ",")
_SHORT = 4
"""Letters of a word that with an accent is one of another language, and no abbreviation of this one."""


class Match(NamedTuple):
    """Tokens from `first` to `last` (included) that are a term, with what the term stands for."""

    first: int
    last: int
    entries: list[Entry]


def matches(found: Sequence[Token], dictionary: Dictionary, *, shout: bool = False) -> list[Match]:
    """Return the terms of a sentence, none within another; `shout` says that capitals mean nothing here.

    Each token is looked at `LONGEST` words far at most, so the time is linear.
    """
    out: list[Match] = []
    at, end = 0, len(found)
    while at < end:
        best = _at(found, at, end, dictionary) if found[at].form else None
        if best is None or not _meant(found, best, shout):
            at += 1
            continue
        out += _shared_head(found, best, dictionary)
        out.append(best)
        at = best.last + 1
    return out


def _at(found: Sequence[Token], at: int, end: int, dictionary: Dictionary) -> Match | None:
    longest = dictionary.longest
    first = found[at].form
    most = longest.get(first)
    if most is None:
        return None
    roles = word_roles()
    key = hash(first)
    best = at if dictionary.has(key) else -1
    whole: list[str] | None = [first]
    plain = [first]
    best_key = key
    place = at + 1
    while place < end and len(plain) < most:
        word = found[place].form
        if not word:
            if found[place].text not in _JOINS:
                break
        elif word in roles.skip:
            pass
        else:
            modifier = word in roles.modifier
            if word not in longest:
                if not modifier:
                    break
                whole = None
            elif whole is not None:
                whole.append(word)
                key = key_of(whole) if len(whole) <= LONGEST else 0
                if key and dictionary.has(key):
                    best, best_key = place, key
            if not modifier:
                if word not in longest:
                    break
                plain.append(word)
                if whole is None or len(plain) != len(whole):
                    key = key_of(plain)
                    if best < place and dictionary.has(key):
                        best, best_key = place, key
        place += 1
    if best < 0:
        return None
    return Match(at, best, dictionary.find(best_key))


def _meant(found: Sequence[Token], match: Match, shout: bool) -> bool:
    """Tell whether an abbreviation that is a word too stands in capitals, in a text where these say something."""
    if match.first != match.last:
        return True
    token = found[match.first]
    if len(token.text) <= _SHORT and not token.text.isascii():
        return False  # `sí` is Spanish, no suicidal ideation
    upper = token.text.upper()
    if upper not in capitals():
        return True
    return token.text == upper and not shout


def _shared_head(found: Sequence[Token], match: Match, dictionary: Dictionary) -> list[Match]:
    """Return the term that shares the last word of a term: `breast` in `breast and ovarian cancer`."""
    if match.first < 2 or match.last == match.first or found[match.first - 1].text.lower() not in _CASES:
        return []
    before, head = found[match.first - 2], found[match.last]
    if not before.form or not head.form:
        return []
    key = key_of([before.form, head.form])
    if not dictionary.has(key) or dictionary.has(hash(before.form)):
        return []
    return [Match(match.first - 2, match.first - 2, dictionary.find(key))]
