"""Where the parts of a composite search parameter stand in a row of `IndexRows.cmp`."""

from typing import Final, Literal, NamedTuple

__all__ = ["PAIRS", "Part", "Slot", "layout"]

Slot = Literal["token", "token2", "quantity", "date", "number", "from", "to", "text", "reference"]

PAIRS: Final = 4096
"""Codings times units that one element may have: one made to fill the index has no composite keys at all."""


class Part(NamedTuple):
    """One part of a composite, in the order of its definition.

    `token` is in the row's first code and system, `token2` in the second ones; `quantity` has its unit key in the
    second code (that of the stated unit, for a special one also that of the canonical unit) and its range in low and
    high; `date` has microseconds there as floats, `number` a value; `from` is a number in low, `to` one in high; `text`
    is folded, `reference` a target.
    """

    kind: str
    slot: Slot


_ORDERS: Final[dict[tuple[str, ...], tuple[Slot, ...]]] = {
    ("token", "token"): ("token", "token2"),
    ("token", "quantity"): ("token", "quantity"),
    ("token", "date"): ("token", "date"),
    ("token", "number"): ("token", "number"),
    ("token", "string"): ("token", "text"),
    ("token", "uri"): ("token", "reference"),
    ("token", "reference"): ("token", "reference"),
    ("token", "number", "number"): ("token", "from", "to"),
    ("quantity", "token"): ("quantity", "token"),
    ("date", "token"): ("date", "token"),
    ("number", "token"): ("number", "token"),
    ("string", "token"): ("text", "token"),
    ("reference", "token"): ("reference", "token"),
    ("uri", "token"): ("reference", "token"),
}
"""Kinds in the definition's order -> slots. The token is the row's first key whatever the order."""


def layout(kinds: tuple[str, ...]) -> tuple[Part, ...]:
    """Return the parts of a composite by its components' kinds; () for a combination that is not indexed."""
    slots = _ORDERS.get(kinds, ())
    return tuple(Part(kind, slot) for kind, slot in zip(kinds, slots, strict=True)) if slots else ()
