"""The UCUM essence file, read as it is published: prefixes, base units and units by their codes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import NamedTuple
from xml.etree import ElementTree

__all__ = ["Atom", "Essence", "Function", "essence"]

_NAMESPACE = "{http://unitsofmeasure.org/ucum-essence}"


class Function(NamedTuple):
    """The function of a special unit: its name in the essence file, and the unit that its argument is measured in."""

    name: str
    value: Fraction
    unit: str


class Atom(NamedTuple):
    """One unit atom as the essence file defines it: `value` times `unit` (an expression in case sensitive codes).

    A base unit has `unit` "". A special unit has a `function`; its value and unit are those of the function.
    """

    code: str
    upper: str
    name: str
    property: str
    metric: bool
    arbitrary: bool
    value: Fraction
    unit: str
    function: Function | None


class Essence(NamedTuple):
    """All atoms and prefixes; `upper_*` give the case sensitive code for a code in the case insensitive alphabet."""

    version: str
    atoms: dict[str, Atom]
    prefixes: dict[str, Fraction]
    upper_atoms: dict[str, str]
    upper_prefixes: dict[str, str]


def _atoms(root: ElementTree.Element) -> Iterator[Atom]:
    for node in root.iter():
        kind = node.tag.removeprefix(_NAMESPACE)
        if kind not in ("base-unit", "unit"):
            continue
        name, measured = node.findtext(f"{_NAMESPACE}name") or "", node.findtext(f"{_NAMESPACE}property") or ""
        code, upper = node.attrib["Code"], node.attrib["CODE"].upper()
        if kind == "base-unit":
            yield Atom(code, upper, name, measured, True, False, Fraction(1), "", None)
            continue
        value = node.find(f"{_NAMESPACE}value")
        if value is None:
            continue
        metric, arbitrary = node.get("isMetric") == "yes", node.get("isArbitrary") == "yes"
        given = value.find(f"{_NAMESPACE}function")
        if given is None:
            size, unit, function = Fraction(value.attrib["value"]), value.attrib["Unit"], None
        else:
            size, unit = Fraction(given.attrib["value"]), given.attrib["Unit"]
            function = Function(given.attrib["name"], size, unit)
        yield Atom(code, upper, name, measured, metric, arbitrary, size, unit, function)


@cache
def essence() -> Essence:
    """Read the file on first use; about 5 ms."""
    file = resources.files(__package__).joinpath("ucum", "ucum-essence.xml")
    root = ElementTree.fromstring(file.read_bytes())  # noqa: S314 - shipped with the package, its hash is tested
    atoms = {atom.code: atom for atom in _atoms(root)}
    prefixes = {}
    upper_prefixes = {}
    for node in root.iter(f"{_NAMESPACE}prefix"):
        value = node.find(f"{_NAMESPACE}value")
        if value is not None:
            prefixes[node.attrib["Code"]] = Fraction(value.attrib["value"])
            upper_prefixes[node.attrib["CODE"].upper()] = node.attrib["Code"]
    upper_atoms = {atom.upper: atom.code for atom in atoms.values()}
    return Essence(root.attrib["version"], atoms, prefixes, upper_atoms, upper_prefixes)
