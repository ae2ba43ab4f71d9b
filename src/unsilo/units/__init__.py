"""Units of measure: UCUM expressions parsed exactly, compared and converted; common misspellings; mass and amount."""

from unsilo.units.convert import comparable, compare, convert, interval, ratio
from unsilo.units.molar import convert_analyte
from unsilo.units.spelling import normalise
from unsilo.units.unit import Canonical, Special, Unit, canonical, parse

__all__ = [
    "Canonical",
    "Special",
    "Unit",
    "canonical",
    "comparable",
    "compare",
    "convert",
    "convert_analyte",
    "interval",
    "normalise",
    "parse",
    "ratio",
]
