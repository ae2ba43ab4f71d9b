"""UCUM against its own examples, against another implementation, and against the units that occur in real data."""

from __future__ import annotations

import csv
import html
import json
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from importlib import resources
from pathlib import Path
from random import Random

import pytest
from lark.exceptions import LarkError
from ucumvert import PintUcumRegistry, get_ucum_parser, parse_ucum

from unsilo.units import normalise, parse
from unsilo.units.essence import essence
from unsilo.units.expression import Reduced, reduce

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs/reference/units.md"
LARK = get_ucum_parser()
DIMENSIONS = {
    "m": {"[length]": 1}, "s": {"[time]": 1}, "g": {"[mass]": 1}, "K": {"[temperature]": 1}, "rad": {},
    "C": {"[current]": 1, "[time]": 1}, "cd": {"[luminosity]": 1}, "mol": {"[substance]": 1},
}  # fmt: skip


def examples() -> list[str]:
    """Return the codes of UCUM's table of example units for electronic messaging (version 1.5)."""
    text = (resources.files("ucumvert") / "vendor/ucum_examples.tsv").read_text("utf-8")
    return [line.split("\t")[1] for line in text.splitlines()[1:]]


def test_the_official_examples() -> None:
    """Each example is read, but one: `Torr` is not among the units of the essence file."""
    codes = examples()
    assert len(codes) == 848
    assert [code for code in codes if parse(code).value is None] == ["Torr"]


def theirs(code: str) -> bool:
    """Return whether ucumvert reads the code."""
    try:
        parse_ucum(code, LARK)
    except LarkError:
        return False
    return True


def some_unit(random: Random) -> str:
    """Return a random component: a number, a symbol with or without prefix and power, each perhaps with a note."""
    note = random.choice(["", "", "", "{x}", "{a.b/c}", "{}"])
    if random.random() < 0.1:
        return str(random.randint(1, 200)) + note
    atoms = essence().atoms
    symbol = random.choice(sorted(atoms))
    if random.random() < 0.5:
        symbol = random.choice(sorted(essence().prefixes)) + random.choice([c for c in atoms if atoms[c].metric])
    return symbol + random.choice(["", "", "", "2", "-1", "+3", "12"]) + note


def some_term(random: Random, depth: int = 0) -> str:
    """Return a random well-formed expression."""
    parts = []
    for _ in range(random.randint(1, 4)):
        if depth < 3 and random.random() < 0.2:
            parts.append(f"({some_term(random, depth + 1)}){random.choice(['', '{n}'])}")
        else:
            parts.append("{only}" if random.random() < 0.05 else some_unit(random))
    text = "/" if random.random() < 0.1 else ""
    return text + parts[0] + "".join(random.choice("./") + part for part in parts[1:])


def spoiled(random: Random, text: str) -> str:
    """Return the expression with a few characters taken out, put in or turned around."""
    for _ in range(random.randint(1, 3)):
        place, kind = random.randrange(len(text) + 1), random.random()
        if kind < 0.4:
            text = text[:place] + text[place + 1 :]
        elif kind < 0.8:
            text = text[:place] + random.choice("./(){}[]0123+-*^%' mgLkµ\"=") + text[place:]
        else:
            text = text[:place] + text[:place:-1]
    return text


NOTES = re.compile(r"\{[^{}]*\}")


def explained(code: str, rule: str) -> str:
    """Say why the two implementations judge a code differently, or return "" when nobody knows."""
    bare = NOTES.sub("", code)
    if rule == "units.ucum.special":
        return "UCUM 21: a special unit takes no part in products and powers; ucumvert's grammar does not look"
    if rule == "units.ucum.size":
        return "a bound of ours"
    if rule == "units.ucum.syntax" and re.search(r"(^|[./(])[0-9]+[+-][0-9]", bare):
        return "UCUM's grammar has no exponent on a number; ucumvert has"
    if rule in ("units.ucum.syntax", "units.ucum.bracket") and "}{" in code:
        return "UCUM's grammar has one annotation on a component; ucumvert takes two"
    if rule == "" and re.search(r"(^|[^1-9])0", bare):
        return "UCUM's digits may begin with, or for an exponent be, zero; ucumvert's not"
    return ""


@pytest.mark.parametrize("seed", range(4))
def test_well_formed_and_malformed_expressions_agree_with_ucumvert(seed: int) -> None:
    """Random expressions, half of them damaged: both read them or both refuse, or the difference has a known reason."""
    random = Random(seed)
    both = {True: 0, False: 0}
    for turn in range(300):
        code = some_term(random)
        if turn % 2:
            code = spoiled(random, code)
        result = parse(code)
        ours, other = result.value is not None, theirs(code)
        if ours == other:
            both[ours] += 1
        else:
            assert explained(code, result.issues[0].rule if result.issues else ""), (code, result.issues)
    assert min(both.values()) > 80


def differing() -> set[str]:
    """Return the symbols that pint values otherwise than the essence file, as `ucum_differences.csv` gives reasons."""
    symbols: set[str] = set()
    with (HERE / "ucum_differences.csv").open(encoding="utf-8") as handle:
        for row in csv.DictReader(handle):
            prefixes = essence().prefixes if row["written"] == "prefixed" else {"": Fraction(1)}
            symbols.update(prefix + atom for atom in row["atoms"].split() for prefix in prefixes)
            assert row["reason"]
    return symbols


