"""Words of a label: folded, split, and replaced by the concept that the tables know them as."""

import re
import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple

from unsilo.terminology.suggest.tables import names, words

__all__ = ["Phrases", "fold", "phrases", "replace", "split", "stem"]

_TOKEN = re.compile(r"\d+\.\d+|\d+,\d{3}(?!\d)|[a-z0-9]+")
_DOSE = re.compile(r"(\d+(?:\.\d+)?)(mg|mcg|ug|g|ml|mm|cm|unt|iu|meq|mmol)")
_LONGEST = 400
_MOST_TOKENS = 40


@lru_cache(8192)
def fold(text: str) -> str:
    """Return the text in lower case without accents; micro becomes `u`, other alphabets stay as they are."""
    text = text[:_LONGEST].replace("\u00b5", "u").replace("\u03bc", "u").replace("\u00df", "ss")
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


@lru_cache(65536)
def stem(token: str) -> str:
    """Return the singular of an English word by its ending."""
    if len(token) < 4 or token[-1] != "s" or token[-2:] in ("ss", "us", "is"):
        return token
    return f"{token[:-3]}y" if token.endswith("ies") and len(token) > 5 else token[:-1]


@lru_cache(32768)
def split(text: str) -> tuple[str, ...]:
    """Return the folded, stemmed words of a text; `CD 1a` is one word, `500mg` are two."""
    found: list[str] = []
    for token in _TOKEN.findall(fold(text))[:_MOST_TOKENS]:
        dose = _DOSE.fullmatch(token)
        if dose is not None:
            found += [dose[1], dose[2]]
        elif found and found[-1] == "cd" and token[0].isdigit():
            found[-1] += token
        else:
            found.append(stem(token.replace(",", "")))
    return tuple(found)


class Phrases(NamedTuple):
    """Names by their first word, longest first: the words of the name, the concept's words, whether it stands alone."""

    first: dict[str, list[tuple[tuple[str, ...], tuple[str, ...], bool]]]


@cache
def phrases(tables: tuple[str, ...]) -> Phrases:
    """The names of some tables, ready to be looked for; where two tables share a name the first one counts."""
    first: dict[str, list[tuple[tuple[str, ...], tuple[str, ...], bool]]] = {}
    known: set[tuple[tuple[str, ...], bool]] = set()
    for table in tables:
        for concept, called in names(table):
            for name in (concept, *called):
                alone = name.startswith("=")
                tokens = split(name)
                if tokens and (tokens, alone) not in known:
                    known.add((tokens, alone))
                    first.setdefault(tokens[0], []).append((tokens, split(concept), alone))
    for found in first.values():
        found.sort(key=lambda name: -len(name[0]))
    return Phrases(first)


def replace(tokens: tuple[str, ...], known: Phrases) -> tuple[tuple[str, ...], frozenset[int]]:
    """Replace the longest known names from left to right by their concepts' words.

    Returns the words and the places among `tokens` that belonged to a name.
    """
    out: list[str] = []
    covered: set[int] = set()
    dictionary = words()
    at = 0
    while at < len(tokens):
        for name, concept, alone in known.first.get(tokens[at], ()):
            if tokens[at : at + len(name)] == name and (not alone or len(name) == len(tokens)):
                out += concept
                covered.update(range(at, at + len(name)))
                at += len(name)
                break
        else:
            word = dictionary.get(tokens[at])
            out.append(tokens[at] if word is None else word.means)
            at += 1
    return tuple(token for token in out if token), frozenset(covered)
