"""The grammar of UCUM: what is an expression, what it is in base units, and what is wrong with what is not one."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsilo.units import Canonical, canonical, parse
from unsilo.units.essence import essence
from unsilo.units.expression import LONGEST

CANONICAL = [
    ("m", "m", 1),
    ("kg", "g", 1000),
    ("mg/dL", "g.m-3", 10),
    ("mmol/L", "m-3", 602214076 * 10**15),
    ("10*3/uL", "m-3", 10**12),
    ("10^3/uL", "m-3", 10**12),
    ("10*-6", "1", Fraction(1, 10**6)),
    ("10*+2", "1", 100),
    ("/100{WBC}", "1", Fraction(1, 100)),
    ("{cells}/uL", "m-3", 10**9),
    ("mL/min/{1.73_m2}", "m3.s-1", Fraction(1, 60_000_000)),
    ("a/b", "m-2.s", Fraction(31_557_600 * 10**28)),
    ("m.s-2", "m.s-2", 1),
    ("m/s/s", "m.s-2", 1),
    ("m/(s/kg)", "g.m.s-1", 1000),
    ("m/(s.(kg/(s)))", "g-1.m", Fraction(1, 1000)),
    ("/(m.s)", "m-1.s-1", 1),
    ("m.(/s)", "m.s-1", 1),
    ("(m.s){walked}", "m.s", 1),
    ("m+2", "m2", 1),
    ("m2.m-2", "1", 1),
    ("s0", "1", 1),
    ("cd", "cd", 1),
    ("dar", "m2", 10),
    ("daL", "m3", Fraction(1, 100)),
    ("[iU]/L", "[iU].m-3", 1000),
    ("[IU]/L", "[iU].m-3", 1000),
    ("[arb'U].[todd'U]", "[arb'U].[todd'U]", 1),
    ("meq/L", "eq.m-3", 1),
    ("mosm/kg", "g-1.osm", Fraction(1, 10**6)),
    ("U/L", "m-3.s-1", Fraction(301107038 * 10**11, 3)),
    ("[g]", "m.s-2", Fraction("9.80665")),
    ("4.[pi].10*-7.N/A2", "C-2.g.m", None),
    ("cal_[15]", "g.m2.s-2", Fraction(41858, 10)),
]


@pytest.mark.parametrize(("code", "base", "factor"), CANONICAL)
def test_expressions_in_base_units(code: str, base: str, factor: Fraction | None) -> None:
    """Prefixes, powers, signs, numbers, parentheses and annotations, each to an exact factor."""
    found = canonical(code)
    assert found is not None
    assert found.code == base
    if factor is not None:
        assert found.factor == factor


WRONG = [
    ("", "end", 1),
    ("/", "end", 2),
    ("m/", "end", 3),
    ("mg/dl/", "end", 7),
    ("m.", "end", 3),
    ("m..s", "syntax", 3),
    ("m//s", "syntax", 3),
    ("m./s", "syntax", 3),
    (".m", "syntax", 1),
    ("10*-", "syntax", 4),
    ("10+3/ul", "syntax", 3),
    ("10-3", "syntax", 3),
    ("2m", "syntax", 2),
    ("m(s)", "syntax", 2),
    ("(m)s", "syntax", 4),
    ("(m)2", "syntax", 4),
    ("()", "syntax", 2),
    ("m)", "syntax", 2),
    ("(m", "bracket", 3),
    ("{a", "bracket", 1),
    ("a}", "bracket", 2),
    ("m{a}{b}", "bracket", 5),
    ("{{a}}", "bracket", 1),
    ("[iU", "bracket", 1),
    ("m s", "character", 2),
    ("m\ts", "character", 2),
    (" m", "character", 1),
    ("µg", "character", 1),
    ("Ω", "character", 1),
    ("m٣", "character", 2),
    ("m²", "character", 2),
    ("m\x00", "character", 2),
    ("\ud800", "character", 1),
    ("{é}", "bracket", 1),
    ("mEq/L", "atom", 1),
    ("Mg/DL", "atom", 4),
    ("mkg", "atom", 1),
    ("kmin", "atom", 1),
    ("k", "atom", 1),
    ("[unknown]", "atom", 1),
    ("0", "zero", 1),
    ("m/00", "zero", 3),
    ("Cel/s", "special", 1),
    ("m.Cel", "special", 1),
    ("Cel2", "special", 1),
    ("/Cel", "special", 2),
    ("Cel.Cel", "special", 5),
    ("m9999", "size", 1),
    ("10*-99999999999999999999", "size", 1),
    ("Ym99.Ym99.Ym99.Ym99", "size", 6),
]


@pytest.mark.parametrize(("code", "rule", "place"), WRONG)
def test_what_is_not_ucum_is_an_issue_with_its_place(code: str, rule: str, place: int) -> None:
    """No value, one Issue, at the character where it goes wrong."""
    result = parse(code)
    assert result.value is None
    (issue,) = result.issues
    assert issue.rule == f"units.ucum.{rule}"
    assert issue.where.path == f"character {place}"
    assert issue.text
    assert len(issue.text) < 200
    assert canonical(code) is None


HOSTILE = [
    "m" * 10**6,
    "(" * 10**6,
    "(" * 499 + "m" + ")" * 499,
    "(" * (LONGEST - 1) + "m",
    "m." * 400 + "m",
    "/" * LONGEST,
    "9" * LONGEST,
    "10*" + "9" * 900,
    "m" + "9" * 900,
    "{" + "a" * 10**6 + "}",
    "[" * LONGEST,
    "[a" * 333,
    "\x00" * LONGEST,
    "[m/s2/Hz^(1/2)]" * 60,
    ".".join(["Ym99"] * 200),
    "Gy8000",
    "Gy2000.Gy2000",
]


@pytest.mark.parametrize("code", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_input_is_bounded(code: str) -> None:
    """Length, nesting and size end in a value or one short Issue; nothing recurses or grows."""
    result = parse(code)
    if result.value is None:
        assert len(result.issues[0].text) < 200
    else:
        assert result.value.canonical.factor.numerator.bit_length() <= 10_000
        assert canonical(result.value.canonical.code) is not None


@given(st.text(max_size=40) | st.text(alphabet="mgLsk10*^-+./(){}[]'%23 Celμ", max_size=30))
@settings(max_examples=500)
def test_any_text_gives_a_value_or_one_issue(text: str) -> None:
    """Whatever is read, the answer is either a unit or one Issue; the same for the other alphabet."""
    for upper in (False, True):
        result = parse(text, case_insensitive=upper)
        assert (result.value is None) == (len(result.issues) == 1)


def codes(metric: bool = False) -> list[str]:
    """Return the codes of atoms that may stand in products, or of those that take prefixes."""
    return sorted(a.code for a in essence().atoms.values() if a.function is None and (a.metric or not metric))


def some_unit(random: Random) -> str:
    """Return a random symbol with its prefix and power."""
    symbol = random.choice(codes())
    if random.random() < 0.3:
        symbol = random.choice(sorted(essence().prefixes)) + random.choice(codes(metric=True))
    return symbol + random.choice(["", "", "2", "-1", "-2", "3"])


def some_term(random: Random, depth: int = 0) -> str:
    """Return a random well-formed term."""
    parts = []
    for _ in range(random.randint(1, 4)):
        inner = f"({some_term(random, depth + 1)})" if depth < 2 and random.random() < 0.2 else some_unit(random)
        parts.append(inner)
    text = parts[0]
    for part in parts[1:]:
        text += random.choice("./") + part
    return text


@given(st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_the_canonical_code_is_a_fixed_point(random: Random) -> None:
    """A canonical code is UCUM, stands for itself with the factor 1, and keeps the dimension."""
    term = some_term(random)
    found = canonical(term)
    assert found is not None, term
    assert canonical(found.code) == Canonical(found.code, Fraction(1))


@given(st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_products_and_quotients_are_those_of_the_factors(random: Random) -> None:
    """The factor of `(a).(b)` is the product of the factors, that of `(a)/(b)` the quotient."""
    first, second = some_term(random), some_term(random)
    a, b = canonical(first), canonical(second)
    product, quotient = canonical(f"({first}).({second})"), canonical(f"({first})/({second})")
    assert a is not None
    assert b is not None
    assert product is not None
    assert quotient is not None
    assert product.factor == a.factor * b.factor
    assert quotient.factor == a.factor / b.factor
    back = canonical(f"(({first})/({second})).({second})")
    assert back == a


def test_annotations_are_kept_and_mean_nothing() -> None:
    """An annotation is reported and does not change the unit."""
    result = parse("10*3{RBCs}/uL{whole_blood}")
    assert result.value is not None
    assert result.value.annotations == ("{RBCs}", "{whole_blood}")
    assert result.value.canonical == canonical("10*3/uL")
    assert canonical("{}") == Canonical("1", Fraction(1))


def test_a_number_may_scale_a_special_unit() -> None:
    """A prefix, a number or an annotation beside a special unit scales it (UCUM 22); nothing else may."""
    for code, scale in (("mCel", Fraction(1, 1000)), ("2.Cel", 2), ("Cel/10*2", Fraction(1, 100)), ("(Cel){oral}", 1)):
        found = canonical(code)
        assert found is not None
        assert found.special is not None
        assert found.special.scale == scale


def test_the_case_insensitive_alphabet_is_asked_for() -> None:
    """`MMOL/L` is UCUM only for a caller that says so, and then it is what `mmol/L` is."""
    assert canonical("MMOL/L") is None
    for upper, lower in (("MMOL/L", "mmol/L"), ("CEL", "Cel"), ("[DEGF]", "[degF]"), ("KIBBY", "KiBy"), ("HR", "h")):
        assert canonical(upper, case_insensitive=True) == canonical(lower)
    assert canonical("mmol/l", case_insensitive=True) == canonical("mmol/l")
