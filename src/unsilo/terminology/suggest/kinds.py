"""The kind of quantity that a reported unit or a LOINC property speaks of."""

from functools import lru_cache

from unsilo.terminology.suggest.tables import properties, units
from unsilo.terminology.suggest.text import fold
from unsilo.units import canonical, normalise

__all__ = ["kind_of_property", "kind_of_unit"]

_NO_UNIT = frozenset({
    "n/a", "na", "none", "pos/neg", "neg/pos", "positive/negative", "text", "qual", "qualitative", "nil", "arb", "ord",
    "nom", "n/a|pos/neg", "presence", "alpha", "freetext", "free text", "narrative",
})  # fmt: skip
_GIGA = {"G/l": "number concentration", "G/L": "", "T/l": "number concentration"}
"""What is giga per litre in one laboratory and gram per litre in the next; capitals alone decide nothing."""
_AMOUNT = 1e18
"""Numbers per cubic metre from which a count is a count of moles: cells are below it, picomoles per litre above."""
_DIMENSION = {
    "g.m-3": "mass concentration", "eq.m-3": "amount concentration", "m-3.s-1": "catalytic concentration",
    "[iU].m-3": "arbitrary concentration", "g.m-1.s-2": "pressure", "s": "time", "m3": "volume", "g": "mass",
    "g.s-1": "mass rate", "g-1.osm": "osmolality", "m-3.osm": "osmolality", "m": "length", "m2": "area",
    "K": "temperature", "m.s-1": "velocity", "m3.s-1": "volume rate", "g-1.s-1": "catalytic content", "s-1": "rate",
    "[iU].g-1": "arbitrary content", "g.m-1.s-1": "viscosity", "[iU].s-1": "arbitrary rate", "eq.s-1": "amount rate",
    "eq": "amount", "osm": "amount", "[iU]": "arbitrary", "g.m-2": "ratio",
}  # fmt: skip


def _of_count(code: str, text: str, factor: float, dimension: str) -> str:
    if dimension == "m-3":
        return "amount concentration" if "mol" in code or factor > _AMOUNT else "number concentration"
    if "mol" in code:
        return {"1": "amount", "s-1": "amount rate", "g-1": "mass content"}.get(dimension, "")
    if "pf]" in code.casefold() or "pf" in text:
        return "number per area"
    if code == "%" or "%" in text:
        return "fraction"
    if dimension == "1":
        return "mass content" if "g/" in code or "/g" in code else ("titer" if "tit" in text else "ratio")
    return _DIMENSION.get(dimension, "")


@lru_cache(4096)
def kind_of_unit(unit: str) -> str:
    """Return the kind of a reported unit ("mass concentration"), "none" for a unit that says "no number", else "".

    Several units between bars (`uIU/mL|uU/mL`) are asked in turn. An arbitrary unit has the kind "arbitrary".
    """
    for part in (*unit.split("|"), unit):
        text = fold(part).strip()
        if text in _NO_UNIT:
            return "none"
        if text in units():
            return units()[text]
        if part.strip() in _GIGA:
            return _GIGA[part.strip()]
        if "log" in text:
            return "log number concentration"
        code = normalise(part).code
        base = canonical(code) if code else None
        if base is not None:
            if base.code in ("1", "m-3", "g-1", "s-1") and base.special is None:
                return _of_count(code, text, float(base.factor), base.code)
            if base.code == "m3" and base.factor < 1e-14:
                return "entitic volume"
            kind = _DIMENSION.get(base.code, "arbitrary" if base.code.startswith("[") else "")
            if kind or base.special is None:
                return kind
            return "ph" if "pH" in code else "log number concentration"
    return "arbitrary" if fold(unit).strip(" .") and len(unit) < 20 and "#error" not in unit.casefold() else ""


def kind_of_property(name: str) -> str:
    """Return the kind of a property as displays name it (`Mass/volume`), or ""."""
    return properties().get(fold(name).strip(), "")
