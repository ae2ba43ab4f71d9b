"""A UCUM expression taken apart for a reader: each symbol with its prefix, its name, its power and its definition."""

from __future__ import annotations

from fractions import Fraction

import msgspec

from unsilo.kernel.result import Result
from unsilo.units.essence import Atom, essence
from unsilo.units.expression import TOKEN, split
from unsilo.units.unit import Unit, parse

__all__ = ["Explained", "Part", "explain"]


class Part(msgspec.Struct, frozen=True):
    """One symbol, number or annotation. `power` counts in the whole expression: -1 below a solidus.

    `prefix` is its factor (1 without one); `definition` is what the essence file says the atom is, "" for a base unit.
    """

    text: str
    power: int
    prefix: Fraction = Fraction(1)
    atom: str = ""
    name: str = ""
    property: str = ""
    definition: str = ""
    note: str = ""


class Explained(msgspec.Struct, frozen=True):
    """An expression with its parts and its meaning in base units."""

    unit: Unit
    parts: tuple[Part, ...]


def _definition(atom: Atom) -> str:
    if atom.function is not None:
        return f"{atom.function.name}({atom.function.value} {atom.function.unit})"
    if not atom.unit:
        return ""
    return "arbitrary" if atom.arbitrary and atom.unit == "1" else f"{_plain(atom.value)} {atom.unit}"


def _plain(value: Fraction) -> str:
    """Return a factor as a reader takes it in: whole, decimal when that is short, else a fraction."""
    if value.denominator == 1:
        return str(value.numerator) if value < 10**9 else f"{float(value):.10g}"
    shown = f"{float(value):.10g}"
    return shown if Fraction(shown) == value else f"{value.numerator}/{value.denominator}"


def explain(code: str) -> Result[Explained]:
    """Return an expression taken apart; no value and the Issue of `parse` when it is not UCUM."""
    unit = parse(code)
    if unit.value is None:
        return Result(None, unit.issues)
    return Result(Explained(unit.value, tuple(_parts(code))), [])


def _parts(code: str) -> list[Part]:
    """Return the parts of an expression that is known to be well formed; the walk is that of `expression.reduce`."""
    found: list[Part] = []
    signs: list[int] = []
    outer, sign, place = 1, 1, 0
    while place < len(code):
        token = TOKEN.match(code, place)
        if token is None:
            break
        place = token.end()
        symbol, power, number, note, alone, mark = token.groups()
        if mark == "(":
            signs.append(outer)
            outer = sign
        elif mark == ")":
            outer = signs.pop()
            sign = outer
        elif mark is not None:
            sign = outer if mark == "." else -outer
        elif symbol is not None:
            found.append(_symbol(symbol, sign * int(power or 1), note or ""))
        elif number is not None:
            found.append(Part(number, sign, name="a number", note=note or ""))
        else:
            found.append(Part(alone or "", 1, name="an annotation: it means nothing to conversion"))
    return found


def _symbol(symbol: str, power: int, note: str) -> Part:
    parts = split(symbol, False)
    if parts is None:  # `parse` would have said so
        return Part(symbol, power, note=note)
    prefix, code = parts
    atom = essence().atoms[code]
    factor = essence().prefixes.get(prefix, Fraction(1))
    return Part(symbol, power, factor, code, atom.name, atom.property, _definition(atom), note)
