"""How a row's range is compared with what is asked, as conditions on its bounds (FHIR R4 search.html#prefix)."""

from unsilo.storage.render.dialect import Sql

__all__ = ["DATE_EDGE", "DATE_WHOLE", "NUMBERS", "SPANS", "ranged"]

DATE_WHOLE: dict[str, tuple[str, str]] = {
    "eq": ("x.lo >= ? AND x.lo < ? AND x.hi <= ?", "abb"),
    "ne": ("NOT (x.lo >= ? AND x.lo < ? AND x.hi <= ?)", "abb"),
    "gt": ("x.hi > ?", "b"),
    "lt": ("x.lo < ?", "a"),
    "ge": ("(x.hi > ? OR x.lo >= ? AND x.lo < ? AND x.hi <= ?)", "babb"),
    "le": ("(x.lo < ? OR x.lo >= ? AND x.lo < ? AND x.hi <= ?)", "aabb"),
    "sa": ("x.lo >= ?", "b"),
    "eb": ("x.lo < ? AND x.hi <= ?", "aa"),
    "ap": ("x.hi > ? AND x.lo < ?", "ab"),
}
"""FHIR R4 search.html#prefix on half-open bounds of a row (x.lo, x.hi) and of the asked value (a, b).

What is contained begins and ends within: a period that ends before it begins is in nothing."""

DATE_EDGE: dict[str, tuple[str, str]] = {
    "eq": ("x.lo >= ? AND x.lo < ?", "ab"),  # what is contained also begins before the end
    "lt": ("x.lo < ?", "a"),
    "le": ("x.lo < ?", "b"),
    "sa": ("x.lo >= ?", "b"),
    "eb": ("x.lo < ?", "a"),
}
"""What bounds the range of the key that is scanned, where the row's beginning says enough."""


NUMBERS: dict[str, tuple[str, str, str, str, str, str]] = {
    # prefix: (scan, takes, scan of ranges, takes, whole, takes); a and b are the asked value's bounds
    "eq": ("x.lo >= ? AND x.lo < ?", "ab", "", "", "x.lo >= ? AND x.lo < ? AND x.hi < ?", "abb"),
    "ne": ("", "", "", "", "NOT (x.lo >= ? AND x.lo < ? AND x.hi < ?)", "abb"),
    "gt": ("x.lo > ?", "b", "x.hi > ? AND x.lo <= ?", "bb", "x.hi > ?", "b"),
    "ge": ("x.lo >= ?", "a", "x.hi > ? AND x.lo < ?", "ba", "(x.hi > ? OR x.lo >= ? AND x.hi <= ?)", "bab"),
    "lt": ("x.lo < ?", "a", "", "", "x.lo < ?", "a"),
    "le": ("x.lo <= ?", "a", "", "", "(x.lo < ? OR x.lo = ? AND x.hi <= ?)", "aaa"),
    "sa": ("x.lo > ?", "b", "", "", "x.lo > ?", "b"),
    "eb": ("x.lo < ?", "a", "", "", "x.lo < ? AND x.hi < ?", "aa"),
    "ap": ("x.lo >= ? AND x.lo <= ?", "ab", "x.hi >= ? AND x.lo < ?", "aa", "x.hi >= ? AND x.lo <= ?", "ab"),
}  # fmt: skip
"""FHIR R4 search.html#prefix on a row's closed range (x.lo, x.hi); eq and ne ask for a half-open range."""


SPANS = {how: (whole, takes) for how, (_, _, _, _, whole, takes) in NUMBERS.items()}
SPANS |= {f"d{how}": said for how, said in DATE_WHOLE.items()}
"""How a composite's range compares: numbers, and dates with a `d` before the prefix."""


def ranged(head: Sql, how: str, lo: float, hi: float) -> tuple[list[Sql], Sql]:
    """Return the ranges of a table's key that together give the rows under `head` that meet a number, and the same as
    one condition."""
    bound = {"a": lo, "b": hi}
    scan, takes, wide, wide_takes, said, said_takes = NUMBERS[how]
    asked = [bound[c] for c in said_takes]
    whole = Sql(f"{head.text} AND {said}", [*head.values, *asked])
    scans = [whole]
    if scan:
        scans = [Sql(f"{head.text} AND {scan} AND {said}", [*head.values, *(bound[c] for c in takes), *asked])]
    if wide:
        text = f"{head.text} AND x.hi > x.lo AND {wide} AND {said}"
        scans.append(Sql(text, [*head.values, *(bound[c] for c in wide_takes), *asked]))
    return scans, whole
