"""The small seam between the stores: how each says lists, joins in a given order, and the keys a row has of its own."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

__all__ = ["SQLITE", "Dialect", "Keys", "Sql"]

_json = msgspec.json.Encoder().encode


class Sql(NamedTuple):
    """A piece of SQL with `?` for each of its values."""

    text: str
    values: list[Any]


class Keys(NamedTuple):
    """Where a row's own keys are read: what stands in FROM, the condition that ties it to the row, the column."""

    source: str
    where: str
    column: str


def numbers(sps: Iterable[int]) -> str:
    """Return numbers as a list for SQL; they are ours, never a client's."""
    return ",".join(map(str, sps))


class Dialect:
    """SQLite. A row's own keys come from `res.idx` by functions (`storage/functions.py`)."""

    name = "sqlite"
    explain = "EXPLAIN QUERY PLAN"
    """What is put before a statement to be told how it is run."""
    step = 3
    """The column of the answer that says it in words."""
    join = "CROSS JOIN"
    """Joins so that the left side is the outer loop."""
    beside = "CROSS JOIN"
    """Joins a row with the keys of its own."""
    all_rows = "LIMIT -1"
    """Keeps the order of a subquery."""
    live = " INDEXED BY res_live"
    """Makes a walk over a type use its index of live rows."""
    updated = " INDEXED BY res_updated"
    """The same for a walk by time of change."""
    by_id = " INDEXED BY res_id"
    """The same by id."""
    unindexed = " NOT INDEXED"
    """Walks over all types in the order of rows."""
    ordered_outer = False
    """Whether the statement has to say again in which order its driving subquery comes."""

    bytewise = ""
    """Orders a text that is not a column by its bytes, as the columns are."""

    def among(self, found: str) -> str:
        """Return the end of a condition that a column is among what a subquery on a row gives, by its index."""
        return f"IN {found}"

    def many(self, values: Sequence[int | str]) -> Sql:
        """Return a subquery for `IN` that gives bound values, however many."""
        return Sql("(SELECT value FROM json_each(?))", [_json(list(values)).decode()])

    def targets(self, alias: str, sps: Sequence[int], keys: str) -> Keys:
        """Return where the targets of a row's references are, under parameters `sps`; `keys` is the alias to use."""
        return Keys(f"json_each(own_refs({alias}.idx, '{numbers(sps)}')) {keys}", "", f"{keys}.value")

    def patients(self, alias: str, keys: str) -> Keys:
        """Return where the source Patients are in whose compartment a row is."""
        return Keys(f"json_each(own_pats({alias}.idx)) {keys}", "", f"{keys}.value")

    def security(self, alias: str) -> str:
        """Return the number of `_security` for the type of a row."""
        return f"security_of({alias}.type)"

    def has(self, alias: str, table: str, sps: Sequence[int]) -> str:
        """Return the condition that a row has any key of the parameters in a table."""
        return f"own_has({alias}.idx, '{table}', '{numbers(sps)}')"

    def within(self, column: str) -> str:
        """Return the condition that a bound text stands anywhere in a column."""
        return f"instr({column}, ?) > 0"

    def distance(self, lat: str, lon: str) -> str:
        """Return the kilometres between a place and a bound point (`point`)."""
        return f"km_between({lat}, {lon}, ?, ?)"

    def point(self, lat: float, lon: float) -> list[Any]:
        """Return the values that `distance` binds."""
        return [lat, lon]

    def probe(self, alias: str, rid: str, table: str, where: Sql, own: Sql | None) -> Sql:
        """Return the condition that the row `rid` of an alias has a key in `table` (alias x) that meets `where`.

        `own` is the same asked of the row itself (`{0}` for its idx), where the table cannot be asked for one row.
        """
        if own is not None:
            return Sql(own.text.format(f"{alias}.idx"), own.values)
        return Sql(f"EXISTS (SELECT 1 FROM {table} x WHERE {where.text} AND x.rid = {rid})", where.values)

    def codes(self, alias: str, sps: Sequence[int], keys: str) -> Keys:
        """Return where the hashes of a row's codes are."""
        return Keys(f"json_each(own_codes({alias}.idx, '{numbers(sps)}')) {keys}", "", f"{keys}.value")

    def sort_key(self, alias: str, table: str, sps: Sequence[int], down: bool) -> str:
        """Return the value that a row is sorted by: the first of its keys in the direction of the sort, or NULL."""
        return f"own_sort({alias}.idx, '{table}', '{numbers(sps)}', {int(down)})"


SQLITE = Dialect()
