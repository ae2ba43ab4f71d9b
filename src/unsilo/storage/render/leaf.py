"""Each kind of search clause as conditions on its narrow table: how its rows are gathered, and how one row is asked."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec

from unsilo.storage.plan import (
    Coded,
    Codes,
    Composite,
    Date,
    Dates,
    Number,
    Position,
    Quantity,
    Text,
    Token,
    Uri,
    Words,
)
from unsilo.storage.render.dialect import Dialect, Sql, numbers
from unsilo.storage.render.ranges import DATE_EDGE, DATE_WHOLE, SPANS, ranged

__all__ = [
    "Measure", "Measured", "Shape", "Targets", "composite_heads", "prefix_end", "shape", "sps",
]  # fmt: skip

DAY = 86_400_000_000
_BESIDE = 64
_SYSTEM = "(SELECT id FROM system WHERE uri = ?)"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


class Targets(msgspec.Struct, frozen=True, gc=False):
    """A `plan.Reference` whose row numbers are known: of the resource, and of the Patients linked with it."""

    sp: tuple[int, ...]
    rids: tuple[int, ...]


Measure: TypeAlias = tuple[int, float, float]
"""(unit key, low, high): what is asked, in a unit that the store has met."""


class Measured(msgspec.Struct, frozen=True, gc=False):
    """A `plan.Quantity`, or a `plan.Composite` with one, whose units are known."""

    of: Quantity | Composite
    units: tuple[Measure, ...]

    @property
    def sp(self) -> tuple[int, ...]:
        """The parameter."""
        return self.of.sp


class Shape(NamedTuple):
    """`scans`: conditions on alias x of `table` that together give the clause's rows, each by an index range.

    `whole`: the same as one condition, for one row; `own`: asked of the row's own keys where the table has no way to
    one row; `ordered`: the only scan is a list in the order of rid without doubles.
    """

    table: str
    scans: list[Sql]
    whole: Sql
    own: Sql | None = None
    ordered: bool = False


def prefix_end(prefix: str) -> str:
    """Return the first text after all that begin with `prefix`, in the order of UTF-8 bytes; "" when there is none."""
    for at in range(len(prefix) - 1, -1, -1):
        last = ord(prefix[at])
        if last < 0x10FFFF:
            after = last + 1 if not 0xD7FF <= last < 0xE000 else 0xE000
            return prefix[:at] + chr(after)
    return ""


def _begins(column: str, prefix: str) -> Sql:
    end = prefix_end(prefix)
    if not end:
        return Sql(f"{column} >= ?", [prefix])
    return Sql(f"{column} >= ? AND {column} < ?", [prefix, end])


def sps(found: tuple[int, ...], column: str = "x.sp") -> str:
    """Return the condition that a column is one of our parameter numbers."""
    return f"{column} = {found[0]}" if len(found) == 1 else f"{column} IN ({numbers(found)})"


def _system(system: str | None, column: str) -> Sql:
    if system is None:
        return Sql("", [])
    return Sql(f" AND {column} = {_SYSTEM}", [system]) if system else Sql(f" AND {column} = 0", [])


def _token(node: Token, _dialect: Dialect) -> Shape:
    head = sps(node.sp)
    if node.code is None:
        system = _system(node.system, "x.sys")
        where = Sql(f"{head}{system.text}", system.values)
        own = Sql(f"own_sys({{0}}, '{numbers(node.sp)}', {_SYSTEM if node.system else '0'})", system.values)
        return Shape("ix_tok", [where], where, own)
    if node.system is not None:
        system = _system(node.system, "x.sys")
        where = Sql(f"{head} AND x.code = ?{system.text}", [node.code, *system.values])
        return Shape("ix_tok", [where], where, ordered=len(node.sp) == 1)
    # Any system: only where the systems were not looked up, which keeps the row number within reach.
    where = Sql(f"{head} AND x.code = ?", [node.code])
    own = Sql(f"own_tok({{0}}, '{numbers(node.sp)}', ?, NULL)", [f"[{node.code}]"])
    return Shape("ix_tok", [where], where, own)


def _coded(node: Coded, _dialect: Dialect) -> Shape:
    where = Sql(f"{sps(node.sp)} AND x.code = ? AND x.sys IN ({numbers(node.systems)})", [node.code])
    if len(node.systems) == 1:
        where = Sql(f"{sps(node.sp)} AND x.code = ? AND x.sys = ?", [node.code, node.systems[0]])
    return Shape("ix_tok", [where], where, ordered=len(node.sp) == 1 and len(node.systems) == 1)


def _codes(node: Codes, dialect: Dialect) -> Shape:
    head = sps(node.sp)
    by_system: dict[str | None, list[int]] = {}
    for code, system in node.codes:
        by_system.setdefault(system, []).append(code)
    scans, bound = [], True
    for system, codes in by_system.items():
        many, said = dialect.many(codes), _system(system, "x.sys")
        scans.append(Sql(f"{head} AND x.code IN {many.text}{said.text}", [*many.values, *said.values]))
        bound = bound and system is not None
    if bound:
        return Shape("ix_tok", scans, _either(scans))
    # A code of any system is not within reach of one row: the row's own keys are asked.
    wholes, owns = [], []
    for (system, codes), scan in zip(by_system.items(), scans, strict=True):
        wholes.append(scan)
        said = Sql(_SYSTEM, [system]) if system else Sql("NULL" if system is None else "0", [])
        text = f"own_tok({{0}}, '{numbers(node.sp)}', ?, {said.text})"
        owns.append(Sql(text, [msgspec.json.encode(codes).decode(), *said.values]))
    return Shape("ix_tok", scans, _either(wholes), _either(owns))


def _either(parts: list[Sql]) -> Sql:
    if len(parts) > _BESIDE:  # a long row of OR is deeper than SQLite's parser goes
        half = len(parts) // 2
        parts = [_either(parts[:half]), _either(parts[half:])]
    text = " OR ".join(f"({part.text})" for part in parts)
    return Sql(f"({text})", [value for part in parts for value in part.values])


def _words(node: Words, _dialect: Dialect) -> Shape:
    begins = _begins("d.v", node.text)
    minus = sps(tuple(-sp for sp in node.sp))
    codes = f"(SELECT d.code FROM ix_txt d WHERE {sps(node.sp, 'd.sp')} AND {begins.text})"
    where = Sql(f"{minus} AND x.code IN {codes} AND x.sys = 0", begins.values)
    return Shape("ix_tok", [where], where)


def _text(node: Text, dialect: Dialect) -> Shape:
    head = sps(node.sp)
    if node.how == "exact":
        where = Sql(f"{head} AND x.v = ? AND x.raw = ?", [node.text, node.raw])
        return Shape("ix_str", [where], where, ordered=len(node.sp) == 1)
    own = Sql(f"own_str({{0}}, '{numbers(node.sp)}', '{node.how}', ?)", [node.text])
    if node.how == "contains":
        where = Sql(f"{head} AND {dialect.within('x.v')}", [node.text])
        return Shape("ix_str", [where], where, own)
    begins = _begins("x.v", node.text)
    where = Sql(f"{head} AND {begins.text}", begins.values)
    return Shape("ix_str", [where], where, own)


def _date(node: Date, _dialect: Dialect) -> Shape:
    head = sps(node.sp)
    bound = {"a": node.lo, "b": node.hi}
    text, takes = DATE_WHOLE[node.how]
    values = [bound[c] for c in takes]
    whole = Sql(f"{head} AND {text}", values)
    own = Sql(f"own_dat({{0}}, '{numbers(node.sp)}', '{node.how}', ?, ?)", [node.lo, node.hi])
    if node.how in ("gt", "ge", "ap"):
        # An instant or a day begins less than a day before it ends; what lasts longer has an index by its end.
        late = node.lo if node.how == "ap" else node.hi
        edge = min(node.lo - 1, late - DAY) if node.how == "ge" else late - DAY
        long = f"{head} AND x.hi - x.lo > 86400000000 AND x.hi > ? AND x.lo <= ? AND {text}"
        scans = [Sql(f"{head} AND x.lo > ? AND {text}", [edge, *values]), Sql(long, [late, edge, *values])]
    elif node.how in DATE_EDGE:
        range_, takes = DATE_EDGE[node.how]
        scans = [Sql(f"{head} AND {range_} AND {text}", [*(bound[c] for c in takes), *values])]
    else:
        scans = [whole]
    return Shape("ix_dat", scans, whole, own)


def _dates(node: Dates, dialect: Dialect) -> Shape:
    """The scan of the narrowest condition, with the others beside it."""
    shapes = [_date(date, dialect) for date in node.dates]
    head = sps(node.sp)
    whole = Sql(" AND ".join(s.whole.text for s in shapes), [v for s in shapes for v in s.whole.values])
    own = Sql(" AND ".join(s.own.text for s in shapes if s.own), [v for s in shapes if s.own for v in s.own.values])
    above = [d for d in node.dates if d.how in ("gt", "ge", "sa", "eq")]
    below = [d for d in node.dates if d.how in ("lt", "le", "eb", "eq")]
    if not above or not below:
        return Shape("ix_dat", [whole], whole, own)
    # What begins before all that lasts a day at most could begin with is found by its end, as in `_date`.
    lowest = max(d.lo if d.how in ("sa", "eq") else min(d.lo - 1, d.hi - DAY) for d in above)
    highest = min(d.hi for d in below)
    first = Sql(f"{head} AND x.lo >= ? AND x.lo < ? AND {whole.text}", [lowest, highest, *whole.values])
    late = max(d.lo for d in above)
    long = f"{head} AND x.hi - x.lo > 86400000000 AND x.hi > ? AND x.lo < ? AND {whole.text}"
    return Shape("ix_dat", [first, Sql(long, [late, lowest, *whole.values])], whole, own)


def _number(node: Number, _dialect: Dialect) -> Shape:
    own = Sql(f"own_num({{0}}, '{numbers(node.sp)}', '{node.how}', ?, ?)", [node.lo, node.hi])
    scans, whole = ranged(Sql(sps(node.sp), []), node.how, node.lo, node.hi)
    return Shape("ix_num", scans, whole, own)


def _measured(node: Measured, dialect: Dialect) -> Shape:
    if isinstance(node.of, Composite):
        return _composite(node.of, dialect, node.units)
    of = node.of
    own = Sql(f"own_qty({{0}}, '{numbers(of.sp)}', '{of.how}', ?)", [_json(_said(node.units))])
    scans: list[Sql] = []
    wholes = []
    for (low, high), units in _together(node.units).items():
        among = _units("x.unit", units, dialect)
        found, met = ranged(Sql(f"{sps(of.sp)} AND {among.text}", among.values), of.how, low, high)
        scans += found
        wholes.append(met)
    whole = _either(wholes)
    if len(wholes) > _BESIDE:
        scans = [_through(Sql(sps(of.sp), []), "x.unit", node.units, whole, dialect)]
    return Shape("ix_qty", scans, whole, own)


def _through(head: Sql, column: str, units: Sequence[Measure], whole: Sql, dialect: Dialect) -> Sql:
    """Return one scan through all units, where they are more than a statement has room for."""
    among = _units(column, [unit for unit, _, _ in units], dialect)
    return Sql(f"{head.text} AND {among.text} AND {whole.text}", [*head.values, *among.values, *whole.values])


def _said(units: Sequence[Measure]) -> list[tuple[int, str, str]]:
    """Return units as JSON holds them, which knows nothing of the infinite."""
    return [(unit, repr(low), repr(high)) for unit, low, high in units]


def _together(units: Sequence[Measure]) -> dict[tuple[float, float], list[int]]:
    """Return the units that are asked for the same numbers."""
    found: dict[tuple[float, float], list[int]] = {}
    for unit, low, high in units:
        found.setdefault((low, high), []).append(unit)
    return found


def _units(column: str, units: Sequence[int], dialect: Dialect) -> Sql:
    if len(units) == 1:
        return Sql(f"{column} = ?", [units[0]])
    many = dialect.many(units)
    return Sql(f"{column} IN {many.text}", many.values)


def composite_heads(node: Composite) -> tuple[Sql, bool]:
    """Return the conditions on a composite's first code and system, and whether they are one range of the key."""
    pair = node.token or (None, None)
    said = _pair(pair, "x.code", "x.sys")
    return Sql(f"{sps(node.sp)}{said.text}", said.values), None not in pair and len(node.sp) == 1


