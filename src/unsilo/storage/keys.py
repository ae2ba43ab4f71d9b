"""Turns a resource's index rows into the integer keys of the narrow tables, and finds what changed between two sets."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from unsilo.fhir.dates import bounds
from unsilo.fhir.fold import fold
from unsilo.fhir.index import IndexRows
from unsilo.kernel import Json
from unsilo.spec.r4 import resource_types
from unsilo.storage.bodies import raw, unpack
from unsilo.storage.packing import clean, scrub

__all__ = [
    "EMPTY", "IDENTIFIER", "PLACED", "TABLES", "Image", "Ready", "bounded", "date_terms", "decode_keys", "delta",
    "encode_keys", "finished", "fold_key", "is_local", "is_placed", "pack_image", "placed_images", "read_image",
    "ready", "terms", "with_rid", "words",
]  # fmt: skip

IDENTIFIER = 1_000_000
"""What is added to a parameter's number for the keys of `Reference.identifier` (`:identifier`)."""

_LONGEST = 200  # characters of a term; what is longer is found by its beginning
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LOWEST, _HIGHEST = -(1 << 62), 1 << 62
_WORD = re.compile(r"[^\s,;/|^]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_DAY_FIRST = re.compile(r"(\d{1,2})[-./](\d{1,2}|[a-z]{3})[-./](\d{4})")


def fold_key(text: str) -> str:
    """Return the form under which a text key is found: folded, cleaned, no longer than the index holds."""
    return fold(clean(text))[:_LONGEST].strip()


def words(text: str) -> list[str]:
    """Cut typed text into folded words; a word that is a date comes out as an ISO date."""
    found = []
    for word in _WORD.findall(clean(text).replace("/", "-")):
        folded = fold_key(word)
        if folded:
            found.append(_as_date(folded) or folded)
    return found[:8]


def _as_date(word: str) -> str:
    match = _DAY_FIRST.fullmatch(word)
    if match:
        day, month, year = match.groups()
        number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month) if month.isdigit() else 0
        return f"{year}-{number:02d}-{int(day):02d}" if number else ""
    match = _ISO.fullmatch(word)
    if (
        match
        and len(word) == 8
        and ("19" <= word[:2] <= "20")
        and "01" <= match[2] <= "12"
        and "01" <= match[3] <= "31"
    ):
        return "-".join(match.groups())
    return ""


def date_terms(lo: int) -> str:
    """Return the ISO day of a time in microseconds, "" when it has none."""
    try:
        return (_EPOCH + timedelta(microseconds=lo)).strftime("%Y-%m-%d")
    except OverflowError:
        return ""


def _texts(node: Any, *names: str) -> Iterable[str]:
    for item in node if isinstance(node, list) else [node]:
        if isinstance(item, dict):
            for name in names:
                part = item.get(name)
                yield from (text for text in (part if isinstance(part, list) else [part]) if isinstance(text, str))


def terms(patient: Json) -> list[str]:
    """Return what a person types to find a Patient (FHIR JSON): words of names, identifiers, birth date."""
    found: set[str] = set()
    for text in _texts(patient.get("name"), "family", "given", "prefix", "suffix", "text"):
        found.update(fold_key(word) for word in _WORD.findall(clean(text)))
    found.update(fold_key(value) for value in _texts(patient.get("identifier"), "value"))
    born = bounds(patient.get("birthDate"))
    if born is not None:
        found.add(date_terms(born[0]))
    found.discard("")
    return sorted(found)


def _bounded(value: int) -> int:
    return min(max(value, _LOWEST), _HIGHEST)


Text: TypeAlias = str


class Image(msgspec.Struct, array_like=True, gc=False):
    """A resource's own keys by table, each without rid, as tuples in the order of the table's columns.

    `tok` also holds the rows of `-sp` (hash of a text) and of `sp + IDENTIFIER`; `pat` ends with code and category;
    `find` holds plain texts.
    """

    tok: list[tuple[int, int, int]] = []
    str: list[tuple[int, Text, int]] = []
    dat: list[tuple[int, int, int]] = []
    num: list[tuple[int, float, float]] = []
    qty: list[tuple[int, int, float, float]] = []
    uri: list[tuple[int, Text]] = []
    ref: list[tuple[int, int]] = []
    cmp: list[tuple[int, int, int, int, int, float, float, Text]] = []
    pat: list[tuple[int, int, int, int, int]] = []
    pos: list[tuple[int, float, float]] = []
    find: list[Text] = []


