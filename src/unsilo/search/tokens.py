"""Token values: codes, identifiers, texts of codes, value sets and hierarchies through the terminology port."""

from collections.abc import Callable, Sequence

from unsilo.fhir.index import token_hash
from unsilo.fhir.index.keys import text_key, typed
from unsilo.kernel import Issue
from unsilo.search.ask import Ask, Terminology
from unsilo.search.text import pieces, plain
from unsilo.storage import plan as p

__all__ = ["TOKEN_MODIFIERS", "coded", "token"]

TOKEN_MODIFIERS = ("text", "not", "above", "below", "in", "not-in", "of-type")
_MOST_CODES = 20_000


def coded(name: str, text: str, ask: Ask) -> tuple[int | None, str | None] | None:
    """Read code, system|code, |code or system| as (hash or None, system, "" or None); None with an Issue."""
    if "|" not in text:
        return token_hash(plain(text)), None
    parts = pieces(text, "|")
    if len(parts) == 1:
        return token_hash(plain(text)), None
    if len(parts) > 2 or not (parts[0] or parts[1]):
        ask.refuse(name, "a token is code, system|code, |code or system|")
        return None
    system, code = plain(parts[0]), plain(parts[1])
    return (token_hash(code) if code else None), system


def _plain(sp: tuple[int, ...]) -> Callable[[str, str, Ask], p.Node | None]:
    def read(name: str, text: str, ask: Ask) -> p.Node | None:
        found = coded(name, text, ask)
        return None if found is None else p.Token(sp, *found)

    return read


def _texts(sp: tuple[int, ...]) -> Callable[[str, str, Ask], p.Node | None]:
    def read(name: str, text: str, ask: Ask) -> p.Node | None:
        _, folded = text_key(plain(text))
        if not folded:
            ask.refuse(name, "a text is missing")
            return None
        return p.Words(sp, folded)

    return read


def _typed(sp: tuple[int, ...]) -> Callable[[str, str, Ask], p.Node | None]:
    def read(name: str, text: str, ask: Ask) -> p.Node | None:
        parts = pieces(text, "|")
        if len(parts) != 3 or not all(parts):
            ask.refuse(name, "`:of-type` takes type system|type code|value")
            return None
        system, code, value = map(plain, parts)
        return p.Token(sp, token_hash(value), typed(system, code))

    return read


def _codes(sp: tuple[int, ...], found: Sequence[tuple[str, str]] | Issue, name: str, ask: Ask) -> p.Node | None:
    if isinstance(found, Issue):
        ask.refuse(name, found.text, found.hint, found.code, "search.terminology")
        return None
    if len(found) > _MOST_CODES:
        ask.fatal(name, f"that is more than {_MOST_CODES} codes")
        return None
    if not found:
        return p.NEVER
    return p.Codes(sp, tuple(sorted((token_hash(code), system) for system, code in found)))


def _in(sp: tuple[int, ...], terminology: Terminology) -> Callable[[str, str, Ask], p.Node | None]:
    def read(name: str, text: str, ask: Ask) -> p.Node | None:
        return _codes(sp, terminology.expand(plain(text)), name, ask)

    return read


def _hierarchy(sp: tuple[int, ...], terminology: Terminology, below: bool) -> Callable[[str, str, Ask], p.Node | None]:
    def read(name: str, text: str, ask: Ask) -> p.Node | None:
        parts = [plain(part) for part in pieces(text, "|")]
        if len(parts) != 2 or not all(parts):
            ask.refuse(name, f"`:{'below' if below else 'above'}` takes system|code")
            return None
        return _codes(sp, terminology.related(parts[0], parts[1], below=below), name, ask)

    return read


def token(
    sp: tuple[int, ...], modifier: str, terminology: Terminology
) -> Callable[[str, str, Ask], p.Node | None] | None:
    """Return the reader of one value under a modifier; None for a modifier that tokens do not have."""
    match modifier:
        case "" | "not":
            return _plain(sp)
        case "text":
            return _texts(sp)
        case "of-type":
            return _typed(sp)
        case "in" | "not-in":
            return _in(sp, terminology)
        case "above" | "below":
            return _hierarchy(sp, terminology, modifier == "below")
    return None
