"""SQL functions of SQLite that ask a row's own keys (`res.idx`) what no narrow table answers for one row."""

import sqlite3
from collections.abc import Callable
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from typing import Any

import msgspec

from unsilo.spec import r4
from unsilo.spec.parameters import parameter
from unsilo.storage.keys import PLACED, TABLES, Image, is_placed
from unsilo.storage.packing import unsqueeze_small

__all__ = ["functions", "kilometres", "prepare_search", "targets_of", "uris_of"]

_EARTH = 12742.0176  # twice the mean radius in kilometres


def _partial(table: str) -> Callable[[bytes], Any]:
    """Return a decoder of one table's keys in an image; the others are skipped unread."""
    hints = {f.encode_name: f.type for f in msgspec.structs.fields(Image)}
    fields = [(name, hints[name] if name == table else msgspec.Raw, msgspec.field(default=None)) for name in TABLES]
    made = msgspec.defstruct(f"Own_{table}", fields, array_like=True, gc=False)
    parts = [("keys", made), ("systems", list[int]), ("targets", list[int])]
    with_places = msgspec.defstruct(f"Placed_{table}", parts, array_like=True, gc=False)
    decode, decode_placed = msgspec.msgpack.Decoder(made).decode, msgspec.msgpack.Decoder(with_places).decode
    place = PLACED.get(table)

    def read(idx: bytes) -> Any:
        if not idx:
            return ()
        image = unsqueeze_small(idx)
        if not is_placed(image):
            return getattr(decode(image), table) or ()
        kept: Any = decode_placed(image)
        rows = getattr(kept.keys, table)
        return () if not rows else rows if place is None else place(rows, kept.systems, kept.targets)

    return read


_READ = {table: _partial(table) for table in TABLES}

_DATES: dict[str, Callable[[int, int, int, int], bool]] = {
    "eq": lambda lo, hi, a, b: a <= lo < b and hi <= b,
    "ne": lambda lo, hi, a, b: not (a <= lo < b and hi <= b),
    "gt": lambda _lo, hi, _a, b: hi > b,
    "lt": lambda lo, _hi, a, _b: lo < a,
    "ge": lambda lo, hi, a, b: hi > b or (a <= lo < b and hi <= b),
    "le": lambda lo, hi, a, b: lo < a or (a <= lo < b and hi <= b),
    "sa": lambda lo, _hi, _a, b: lo >= b,
    "eb": lambda lo, hi, a, _b: lo < a and hi <= a,
    "ap": lambda lo, hi, a, b: hi > a and lo < b,
}
"""FHIR R4 search.html#prefix on half-open bounds of a row (lo, hi) and of the asked value (a, b)."""

_NUMBERS: dict[str, Callable[[float, float, float, float], bool]] = {
    "eq": lambda lo, hi, a, b: a <= lo < b and hi < b,
    "ne": lambda lo, hi, a, b: not (a <= lo < b and hi < b),
    "gt": lambda _lo, hi, _a, b: hi > b,
    "ge": lambda lo, hi, a, b: hi > b or (lo >= a and hi <= b),
    "lt": lambda lo, _hi, a, _b: lo < a,
    "le": lambda lo, hi, a, _b: lo < a or (lo == a and hi <= a),
    "sa": lambda lo, _hi, _a, b: lo > b,
    "eb": lambda lo, hi, a, _b: lo < a and hi < a,
    "ap": lambda lo, hi, a, b: hi >= a and lo <= b,
}
"""The same on a row's closed range; the asked value is half open for eq and ne."""


_SPANS: dict[str, Callable[..., bool]] = _NUMBERS | {f"d{how}": compare for how, compare in _DATES.items()}
"""How a composite's range compares: numbers, and dates with a `d` before the prefix."""


@lru_cache(maxsize=4096)
def _sps(text: str) -> frozenset[int]:
    return frozenset(map(int, text.split(",")))


def _own_dat(idx: bytes, sps: str, how: str, lo: int, hi: int) -> bool:
    wanted, compare = _sps(sps), _DATES[how]
    return any(key[0] in wanted and compare(key[1], key[2], lo, hi) for key in _READ["dat"](idx))


def _own_num(idx: bytes, sps: str, how: str, lo: float, hi: float) -> bool:
    wanted, compare = _sps(sps), _NUMBERS[how]
    return any(key[0] in wanted and compare(key[1], key[2], lo, hi) for key in _READ["num"](idx))


def _own_qty(idx: bytes, sps: str, how: str, units: str) -> bool:
    wanted, compare, bounds = _sps(sps), _NUMBERS[how], _units(units)
    return any(k[1] in bounds and k[0] in wanted and compare(k[2], k[3], *bounds[k[1]]) for k in _READ["qty"](idx))


@lru_cache(maxsize=256)
def _units(text: str) -> dict[int, tuple[float, float]]:
    """Return what is asked by unit key."""
    return _by_unit(msgspec.json.decode(text))


def _by_unit(units: list[tuple[int, str, str]]) -> dict[int, tuple[float, float]]:
    return {unit: (float(low), float(high)) for unit, low, high in units}


def _own_str(idx: bytes, sps: str, how: str, text: str) -> bool:
    wanted = _sps(sps)
    if how == "contains":
        return any(key[0] in wanted and text in key[1] for key in _READ["str"](idx))
    return any(key[0] in wanted and key[1].startswith(text) for key in _READ["str"](idx))