TABLES = ("tok", "str", "dat", "num", "qty", "uri", "ref", "cmp", "pat", "pos", "find")
"""The narrow tables (`ix_` and the name) in the order of `Image`."""

EMPTY = Image()

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Image).decode


class _Placed(msgspec.Struct, array_like=True, gc=False):
    """Keys in which a code system is a place in `systems`, whose first is 0 for none, a resource one in `targets`."""

    keys: Image
    systems: list[int]
    targets: list[int]


_decode_placed = msgspec.msgpack.Decoder(_Placed).decode
_HEAD_OF_PLACED: Final = b"\x93"  # MessagePack's array of three; an image by itself is one of eleven


@lru_cache(maxsize=8192)
def _local(target: str) -> tuple[str, str] | None:
    kind, _, id_ = target.partition("/")
    return (kind, id_) if kind in resource_types() and _ID.fullmatch(id_) is not None else None


def is_local(target: str) -> bool:
    """Tell whether a reference names a resource that this store could hold: `Type/id` with a type of R4."""
    return _local(target) is not None


class Ready(msgspec.Struct, array_like=True, gc=False):
    """A resource's keys as far as they can be made without the store; worker processes make them.

    In `keys` a code system is its place in `systems` from 1 (0 none), a resource its place in `targets` (type, id)
    from 0. `txt` are rows of the texts of tokens, `cod` of the texts of codes.
    """

    keys: Image
    systems: list[str] = []
    targets: list[tuple[str, str]] = []
    txt: list[tuple[int, str, int]] = []
    cod: list[tuple[int, str]] = []


def ready(index: IndexRows, find: Iterable[str] = ()) -> Ready:
    """Return the keys of a resource but for the numbers that only the store knows; `find` are a Patient's terms."""
    systems: dict[str, int] = {"": 0}
    targets: dict[tuple[str, str], int] = {}
    place = systems.setdefault
    tok = [(sp, code, place(uri, len(systems))) for sp, code, uri in index.tok]
    if index.txt:
        tok += [(-sp, code, 0) for sp, code, _ in index.txt]
    if index.idn:
        tok += [(sp + IDENTIFIER, code, place(uri, len(systems))) for sp, code, uri in index.idn]
    uri = index.uri
    ref = []
    for sp, target in index.ref:
        name = _local(target)
        if name is not None:
            ref.append((sp, targets.setdefault(name, len(targets))))
        else:
            uri = [*uri, (sp, target)]
    cmp = [
        (sp, c, place(s, len(systems)), d, place(t, len(systems)), lo, hi, v) for sp, c, s, d, t, lo, hi, v in index.cmp
    ]
    pat = [
        (targets.setdefault(name, len(targets)), 0, min(max(day, _LOWEST), _HIGHEST), c, k)
        for p, day, c, k in index.pat
        if (name := _local(p)) is not None
    ]
    dat = index.dat
    if any([low < _LOWEST or high > _HIGHEST for _, low, high in dat]):  # noqa: C419 - a list is quicker here
        dat = [(sp, *bounded(low, high)) for sp, low, high in dat]
    keys = Image(
        _once(tok), _once(index.str), _once(dat), _once(index.num), _once(index.qty), _once(uri), _once(ref),
        _once(cmp), pat, _once(index.pos), list(find),
    )  # fmt: skip
    del systems[""]
    return Ready(keys, list(systems), list(targets), [(sp, text, code) for sp, code, text in index.txt], index.cod)


def finished(
    made: Ready, resource_type: int, system: Callable[[str], int], rid: Callable[[tuple[str, str]], int]
) -> Image:  # fmt: skip
    """Put in the numbers of code systems and of (type, id), which the store knows."""
    of = [0, *[system(uri) for uri in made.systems]]
    to = [rid(target) for target in made.targets]
    keys = _placed(made.keys, of, to)
    keys.pat = keys.pat and [(pat, resource_type, day, c, k) for pat, _, day, c, k in keys.pat]
    return keys


Numbers: TypeAlias = list[int]