def _uri(node: Uri, dialect: Dialect) -> Shape:
    head = sps(node.sp)
    if node.how == "below":
        begins = _begins("x.v", node.values[0])
        where = Sql(f"{head} AND {begins.text}", begins.values)
        return Shape("ix_uri", [where], where, Sql(f"own_uri({{0}}, '{numbers(node.sp)}', ?)", [node.values[0]]))
    if len(node.values) == 1:
        where = Sql(f"{head} AND x.v = ?", [node.values[0]])
        return Shape("ix_uri", [where], where, ordered=len(node.sp) == 1)
    many = dialect.many(node.values)
    where = Sql(f"{head} AND x.v IN {many.text}", many.values)
    return Shape("ix_uri", [where], where)


def _targets(node: Targets, dialect: Dialect) -> Shape:
    head = sps(node.sp)
    if len(node.rids) == 1:
        where = Sql(f"{head} AND x.tgt = ?", [node.rids[0]])
        return Shape("ix_ref", [where], where, ordered=len(node.sp) == 1)
    many = dialect.many(node.rids)
    where = Sql(f"{head} AND x.tgt IN {many.text}", many.values)
    return Shape("ix_ref", [where], where)


def _pair(pair: tuple[int | None, str | None], code: str, system: str) -> Sql:
    said = _system(pair[1], system)
    if pair[0] is None:
        return said
    return Sql(f" AND {code} = ?{said.text}", [pair[0], *said.values])