def _own_uri(idx: bytes, sps: str, prefix: str) -> bool:
    wanted = _sps(sps)
    return any(key[0] in wanted and key[1].startswith(prefix) for key in _READ["uri"](idx))


def _own_sys(idx: bytes, sps: str, system: int | None) -> bool:
    wanted = _sps(sps)
    return any(key[2] == system and key[0] in wanted for key in _READ["tok"](idx))


@lru_cache(maxsize=256)
def _codes(text: str) -> frozenset[int]:
    return frozenset(msgspec.json.decode(text))


def _own_tok(idx: bytes, sps: str, codes: str, system: int | None) -> bool:
    wanted, among = _sps(sps), _codes(codes)
    found = (key for key in _READ["tok"](idx) if key[1] in among and key[0] in wanted)
    return any(system is None or key[2] == system for key in found)


@lru_cache(maxsize=256)
def _rest(text: str) -> tuple[Any, ...]:
    span, low, high, said, exact, units = msgspec.json.decode(text)
    return span, low, high, said, exact, None if units is None else _by_unit(units)


def _own_cmp(
    idx: bytes, sps: str, code: int | None, system: int | None, code2: int | None, system2: int | None, rest: str
) -> bool:
    wanted = _sps(sps)
    span, low, high, text, exact, by_unit = _rest(rest)
    for key in _READ["cmp"](idx):
        if (
            key[0] in wanted
            and (code is None or key[1] == code)
            and (system is None or key[2] == system)
            and (code2 is None or key[3] == code2)
            and (system2 is None or key[4] == system2)
            and (
                span is None
                or (by_unit is None and _SPANS[span[0]](key[5], key[6], span[1], span[2]))
                or (by_unit is not None and key[3] in by_unit and _SPANS[span[0]](key[5], key[6], *by_unit[key[3]]))
            )
            and (low is None or _SPANS[low[0]](key[5], key[5], low[1], low[2]))
            and (high is None or _SPANS[high[0]](key[6], key[6], high[1], high[2]))
            and (text is None or (key[7] == text if exact else key[7].startswith(text)))
        ):
            return True
    return False


def kilometres(lat: float, lon: float, lat0: float, lon0: float) -> float:
    """Return the distance between two places on a sphere (haversine)."""
    half = (
        sin(radians(lat - lat0) / 2) ** 2 + cos(radians(lat0)) * cos(radians(lat)) * sin(radians(lon - lon0) / 2) ** 2
    )
    return _EARTH * asin(min(1.0, sqrt(half)))


def _own_pos(idx: bytes, sps: str, lat: float, lon: float, km: float) -> bool:
    wanted = _sps(sps)
    return any(key[0] in wanted and kilometres(key[1], key[2], lat, lon) <= km for key in _READ["pos"](idx))


def _own_has(idx: bytes, table: str, sps: str) -> bool:
    wanted = _sps(sps)
    return any(key[0] in wanted for key in _READ[table](idx))


def _own_sort(idx: bytes, table: str, sps: str, down: int) -> Any:
    wanted = _sps(sps)
    if table == "qty":
        found = [key[2] for key in _READ["qty"](idx) if key[0] in wanted and key[1] == 0]
    else:
        found = [key[1] for key in _READ[table](idx) if key[0] in wanted]
    if not found:
        return None
    return max(found) if down else min(found)


def targets_of(idx: bytes, sps: frozenset[int]) -> list[int]:
    """Return the numbers of the rows that a resource refers to under some parameters."""
    return [key[1] for key in _READ["ref"](idx) if key[0] in sps]


def _list(numbers: list[int]) -> str:
    return f"[{','.join(map(str, numbers))}]"


def _own_refs(idx: bytes, sps: str) -> str:
    return _list(targets_of(idx, _sps(sps)))


def _own_codes(idx: bytes, sps: str) -> str:
    wanted = _sps(sps)
    return _list([key[1] for key in _READ["tok"](idx) if key[0] in wanted])


def _own_pats(idx: bytes) -> str:
    return _list([key[0] for key in _READ["pat"](idx)])


@lru_cache(maxsize=256)
def _security_of(type_number: int) -> int:
    found = parameter(r4.type_name(type_number), "_security")
    return 0 if found is None else found.number


def uris_of(idx: bytes, sps: frozenset[int]) -> list[str]:
    """Return the canonical and external references of a resource under some parameters."""
    return [key[1] for key in _READ["uri"](idx) if key[0] in sps]


def functions() -> list[tuple[str, int, Callable[..., Any]]]:
    """Return (name, number of arguments, function) of all."""
    return [
        ("own_dat", 5, _own_dat), ("own_num", 5, _own_num), ("own_qty", 4, _own_qty), ("own_str", 4, _own_str),
        ("own_uri", 3, _own_uri), ("own_sys", 3, _own_sys), ("own_tok", 4, _own_tok),
        ("own_cmp", 7, _own_cmp), ("own_pos", 5, _own_pos),
        ("own_has", 3, _own_has), ("own_sort", 4, _own_sort), ("own_refs", 2, _own_refs),
        ("own_codes", 2, _own_codes), ("own_pats", 1, _own_pats), ("security_of", 1, _security_of),
        ("km_between", 4, kilometres),
    ]  # fmt: skip


def prepare_search(connection: sqlite3.Connection) -> None:
    """Give a connection the functions of searches and predicates."""
    for name, arguments, function in functions():
        connection.create_function(name, arguments, function, deterministic=True)
