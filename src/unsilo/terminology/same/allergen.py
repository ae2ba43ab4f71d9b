"""Names of allergens read: a substance, a food, a class, whatever words stand around it."""

from __future__ import annotations

import re
from functools import cache

from unsilo.terminology.same.meaning import Near, Reading
from unsilo.terminology.same.medicine import Known, read_medicine
from unsilo.terminology.same.tables import Row, allergens
from unsilo.terminology.same.text import base_key, fold, plain, tokens

__all__ = ["classes", "read_allergen"]

_AROUND = re.compile(
    r"^(?:(?:allergy status|allergy|allergic reaction|allergic|hypersensitivity|intolerance|intolerant|"
    r"adverse reaction|propensity to adverse reactions|sensitivity) (?:to )?)|^drug allergy to "
    r"| (?:allergy|allergies|intolerance|hypersensitivity|sensitivity|extract)$"
)
_DENIED = re.compile(r"^(?:no|not|nil|none|denies|denied|nkda|nka|unknown)\b")


@cache
def _rows() -> tuple[dict[str, Row], dict[str, Row]]:
    by_name: dict[str, Row] = {}
    for row in allergens():
        for name in row.names:
            by_name.setdefault(fold(name), row)
    return by_name, {row.name: row for row in allergens()}


def read_allergen(name: str, known: Known) -> tuple[tuple[Reading, ...], tuple[Near, ...]]:
    """Return the readings of an allergen and the classes it belongs to; a denial stands for itself."""
    words = fold(plain(name))
    if not words:
        return (), ()
    if _DENIED.match(words):
        return (Reading(f"a:{base_key(tokens(name))}", (("denied", "no"),), "same.name"),), ()
    bare = _AROUND.sub("", words).strip() or words
    by_name, rows = _rows()
    row = by_name.get(words) or by_name.get(bare)
    made: tuple[str, ...] = ()
    by = ""
    if row is None:
        medicine = read_medicine(re.sub(_AROUND, "", plain(name).lower()).strip() or name, known)
        made, by = medicine.ingredients, "".join(medicine.rows[:1])
        row = rows.get("+".join(made))
    if row is not None:
        readings = (Reading(f"a:{row.name}", (), "same.allergen", row.row),)
        near = [Near(f"c:{family}", "related.class", row.row) for family in row.families]
        return readings, (*near, Near(f"c:{row.name}", "related.class", row.row), *_parts(row.name.split("+")))
    if made:
        return (Reading(f"a:{'+'.join(made)}", (), "same.allergen", by),), tuple(_parts(made))
    return (Reading(f"a:{bare}"),), ()


def classes(ingredient: str) -> tuple[Near, ...]:
    """Return the classes that an ingredient belongs to."""
    row = _rows()[1].get(ingredient)
    return tuple(Near(f"c:{family}", "related.class", row.row) for family in row.families) if row is not None else ()


def _parts(names: tuple[str, ...] | list[str]) -> list[Near]:
    return [Near(f"i:{name}", "related.ingredient") for name in names]