def _own_pair(pair: tuple[int | None, str | None] | None) -> Sql:
    """Return two arguments of own_cmp: code and system, NULL for any."""
    code, system = pair or (None, None)
    if system is None:
        return Sql("?, NULL", [code])
    return Sql(f"?, coalesce({_SYSTEM}, -1)", [code, system]) if system else Sql("?, 0", [code])


def _composite(node: Composite, dialect: Dialect, units: Sequence[Measure] = ()) -> Shape:
    text = sps(node.sp)
    values: list[Any] = []
    for pair, code, system in ((node.token, "x.code", "x.sys"), (node.token2, "x.code2", "x.sys2")):
        if pair is not None:
            said = _pair(pair, code, system)
            text, values = text + said.text, [*values, *said.values]
    for span, low, high in (
        (None if units else node.span, "x.lo", "x.hi"), (node.low, "x.lo", "x.lo"), (node.high, "x.hi", "x.hi"),
    ):  # fmt: skip
        if span is not None:
            compared, takes = SPANS[span[0]]
            bound = {"a": span[1], "b": span[2]}
            text = f"{text} AND {compared.replace('x.lo', '@').replace('x.hi', high).replace('@', low)}"
            values = [*values, *(bound[c] for c in takes)]
    if node.text is not None:
        begins = Sql("x.v = ?", [node.text]) if node.exact else _begins("x.v", node.text)
        text, values = f"{text} AND {begins.text}", [*values, *begins.values]
    where = Sql(text, values)
    one, two = _own_pair(node.token), _own_pair(node.token2)
    rest = _json([node.span, node.low, node.high, node.text, node.exact, _said(units) or None])
    own = Sql(f"own_cmp({{0}}, '{numbers(node.sp)}', {one.text}, {two.text}, ?)", [*one.values, *two.values, rest])
    if not units:
        return Shape("ix_cmp", [where], where, own)
    scans, wholes = _composite_scans(node, where, units, dialect)
    whole = _either(wholes)
    if len(wholes) > _BESIDE:
        scans = [_through(where, "x.code2", units, whole, dialect)]
    return Shape("ix_cmp", scans, whole, own)


