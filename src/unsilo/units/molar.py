"""Mass, amount of substance and equivalents of a named analyte, through a reviewed table; without a row, nothing."""

from __future__ import annotations

import csv
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib import resources

import msgspec

from unsilo.kernel.issue import Issue
from unsilo.kernel.result import Result
from unsilo.units.convert import comparable, convert, fraction, to_decimal
from unsilo.units.expression import Reduced, reduce

__all__ = ["Analyte", "analyte", "analytes", "convert_analyte"]

_KINDS = ("g", "mol", "eq")


class Analyte(msgspec.Struct, frozen=True):
    """One row of `molar_masses.csv`.

    `molar_mass` is in g/mol, of what is counted (`formula`, where there is one). `valence` is equivalents per mole,
    None where it depends on circumstances. `names` are matched as a whole, folded; `loinc` are codes that measure the
    analyte. `note` says the convention behind the figure, if there is one.
    """

    name: str
    names: tuple[str, ...]
    loinc: tuple[str, ...]
    molar_mass: Fraction
    valence: int | None
    formula: str
    source: str
    note: str


@cache
def analytes() -> tuple[Analyte, ...]:
    """All rows of the table, in its order."""
    text = resources.files(__package__).joinpath("molar_masses.csv").read_text(encoding="utf-8")
    return tuple(
        Analyte(
            row["analyte"],
            tuple(row["names"].split(";")),
            tuple(row["loinc"].split(";")) if row["loinc"] else (),
            Fraction(row["molar_mass"]),
            int(row["valence"]) if row["valence"] else None,
            row["formula"],
            row["source"],
            row["note"],
        )
        for row in csv.DictReader(text.splitlines())
    )


@cache
def _index() -> dict[str, Analyte]:
    return {key: row for row in analytes() for key in (*row.names, *row.loinc)}


def analyte(key: str) -> Analyte | None:
    """Return the row for a LOINC code or for a name, which has to agree as a whole (case and spacing aside)."""
    return _index().get(" ".join(key.casefold().split()))


def _issue(text: str, rule: str, hint: str = "") -> Result[Decimal]:
    return Result(None, [Issue("error", "business-rule", text, hint=hint, rule=f"units.analyte.{rule}")])


def _kind(reduced: Reduced) -> tuple[str, int] | None:
    """Return which of mass, amount and equivalents the unit holds, and its power; None unless it is exactly one."""
    held = [(name, reduced.powers[name]) for name in _KINDS if reduced.powers.get(name)]
    return held[0] if len(held) == 1 and reduced.special is None else None


def _rest(reduced: Reduced) -> dict[str, int]:
    return {name: power for name, power in reduced.powers.items() if power and name not in _KINDS}


def _moles(kind: str, row: Analyte) -> Fraction | None:
    """Return how many moles one unit of the kind is."""
    if kind == "mol":
        return Fraction(1)
    if kind == "g":
        return 1 / row.molar_mass
    return None if row.valence is None else Fraction(1, row.valence)


def convert_analyte(value: Decimal, source: str, target: str, key: str) -> Result[Decimal]:
    """Say a value of an analyte in another unit, across mass, amount of substance and equivalents.

    `key` is a LOINC code or a name of `molar_masses.csv`. Comparable units are converted as `convert` does. No value
    and an Issue where the table has no such analyte or no valence for it, or the units differ in more than the kind
    (`mg/dL` and `mmol/L` do not; `mg/mmol`, which holds two analytes, is never converted).
    """
    if comparable(source, target):
        return convert(value, source, target)
    first, second = reduce(source, amounts=True), reduce(target, amounts=True)
    wrong = [found for found in (first, second) if isinstance(found, Issue)]
    if isinstance(first, Issue) or isinstance(second, Issue):
        return Result(None, wrong)
    given, wanted = _kind(first), _kind(second)
    if given is None or wanted is None or given[1] != wanted[1] or _rest(first) != _rest(second):
        return _issue(f"{source[:40]} and {target[:40]} are not mass, amount or equivalents of one thing.", "dimension")
    row = analyte(key)
    if row is None:
        if not key:
            text = "Mass and amount are converted by the molar mass of an analyte, and none was named."
            return _issue(text, "unknown", "Name the analyte, such as glucose.")
        return _issue(f"No molar mass is known for {key[:40]!r}.", "unknown", "Reviewed rows are in molar_masses.csv.")
    inside, outside = _moles(given[0], row), _moles(wanted[0], row)
    if inside is None or outside is None:
        return _issue(f"{row.name} has no fixed valence.", "valence", row.note)
    number = fraction(value)
    if number is None:
        return convert(value, source, source)
    factor = Fraction(first.up, first.down) / Fraction(second.up, second.down) * (inside / outside) ** given[1]
    return Result(to_decimal(number * factor), [])
