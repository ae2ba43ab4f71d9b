"""Fuzz targets over units of measure: expressions, spellings, and the values that they are given."""

from collections.abc import Callable, Hashable
from decimal import Decimal, InvalidOperation

__all__ = ["CODES", "SPELLINGS", "WORDS", "spelling", "ucum"]

Behaviour = Hashable

CODES = [
    b"mg/dL", b"10*3/uL", b"mL/min/{1.73_m2}", b"/(m.s{x})", b"kg.m2/(s2.K-1)", b"[m/s2/Hz^(1/2)]", b"B[10.nV]",
    b"2.Cel", b"10^-6.mol", b"m[H2O].[in_i'Hg]", b"meq/L", b"k[iU]/(24.h)", b"((((m))))", b"100{WBC}", b"dar.dam.cd",
    b"%[slope]", b"Gy999",
]  # fmt: skip
WORDS = [
    b"10*", b"10^", b"(", b")", b"/", b".", b"{", b"}", b"[", b"]", b"{}", b"-", b"+", b"0", b"9999999999", b"\x00",
    b" ", b"\xc2\xb5", b"\xd9\xa3", b"Cel", b"[pH]", b"dB", b"da", b"Ki", b"1.73", b"x10E3", b"mcg", b"((((((((((",
    b"m9999", b"[degF]", b"/hr", b"K/uL", b"1e999999",
]  # fmt: skip
SPELLINGS = [
    b"mcg/kg/hr",
    b"mL/min/1.73 m2",
    b"x10E3/uL",
    b"MG/DL",
    b"\xc2\xb0C",
    b"mEq/24 hr",
    b"K/uL",
    b"units",
    b"u/L",
]


def ucum() -> Callable[[bytes], Behaviour]:
    """Read a code and perhaps a value: one unit or one Issue; canonical codes are fixed points; values are bounded."""
    from unsilo.units import Canonical, canonical, convert, interval, parse

    def run(content: bytes) -> Behaviour:
        code, _, number = content.decode("utf-8", "replace").partition("\n")
        for upper in (True, False):
            result = parse(code, case_insensitive=upper)
            assert (result.value is None) == (len(result.issues) == 1)
        unit = canonical(code)
        if unit is None:
            assert len(result.issues[0].text) < 300
            return result.issues[0].rule, result.issues[0].where.path[-1:]
        assert canonical(unit.code) == Canonical(unit.code, type(unit.factor)(1))
        try:
            value = Decimal(number or "7.4")
        except InvalidOperation:
            value = Decimal("NaN")
        done = convert(value, code, unit.code)
        assert (done.value is None) == bool(done.issues)
        bounds = interval(value, value, code)
        assert bounds is None or bounds[1] <= bounds[2]
        return unit.code, unit.special is None, done.value is None

    return run


def spelling() -> Callable[[bytes], Behaviour]:
    """Read a reported unit: what comes back is UCUM and says how it was found, or nothing does."""
    from unsilo.units import canonical, normalise

    def run(content: bytes) -> Behaviour:
        code, how = normalise(content.decode("utf-8", "replace"))
        assert (code == "") == (how == "none")
        assert how == "none" or canonical(code) is not None
        return code, how

    return run
