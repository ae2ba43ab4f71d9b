"""The essence file as shipped: unmodified, under its licence, and every entry of it usable."""

from fractions import Fraction
from hashlib import sha256
from importlib import resources

import pytest

from unsilo.units import canonical, convert
from unsilo.units.essence import essence
from unsilo.units.special import FUNCTIONS

FOLDER = resources.files("unsilo.units") / "ucum"
PUBLISHED = "dfccea1b5dc284245ebae97edd1dc03c45864da4e87df55bc9851797b4fd0b61"


def test_the_essence_file_is_the_published_one() -> None:
    """The UCUM licence permits unmodified copies, with its text beside them."""
    assert sha256((FOLDER / "ucum-essence.xml").read_bytes()).hexdigest() == PUBLISHED
    licence = (FOLDER / "LICENSE.md").read_text("utf-8")
    assert licence.startswith("# UCUM Copyright Notice and License")
    assert "WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND" in licence


def test_all_entries_are_read() -> None:
    """UCUM 2.2 has 24 prefixes, 7 base units and 305 others."""
    table = essence()
    assert table.version == "2.2"
    assert len(table.prefixes) == 24
    assert len(table.atoms) == 312
    assert {a.function.name for a in table.atoms.values() if a.function} <= set(FUNCTIONS)


@pytest.mark.parametrize("code", sorted(essence().atoms))
def test_every_atom_in_every_place(code: str) -> None:
    """An atom parses alone, with each prefix if it is metric and none if not, as a power, and below a solidus."""
    atom = essence().atoms[code]
    alone = canonical(code)
    assert alone is not None
    for prefix, value in essence().prefixes.items():
        found = canonical(prefix + code)
        if atom.metric:
            assert found is not None
            if prefix + code not in essence().atoms:
                assert found.code == alone.code
                scaled = found.factor if found.special is None else found.special.scale
                assert scaled == value * (alone.factor if alone.special is None else alone.special.scale)
        else:
            assert found is None or prefix + code in essence().atoms
    if alone.special is None:
        for text, power in ((f"/{code}", -1), (f"{code}2", 2), (f"{code}-3", -3), (f"1/({code}.{code})", -2)):
            found = canonical(text)
            assert found is not None
            assert found.factor == alone.factor**power
    else:
        assert canonical(f"{code}2") is None


@pytest.mark.parametrize("code", sorted(essence().atoms))
def test_definitions_hold(code: str) -> None:
    """One unit is what its definition says: its value times its unit, in the file's own words."""
    atom = essence().atoms[code]
    found = canonical(code)
    assert found is not None
    if atom.unit == "" or atom.function is not None or (atom.arbitrary and atom.unit == "1") or code in ("eq", "osm"):
        assert atom.function is not None or found.factor == 1
        return
    defined = canonical(atom.unit)
    assert defined is not None
    assert (found.code, found.factor) == (defined.code, defined.factor * atom.value)


@pytest.mark.parametrize("code", sorted(essence().atoms))
def test_the_other_alphabet_names_the_same_units(code: str) -> None:
    """The case insensitive code of each atom means what the case sensitive one does."""
    assert canonical(essence().atoms[code].upper, case_insensitive=True) == canonical(code)
    assert canonical(essence().atoms[code].upper.lower(), case_insensitive=True) == canonical(code)


@pytest.mark.parametrize("upper", [False, True])
def test_no_symbol_can_be_read_in_two_ways(upper: bool) -> None:
    """No two pairs of prefix and atom are written alike, nor like an atom: reading needs no rule of precedence."""
    table = essence()
    atoms = {(a.upper if upper else a.code): a for a in table.atoms.values()}
    symbols = [
        p + code for p in (table.upper_prefixes if upper else table.prefixes) for code, a in atoms.items() if a.metric
    ]
    assert len({*symbols, *atoms}) == len(symbols) + len(atoms)


@pytest.mark.parametrize("code", sorted(a.code for a in essence().atoms.values() if a.function))
def test_special_functions_are_undone_by_their_inverses(code: str) -> None:
    """A value goes to base units and comes back within 1e-9."""
    unit = canonical(code)
    assert unit is not None
    for value in (Fraction(1, 3), Fraction(7), Fraction("36.6"), Fraction(120)):
        base = unit.to_base(value)
        assert base is not None
        back = unit.from_base(base)
        assert back is not None
        assert abs(back - value) <= abs(value) * Fraction(1, 10**9)


def test_arbitrary_units_go_only_with_themselves() -> None:
    """No arbitrary unit converts to another, to a number or to an amount (UCUM 24)."""
    arbitrary = sorted(a.code for a in essence().atoms.values() if a.arbitrary and a.unit == "1")
    bases = {canonical(code).code for code in arbitrary}  # type: ignore[union-attr]
    assert bases == set(arbitrary)
    for code in arbitrary:
        assert convert(Fraction(1), code, "mol").value is None  # type: ignore[arg-type]
