"""UCUM expressions reduced to integers: numerator, denominator and powers of base units, in one pass without recursion.

A parenthesis only changes the sign of the powers inside it, so a stack of signs is all that a term needs, and hostile
nesting costs nothing.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from unsilo.kernel.issue import Code, Issue, Where
from unsilo.units.essence import Atom, essence

__all__ = ["LONGEST", "TOKEN", "Reduced", "SpecialPart", "reduce", "split"]

LONGEST = 1000
"""Characters of an expression; the longest of UCUM's examples has under 40."""
_BITS = 8192
"""Size of numerator or denominator: 10 to the 2400th; a double ends at 10 to the 308th."""

# A symbol is 10*, 10^, or characters that are neither structure nor digit, with closed brackets taken whole
# (`[m/s2/Hz^(1/2)]`, `B[10.nV]`). Only ASCII digits count, so `[0-9]` and not `\d`.
TOKEN = re.compile(
    r"(?:(?P<symbol>10[*^]|(?:[!-'*,:-<>-Z\\^-z|~]|\[[!-Z\\^-z|~]*\])+)(?P<power>[+-]?[0-9]+)?|(?P<number>[0-9]+))"
    r"(?P<note>\{[!-z|~]*\})?"
    r"|(?P<alone>\{[!-z|~]*\})"
    r"|(?P<sign>[./()])"
)

# Amounts that depend on valence and dissociation. UCUM gives both the value 1 mol; taken at its word, 2 meq/L of
# calcium would be converted to 2 mmol/L. They are base units here, and `units.molar` converts them by analyte.
_OWN_KIND = frozenset({"eq", "osm"})


class SpecialPart(NamedTuple):
    """The special unit of an expression: its function, and the size of the function's argument in base units."""

    function: str
    up: int
    down: int


class Reduced(NamedTuple):
    """An expression in base units: `up / down` times the product of the base units to their `powers`."""

    up: int
    down: int
    powers: dict[str, int]
    special: SpecialPart | None
    annotations: tuple[str, ...]


class _Symbol(NamedTuple):
    """A symbol in base units; `bits` bounds what a power of it costs: the length of its integers, the sum of powers."""

    up: int
    down: int
    powers: tuple[tuple[str, int], ...]
    special: SpecialPart | None
    bits: int


def _issue(code: str, place: int, text: str, rule: str, kind: Code = "code-invalid", hint: str = "") -> Issue:
    end = min(place + 1, max(len(code), place))
    return Issue("error", kind, text, Where(f"character {place + 1}", (place, end)), hint, f"units.ucum.{rule}")


def _bits(up: int, down: int, powers: tuple[tuple[str, int], ...]) -> int:
    return max(up.bit_length(), down.bit_length(), sum(abs(power) for _, power in powers))


@cache
def _atom(code: str, amounts: bool) -> _Symbol:
    """Reduce one atom by its definition; the cache is bounded by the essence file."""
    atom = essence().atoms[code]
    own = code in _OWN_KIND or (amounts and code == "mol")
    if own or atom.unit == "" or (atom.arbitrary and atom.unit == "1"):
        return _Symbol(1, 1, ((code, 1),), None, 1)
    inner = reduce(atom.unit, amounts=amounts)
    if isinstance(inner, Issue):  # the essence file is wrong; its hash is tested
        raise LookupError(f"{code}: {inner.text}")
    powers = tuple((name, power) for name, power in inner.powers.items() if power)
    up, down = inner.up * atom.value.numerator, inner.down * atom.value.denominator
    if atom.function is not None:
        return _Symbol(1, 1, powers, SpecialPart(atom.function.name, up, down), _bits(1, 1, powers))
    return _Symbol(up, down, powers, None, _bits(up, down, powers))


def split(symbol: str, case_insensitive: bool) -> tuple[str, str] | None:
    """Return prefix and atom of a symbol. An atom as a whole comes before a prefixed one (`cd` is candela)."""
    table = essence()
    if case_insensitive:
        symbol = symbol.upper()
    atoms: dict[str, str] | dict[str, Atom] = table.upper_atoms if case_insensitive else table.atoms
    names = table.upper_atoms if case_insensitive else {}
    if symbol in atoms:
        return "", names.get(symbol, symbol)
    for length in (1, 2, 3):
        prefix = table.upper_prefixes.get(symbol[:length], "") if case_insensitive else symbol[:length]
        rest = symbol[length:]
        if prefix in table.prefixes and rest in atoms:
            code = names.get(rest, rest)
            if table.atoms[code].metric:
                return prefix, code
    return None


_known: dict[tuple[str, bool, bool], _Symbol] = {}
"""Symbols met that exist: prefixes times atoms, a few thousand at most."""