PLACED: Final[dict[Text, Callable[[list[Any], Numbers, Numbers], list[Any]]]] = {
    "tok": lambda rows, of, _to: [(sp, code, of[s]) for sp, code, s in rows],
    "ref": lambda rows, _of, to: [(sp, to[t]) for sp, t in rows],
    "cmp": lambda rows, of, _to: [(sp, c, of[s], d, of[t], lo, hi, v) for sp, c, s, d, t, lo, hi, v in rows],
    "pat": lambda rows, _of, to: [(to[p], kind, day, c, k) for p, kind, day, c, k in rows],
}
"""(rows, numbers of code systems, numbers of resources) -> the rows with numbers in place of places."""


def _placed(keys: Image, of: Numbers, to: Numbers) -> Image:
    return Image(
        PLACED["tok"](keys.tok, of, to), keys.str, keys.dat, keys.num, keys.qty, keys.uri,
        PLACED["ref"](keys.ref, of, to), keys.cmp and PLACED["cmp"](keys.cmp, of, to),
        keys.pat and PLACED["pat"](keys.pat, of, to), keys.pos, keys.find,
    )  # fmt: skip


def encode_keys(keys: Image) -> bytes | None:
    """Encode keys that have places in them; None when a text is none that UTF-8 can hold."""
    try:
        return _encode(keys)
    except UnicodeEncodeError:
        return None


def decode_keys(image: bytes) -> Image:
    """Decode what `encode_keys` made."""
    return _decode(image)


def placed_images(
    keys: list[bytes], systems: Numbers, system_ends: Numbers, targets: Numbers, target_ends: Numbers
) -> list[bytes]:  # fmt: skip
    """Return what resource rows keep of themselves, not packed: encoded keys and the numbers that their places mean.

    The numbers of a row are a run of all, which ends where `system_ends` and `target_ends` say.
    """
    head, found, s, t = raw(_HEAD_OF_PLACED), [], 0, 0
    for own, system_end, target_end in zip(keys, system_ends, target_ends, strict=True):
        found.append(head + own + _encode(systems[s:system_end]) + _encode(targets[t:target_end]))
        s, t = system_end, target_end
    return found


def is_placed(image: bytes) -> bool:
    """Tell whether the unpacked keys of a row have places in them."""
    return image[:1] == _HEAD_OF_PLACED


def _once(rows: list[Any]) -> list[Any]:
    many = len(rows)
    if many < 2 or (rows[0] != rows[1] if many == 2 else len(set(rows)) == many):
        return rows  # as nearly always, and quicker to see than to make anew
    return list(dict.fromkeys(rows))


def pack_image(image: Image) -> tuple[Image, bytes]:
    """Encode the keys that a resource row keeps of itself, not packed; return them with texts that UTF-8 can hold."""
    try:
        return image, raw(_encode(image))
    except UnicodeEncodeError:
        image = msgspec.convert(scrub(image), Image)
        return image, raw(_encode(image))


def read_image(blob: bytes) -> Image:
    """Decode the keys that a resource row keeps of itself; no blob, no keys."""
    if not blob:
        return EMPTY
    image = unpack(blob)
    if not is_placed(image):
        return _decode(image)
    kept = _decode_placed(image)
    return _placed(kept.keys, kept.systems, kept.targets)


def delta(old: bytes, new: Image) -> tuple[Image, Image]:
    """Return (keys to delete, keys to add) between what a row kept and what it will keep."""
    if not old:
        return EMPTY, new
    was = read_image(old)
    gone, come = Image(), Image()
    for name in TABLES:
        before, after = getattr(was, name), getattr(new, name)
        if before != after:
            setattr(gone, name, sorted(set(before).difference(after)))
            setattr(come, name, sorted(set(after).difference(before)))
    return gone, come


def with_rid(table: str, keys: list[Any], rid: int) -> list[tuple[Any, ...]]:
    """Return the rows of a narrow table that a resource's keys make."""
    if table == "find":
        return [(term, rid) for term in keys]
    if table == "pat":
        return [(pat, kind, day, rid, code, category) for pat, kind, day, code, category in keys]
    return [(*key, rid) for key in keys]


def bounded(lo: int, hi: int) -> tuple[int, int]:
    """Return the bounds within what an index row holds."""
    return _bounded(lo), _bounded(hi)
