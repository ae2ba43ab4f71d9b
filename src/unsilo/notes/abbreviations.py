"""Abbreviations of more than one meaning: the words around decide, or nothing is said."""

from collections.abc import Sequence
from typing import NamedTuple

from unsilo.notes.tables import Sense, capitals, senses
from unsilo.notes.tokens import Token

__all__ = ["Found", "abbreviations"]

_NEAR = 12
"""Words to each side that are looked at first; the whole sentence counts half."""


class Found(NamedTuple):
    """An abbreviation at a token; `sense` is None when its surroundings leave it open."""

    at: int
    sense: Sense | None
    options: tuple[Sense, ...]


def abbreviations(found: Sequence[Token], taken: Sequence[bool], wider: frozenset[str], *, shout: bool) -> list[Found]:
    """Return the abbreviations of a sentence; `taken` tokens belong to a term, `wider` are words of the sentences near.

    A cue beside the abbreviation counts two, one farther off in the sentence or in the sentences near it one. The best
    meaning is taken when no other has as much.
    """
    table = senses()
    out = []
    low = [token.text.lower() for token in found]
    whole = frozenset(low) | wider if len(low) < 200 else wider
    for at, token in enumerate(found):
        options = table.get(token.text) or table.get(token.text.upper() if not _is_word(token.text) else "")
        if not options or taken[at] or (shout and token.text.upper() in capitals() and len(low) > 3):
            continue
        near = set(low[max(0, at - _NEAR) : at]) | set(low[at + 1 : at + 1 + _NEAR])
        points = [len(near & option.cues) + len((whole | near) & option.cues) for option in options]
        best = max(points)
        chosen = points.index(best) if best and points.count(best) == 1 else -1
        out.append(Found(at, options[chosen] if chosen >= 0 else None, tuple(options)))
    return out


def _is_word(text: str) -> bool:
    """Tell whether an abbreviation in small letters is a word of the language (`as`, `pt`, `ed`)."""
    return text.upper() in capitals() and not text.isupper()