def _symbol(text: str, case_insensitive: bool, amounts: bool) -> _Symbol | None:
    parts = split(text, case_insensitive)
    if parts is None:
        return None
    prefix, code = parts
    plain = _atom(code, amounts)
    if prefix:
        factor = essence().prefixes[prefix]
        up, down = plain.up * factor.numerator, plain.down * factor.denominator
        plain = plain._replace(up=up, down=down, bits=_bits(up, down, plain.powers))
    _known[text, case_insensitive, amounts] = plain
    return plain


def _unknown(code: str, place: int, symbol: str) -> Issue:
    shown = symbol if len(symbol) <= 40 else f"{symbol[:40]}..."
    return _issue(code, place, f"{shown!r} is not a UCUM unit.", "atom", hint="Codes are case sensitive: mL, not ML.")


def _misplaced(code: str, place: int, expected: bool) -> Issue:
    """Say why no token, or not this one, can stand at `place`; `expected` is True where a unit has to come."""
    rest = code[place : place + 1]
    if not rest:
        return _issue(code, place, "The expression ends where a unit is expected.", "end")
    if rest.isspace():
        return _issue(code, place, "A UCUM expression has no white space.", "character")
    if not rest.isascii() or not rest.isprintable():
        return _issue(code, place, f"U+{ord(rest):04X} is not a character of UCUM.", "character")
    if rest in "{}[]":
        return _issue(code, place, f"{rest!r} has no partner.", "bracket")
    return _issue(code, place, f"{rest!r} cannot stand here{', a unit is expected' if expected else ''}.", "syntax")


def reduce(code: str, case_insensitive: bool = False, *, amounts: bool = False) -> Reduced | Issue:
    """Reduce an expression to base units, or say what is wrong with it and where.

    `amounts` keeps the mole as a base unit instead of the number that UCUM defines it to be.

    Bounds: 1000 characters, and 8192 bits for the numbers; beyond them the Issue is `too-long` or `too-costly`.
    """
    if len(code) > LONGEST:
        text = f"The expression has {len(code)} characters; at most {LONGEST} are read."
        return _issue(code, LONGEST, text, "length", "too-long")
    up, down, bits = 1, 1, 0
    powers: dict[str, int] = {}
    special: SpecialPart | None = None
    measured = False  # an atom with a dimension was met, which must not stand beside a special one
    notes: list[str] = []
    signs: list[int] = []  # the sign in force outside of each open parenthesis
    outer, sign = 1, 1
    place, end, wanted, begun = 0, len(code), True, True
    match = TOKEN.match
    while place < end:
        token = match(code, place)
        if token is None:
            return _misplaced(code, place, wanted)
        symbol, power, number, note, alone, mark = token.groups()
        if mark is not None:
            if wanted:
                if mark == "(":
                    signs.append(outer)
                    outer, begun = sign, True
                elif mark == "/" and begun:
                    sign, begun = -outer, False
                else:
                    return _misplaced(code, place, True)
            elif mark == ".":
                sign, wanted = outer, True
            elif mark == "/":
                sign, wanted = -outer, True
            elif mark == ")" and signs:
                outer = signs.pop()
                after = match(code, token.end())
                if after is not None and after.lastgroup == "alone":
                    notes.append(after.group())
                    token = after
            else:
                return _misplaced(code, place, False)
            place = token.end()
            continue
        if not wanted:
            return _misplaced(code, place, False)
        wanted = begun = False
        if symbol is not None:
            known = _known.get((symbol, case_insensitive, amounts)) or _symbol(symbol, case_insensitive, amounts)
            if known is None:
                return _unknown(code, place, symbol)
            times = sign if power is None else sign * int(power)
            bits += known.bits * abs(times)
            if bits > _BITS:
                return _issue(code, place, "The unit is too large or too small to be meant.", "size", "too-costly")
            if known.special is not None:
                if special is not None or times != 1:
                    return _special(code, place, symbol)
                special = known.special
            else:
                measured = measured or bool(known.powers)
            if times > 0:
                up, down = up * known.up**times, down * known.down**times
            elif times:
                up, down = up * known.down**-times, down * known.up**-times
            for name, exponent in known.powers:
                powers[name] = powers.get(name, 0) + exponent * times
        elif number is not None:
            value = int(number)
            bits += value.bit_length()
            if bits > _BITS:
                return _issue(code, place, "The unit is too large or too small to be meant.", "size", "too-costly")
            if value == 0:
                return _issue(code, place, "A unit cannot be nothing times another.", "zero")
            if sign > 0:
                up *= value
            else:
                down *= value
        if note is not None or alone is not None:
            notes.append(note or alone)
        place = token.end()
    if wanted:
        return _misplaced(code, end, True)
    if signs:
        return _issue(code, end, "A parenthesis is not closed.", "bracket")
    if measured and special is not None:
        return _special(code, 0, code)
    return Reduced(up, down, powers, special, tuple(notes))


def _special(code: str, place: int, symbol: str) -> Issue:
    text = f"{symbol[:40]!r}: a unit with a zero or a logarithm of its own takes no part in products and powers."
    return _issue(code, place, text, "special", hint="Differences of temperature are measured in K.")