def _composite_scans(
    node: Composite, head: Sql, units: Sequence[Measure], dialect: Dialect
) -> tuple[list[Sql], list[Sql]]:
    """Return the ranges of the key in which a composite's quantities are, and what must hold of each, by its unit."""
    code, system = node.token or (None, None)
    within = len(node.sp) == 1 and code is not None and system is not None and node.token2 is None
    # Beside a unit there is no second system; said, it brings the range within reach.
    alone = "" if node.token2 is not None else " AND x.sys2 = 0"
    how = node.span[0] if node.span is not None else "eq"
    scans: list[Sql] = []
    wholes = []
    for (low, high), keys in _together(units).items():
        among = _units("x.code2", keys, dialect)
        here = Sql(f"{head.text} AND {among.text}{alone}", [*head.values, *among.values])
        found, whole = ranged(here, how, low, high)
        scans += found if within else [whole]
        wholes.append(whole)
    return scans, wholes


def _position(node: Position, dialect: Dialect) -> Shape:
    text = f"{sps(node.sp)} AND x.lat >= ? AND x.lat <= ? AND {dialect.distance('x.lat', 'x.lon')} <= ?"
    reach = node.km / 110.57  # kilometres of a degree of latitude, the shortest that there is
    values: list[Any] = [node.lat - reach, node.lat + reach, *dialect.point(node.lat, node.lon), node.km]
    where = Sql(text, values)
    own = Sql(f"own_pos({{0}}, '{numbers(node.sp)}', ?, ?, ?)", [node.lat, node.lon, node.km])
    return Shape("ix_pos", [where], where, own)


_SHAPES: dict[type, Callable[[Any, Dialect], Shape]] = {
    Token: _token, Coded: _coded, Codes: _codes, Words: _words, Text: _text, Date: _date, Dates: _dates,
    Number: _number, Measured: _measured, Uri: _uri, Targets: _targets, Composite: _composite, Position: _position,
}  # fmt: skip


def shape(node: Any, dialect: Dialect) -> Shape | None:
    """Return a leaf's conditions; None for what is not found in one narrow table."""
    make = _SHAPES.get(type(node))
    return make(node, dialect) if make is not None else None
