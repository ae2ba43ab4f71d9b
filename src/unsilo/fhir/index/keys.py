"""How values become index keys; a search writes what it looks for with the same functions."""

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import Final

from unsilo.fhir.fold import fold
from unsilo.kernel import hash64
from unsilo.units import Canonical

__all__ = [
    "CURRENCIES",
    "LONGEST",
    "LONGEST_CODE",
    "UCUM",
    "canonical_forms",
    "canonical_value",
    "clean",
    "number",
    "reference_type",
    "string_key",
    "target",
    "text_key",
    "token",
    "token_hash",
    "token_key",
    "typed",
]

LONGEST: Final = 400
"""Characters of a text, URI or reference that are indexed; what is longer is found by its beginning."""
UCUM: Final = "http://unitsofmeasure.org"
CURRENCIES: Final = "urn:iso:std:iso:4217"
LONGEST_CODE: Final = 64
"""Characters of a code by which tokens are sorted."""
_SHORT: Final = 64  # longer texts are seldom said twice, so they would only fill the caches
_WIDEST: Final = 400  # a decimal exponent beyond what a float holds
_LARGEST_ARGUMENT: Final = 10**30  # powers and logarithms of more are nothing that was measured


def clean(text: str) -> str:
    """Return text that UTF-8 can hold: a lone surrogate (possible in foreign JSON) becomes `?`, NUL a space."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text.replace("\0", " ") if "\0" in text else text


def token_key(code: str) -> str:
    """Return the form in which codes are compared: literal but not case sensitive (FHIR R4 search.html#token)."""
    return clean(code).casefold()


@lru_cache(maxsize=32_768)
def _short_token(code: str) -> tuple[int, str]:
    key = token_key(code)
    return hash64(key), key[:LONGEST_CODE]


def token(code: str) -> tuple[int, str]:
    """Return the key of a code and the text by which tokens are sorted; (0, "") for no code."""
    if not code:
        return 0, ""
    if len(code) <= _SHORT:
        return _short_token(code)
    key = token_key(code)
    return hash64(key), key[:LONGEST_CODE]


def token_hash(code: str) -> int:
    """Return the key of a code; 0 stands for no code."""
    return token(code)[0]


def typed(system: str, code: str) -> str:
    """Return what stands for the system of an Identifier's value under which `:of-type` finds it.

    So its row is beside that of the value in its own system, on a page that is written in any case.
    """
    return f"{clean(system)}\x1f{token_key(code)}"


def _text_key(text: str) -> str:
    return fold(clean(text[: LONGEST * 4]))[:LONGEST]


@lru_cache(maxsize=16_384)
def _short_string(text: str) -> tuple[str, int]:
    return _text_key(text), hash64(clean(text))


def string_key(text: str) -> tuple[str, int]:
    """Return the folded beginning of a text and the hash of the whole as it stands (for `:exact`)."""
    return _short_string(text) if len(text) <= _SHORT else (_text_key(text), hash64(clean(text)))


@lru_cache(maxsize=16_384)
def _short_text(text: str) -> tuple[int, str]:
    folded = _text_key(text)
    return hash64(folded), folded


def text_key(text: str) -> tuple[int, str]:
    """Return the hash and the folded beginning of a display text (for `:text`)."""
    if len(text) <= _SHORT:
        return _short_text(text)
    folded = _text_key(text)
    return hash64(folded), folded


def number(value: object) -> float | None:
    """Return a JSON number as the float that is indexed, infinite beyond its range; None for anything else."""
    kind = type(value)
    if kind is int or kind is Decimal or kind is float:
        try:
            made = float(value)  # type: ignore[arg-type]
        except (OverflowError, ValueError):
            return inf if value > 0 else -inf  # type: ignore[operator]
        return made if made == made else None
    return None


def canonical_value(value: Decimal | int, unit: Canonical) -> float | None:
    """Return a value in the canonical unit, rounded once; None where that has none or is beyond a float's range."""
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > _WIDEST:
            return None
        above, below = value.as_integer_ratio()
    else:
        above, below = value, 1
    factor = unit.factor
    try:
        if unit.special is None:
            return (above * factor.numerator) / (below * factor.denominator)
        if abs(above) > _LARGEST_ARGUMENT * below:
            return None
        made = unit.to_base(Fraction(above, below))
        return None if made is None else made.numerator / made.denominator
    except OverflowError:
        return None


def target(reference: str) -> str:
    """Return a literal reference without its version, cut to what is indexed; "" for one into the resource itself."""
    if reference[:1] == "#":
        return ""
    cut = reference.find("/_history/")
    if cut > 0:
        reference = reference[:cut]
    return clean(reference)[:LONGEST]


def reference_type(reference: str) -> str:
    """Return the resource type that a literal reference names, relative or absolute; "" when it names none."""
    parts = reference.rsplit("/", 2)
    if len(parts) < 2:
        return ""
    return parts[-2] if parts[-2][:1].isalpha() and parts[-2].isalpha() else ""


def _forms(canonical: str) -> tuple[str, ...]:
    whole = canonical.partition("#")[0]
    if not whole:
        return ()
    bare = whole.partition("|")[0]
    whole, bare = clean(whole)[:LONGEST], clean(bare)[:LONGEST]
    return (whole,) if bare in ("", whole) else (bare, whole)


_short_forms = lru_cache(maxsize=4096)(_forms)


def canonical_forms(canonical: str) -> tuple[str, ...]:
    """Return the forms under which a canonical is found: without version, and as it stands (FHIR R4 references)."""
    return _short_forms(canonical) if len(canonical) <= LONGEST else _forms(canonical)
