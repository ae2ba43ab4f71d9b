"""The seam's PostgreSQL side: a row's own keys are found by the secondary indexes on (rid, sp)."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from unsilo.spec import r4
from unsilo.spec.parameters import parameter
from unsilo.storage.render.dialect import Dialect, Keys, Sql, numbers

__all__ = ["POSTGRES", "Postgres"]

_FIRST = {"dat": "lo", "num": "lo", "qty": "lo", "str": "v", "uri": "v"}


@cache
def _security() -> str:
    found = {r4.type_number(name): parameter(name, "_security") for name in r4.resource_types()}
    last = max(found)
    return ",".join(str(one.number) if (one := found.get(n)) is not None else "0" for n in range(1, last + 1))


class Postgres(Dialect):
    """PostgreSQL 15 or newer."""

    name = "postgres"
    explain = "EXPLAIN"
    step = 0
    join = "JOIN"
    all_rows = ""
    live = ""
    updated = ""
    by_id = ""
    unindexed = ""
    ordered_outer = True
    bytewise = ' COLLATE "C"'

    def among(self, found: str) -> str:
        """Return the end of a condition that a column is among what a subquery on a row gives, by its index."""
        return f"= ANY (ARRAY{found})"

    def many(self, values: Sequence[int | str]) -> Sql:
        """Return a subquery for `IN` that gives bound values, however many."""
        kind = "text" if any(isinstance(value, str) for value in values) else "bigint"
        return Sql(f"(SELECT unnest(CAST(? AS {kind}[])) AS value)", [list(values)])

    def targets(self, alias: str, sps: Sequence[int], keys: str) -> Keys:
        """Return where the targets of a row's references are."""
        return Keys(f"ix_ref {keys}", f"{keys}.rid = {alias}.rid AND {keys}.sp IN ({numbers(sps)})", f"{keys}.tgt")

    def patients(self, alias: str, keys: str) -> Keys:
        """Return where the source Patients are in whose compartment a row is."""
        return Keys(f"ix_pat {keys}", f"{keys}.rid = {alias}.rid", f"{keys}.pat")

    def security(self, alias: str) -> str:
        """Return the number of `_security` for the type of a row."""
        return f"(ARRAY[{_security()}])[{alias}.type]"

    def has(self, alias: str, table: str, sps: Sequence[int]) -> str:
        """Return the condition that a row has any key of the parameters in a table."""
        where = f"x.rid = {alias}.rid AND x.sp IN ({numbers(sps)})"
        return f"EXISTS (SELECT 1 FROM ix_{table} x WHERE {where})"

    def within(self, column: str) -> str:
        """Return the condition that a bound text stands anywhere in a column."""
        return f"strpos({column}, ?) > 0"

    def distance(self, lat: str, lon: str) -> str:
        """Return the kilometres between a place and a bound point, by the haversine formula."""
        half = f"power(sin(radians({lat} - ?) / 2), 2) + cos(radians(?)) * cos(radians({lat}))"
        return f"(12742.0176 * asin(least(1, sqrt({half} * power(sin(radians({lon} - ?) / 2), 2)))))"

    def point(self, lat: float, lon: float) -> list[Any]:
        """Return the values that `distance` binds."""
        return [lat, lat, lon]

    def probe(self, alias: str, rid: str, table: str, where: Sql, own: Sql | None) -> Sql:  # noqa: ARG002
        """Return the condition that a row has a key in `table` (alias x) that meets `where`."""
        return super().probe(alias, rid, table, where, None)

    def codes(self, alias: str, sps: Sequence[int], keys: str) -> Keys:
        """Return where the hashes of a row's codes are."""
        return Keys(f"ix_tok {keys}", f"{keys}.rid = {alias}.rid AND {keys}.sp IN ({numbers(sps)})", f"{keys}.code")

    def sort_key(self, alias: str, table: str, sps: Sequence[int], down: bool) -> str:
        """Return the value that a row is sorted by."""
        word = "max" if down else "min"
        where = f"x.rid = {alias}.rid AND x.sp IN ({numbers(sps)})" + (" AND x.unit = 0" if table == "qty" else "")
        return f"(SELECT {word}(x.{_FIRST[table]}) FROM ix_{table} x WHERE {where})"


POSTGRES = Postgres()
