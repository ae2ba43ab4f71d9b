"""The reviewed tables of this room: names of analytes, specimens, methods, properties, and what is no test at all."""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

__all__ = [
    "Method", "System", "Word", "coded_values", "fits", "methods", "names", "not_tests", "properties", "property_codes",
    "systems", "units", "usual_specimens", "words",
]  # fmt: skip


class System(NamedTuple):
    """A specimen: its name as LOINC's display has it, the family that it belongs to, and what others call it."""

    system: str
    family: str
    names: tuple[str, ...]


class Method(NamedTuple):
    """A method; `ordinary` ones are what a laboratory uses without saying so, `named` ones are said when meant."""

    method: str
    ordinary: bool
    names: tuple[str, ...]


class Word(NamedTuple):
    """What a word stands for, and whether it says little ("weak") or nothing ("stop") about what is measured."""

    means: str
    role: str


def _rows(name: str) -> list[list[str]]:
    text = files(__package__).joinpath("tables", name).read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines()))[1:]


def _pairs(name: str) -> list[tuple[str, str]]:
    return [(first, second) for first, second in _rows(name)]


@cache
def names(table: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The rows of `laboratory.csv` or `clinical.csv`: a concept and its names; `=` marks one that stands alone only."""
    return tuple((row[0], tuple(row[1].split(";"))) for row in _rows(f"{table}.csv"))


@cache
def systems() -> tuple[System, ...]:
    """All specimens."""
    return tuple(System(system, family, tuple(called.split(";"))) for system, family, called in _rows("systems.csv"))


@cache
def methods() -> tuple[Method, ...]:
    """All methods."""
    return tuple(Method(row[0], row[1] == "ordinary", tuple(row[2].split(";"))) for row in _rows("methods.csv"))


@cache
def words() -> dict[str, Word]:
    """Words with a fixed meaning or little weight."""
    return {word: Word(means, role) for word, means, role in _rows("words.csv")}


@cache
def properties() -> dict[str, str]:
    """The kind of each LOINC property by the name that displays give it."""
    return dict(_pairs("properties.csv"))


@cache
def property_codes() -> dict[str, str]:
    """The kind of each LOINC property by its code in a fully specified name, in lower case."""
    return dict(_pairs("property_codes.csv"))


@cache
def units() -> dict[str, str]:
    """The kind of units that are no UCUM or that UCUM reads otherwise than laboratories do, folded."""
    return dict(_pairs("units.csv"))


@cache
def usual_specimens() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The specimens that a category of tests is usually made on."""
    return tuple((category, tuple(found.split(";"))) for category, found in _pairs("usual_specimens.csv"))


@cache
def fits() -> dict[tuple[str, str], float]:
    """How well a kind of unit fits a kind of property, from -1 to 1; a pair that is missing contradicts."""
    return {(unit, kind): float(fit) for unit, kind, fit in _rows("fits.csv")}


@cache
def coded_values() -> tuple[tuple[str, str, str], ...]:
    """Short codes of administrative fields: the field's name, the code, what it means there."""
    return tuple((field, value, means) for field, value, means in _rows("coded_values.csv"))


@cache
def not_tests() -> tuple[tuple[str, str, str], ...]:
    """Texts that name no test, where they must stand, and why."""
    return tuple((text, where, why) for text, where, why in _rows("not_tests.csv"))