@pytest.fixture(scope="module")
def pint() -> PintUcumRegistry:
    """ucumvert's registry of units."""
    return PintUcumRegistry()


def in_si(reduced: Reduced) -> tuple[Fraction, dict[str, int]] | None:
    """Return the factor to SI and the dimensions as pint names them; None with units that pint has no base for."""
    dimension: dict[str, int] = {}
    for base, power in reduced.powers.items():
        if base not in DIMENSIONS:
            return None
        for name, times in DIMENSIONS[base].items():
            dimension[name] = dimension.get(name, 0) + times * power
    factor = Fraction(reduced.up, reduced.down) / Fraction(1000) ** reduced.powers.get("g", 0)
    return factor, {name: power for name, power in dimension.items() if power}


def agrees(code: str, pint: PintUcumRegistry) -> bool | None:
    """Return whether factor and dimension are those of pint; None where there is nothing to compare."""
    reduced = reduce(code, amounts=True)
    assert isinstance(reduced, Reduced), code
    ours = None if reduced.special else in_si(reduced)
    if ours is None:
        return None
    quantity = (1 * pint.from_ucum(code)).to_base_units()
    if {name: power for name, power in dict(quantity.dimensionality).items() if abs(power) > 1e-9} != ours[1]:
        return False
    return abs(Fraction(float(quantity.magnitude)) / ours[0] - 1) < Fraction(1, 10**9)


def test_every_symbol_has_the_value_that_ucumvert_gives_it(pint: PintUcumRegistry) -> None:
    """Each ordinary atom, alone and with each prefix, is what pint has within 1e-9, but for those listed."""
    listed = differing()
    symbols = set(essence().atoms)
    for atom in essence().atoms.values():
        if atom.metric and atom.function is None and not (atom.arbitrary or atom.code in listed):
            symbols.update(prefix + atom.code for prefix in essence().prefixes)
    assert {code for code in symbols if agrees(code, pint) is False} == listed


def test_random_products_have_the_value_that_ucumvert_gives_them(pint: PintUcumRegistry) -> None:
    """Factors of whole expressions agree where their symbols do, so powers, signs and parentheses do."""
    random = Random(5)
    listed = differing()
    other = listed | {"eq", "osm"}
    plain = [a for a in essence().atoms.values() if not (a.function or a.arbitrary or a.code in other)]
    symbols = sorted({p + a.code for a in plain for p in ("", "k", "m", "u") if a.metric or not p} - listed)
    for _ in range(200):
        parts = [random.choice(symbols) + random.choice(["", "2", "-1"]) for _ in range(random.randint(1, 3))]
        code = parts[0] + "".join(random.choice("./") + part for part in parts[1:])
        if len(parts) == 3 and random.random() < 0.5:
            code = f"{parts[0]}/({parts[1]}.{parts[2]})"
        assert agrees(code, pint), code


def in_fhir(node: object) -> Iterator[str]:
    """Yield unit and UCUM code of each quantity of a JSON tree."""
    if isinstance(node, dict):
        if isinstance(node.get("value"), int | float):
            ucum = node.get("system", "http://unitsofmeasure.org") == "http://unitsofmeasure.org"
            yield from (node[k] for k in ("unit", "code") if isinstance(node.get(k), str) and (k == "unit" or ucum))
        for value in node.values():
            yield from in_fhir(value)
    elif isinstance(node, list):
        for value in node:
            yield from in_fhir(value)


def in_text(path: Path, text: str) -> Iterator[str]:
    """Yield the units of an XML document (C-CDA and FHIR) or of HL7 v2 messages (first component of OBX-6)."""
    if path.suffix == ".xml":
        pattern = r'\bunit="([^"]*)"' if "urn:hl7-org:v3" in text else r'<unit value="([^"]*)"'
        yield from (html.unescape(found) for found in re.findall(pattern, text))
        return
    for line in re.split(r"[\r\n]+", text):
        fields = line.split("|")
        if fields[0] == "OBX" and len(fields) > 6:
            yield fields[6].split("^")[0]


def corpora_units(root: Path) -> set[str]:
    """Return every unit that stands in the third-party data."""
    found: set[str] = set()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        if path.suffix == ".json":
            try:
                found.update(in_fhir(json.loads(path.read_text("utf-8-sig"))))
            except ValueError:
                continue
        elif path.suffix in (".xml", ".hl7", ".txt", ""):
            found.update(in_text(path, path.read_text("utf-8", errors="replace")))
    for path in (root / "loinc").rglob("*.csv"):
        with path.open(encoding="utf-8", errors="replace") as handle:
            for row in csv.DictReader(handle):
                found.update(row.get(column) or "" for column in ("valueuom", "unitname"))
    return {unit.strip() for unit in found} - {""}


@pytest.mark.corpora
def test_every_unit_of_the_corpora_is_read_or_listed() -> None:
    """A unit of the corpora is UCUM, or an alias, or stands with its reason on the page about units."""
    root = os.environ.get("UNSILO_CORPORA", "")
    if not root or not Path(root, "loinc").is_dir():
        pytest.skip("UNSILO_CORPORA names no folder of third-party data")
    units = corpora_units(Path(root))
    assert len(units) > 150
    unread = {unit for unit in units if normalise(unit).how == "none"}
    section = PAGE.read_text("utf-8").split("## Units of the test data that are not read")[1].split("\n## ")[0]
    listed = {
        text.replace("\\|", "|") for text, why in re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.M) if why.strip()
    }
    assert unread == listed
