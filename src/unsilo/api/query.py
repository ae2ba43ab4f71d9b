"""A FHIR search request as criteria for the store, or as Issues that name what is not understood (FHIR R4 3.1.1)."""

from collections.abc import Sequence

import msgspec

from unsilo.fhir.dates import range_of
from unsilo.fhir.extract import parameters
from unsilo.fhir.fold import fold
from unsilo.kernel import Issue, Where
from unsilo.storage import Criterion

__all__ = ["DEFAULT_COUNT", "MOST_COUNT", "Query", "parse_query"]

DEFAULT_COUNT = 50
MOST_COUNT = 1000
_MOST_PARAMETERS = 50
_MOST_VALUES = 500
_PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
_FORMATS = ("json", "application/json", "application/fhir+json", "text/json")
_SPECIAL = {"_id": "id", "_lastUpdated": "updated"}
_TOTALS = ("none", "estimate", "accurate")


class Query(msgspec.Struct, frozen=True):
    """`criteria` must all hold; `count` entries a page; `total` asks for the number, `only_count` for nothing else.

    `after` is the place where the former page ended (the server's own, opaque to clients).
    """

    criteria: list[Criterion]
    count: int
    total: bool
    only_count: bool
    after: str
    ignored: list[Issue]


class _Reader:
    """Collects criteria and Issues of one request."""

    def __init__(self, kind: str, base: str) -> None:
        self.base = base
        self.known = parameters(kind)
        self.criteria: list[Criterion] = []
        self.issues: list[Issue] = []
        self.unknown: list[Issue] = []
        self.control: dict[str, str] = {}

    def refuse(self, name: str, text: str, hint: str = "") -> None:
        self.issues.append(Issue("error", "value", f"{name}: {text}", Where(f"http.{name}"), hint, "search.value"))

    def one(self, key: str, raw: str) -> None:
        """Read one `name[:modifier]=value` pair."""
        if key in _CONTROLS:
            if key in self.control:
                self.refuse(key, "is given twice")
            self.control[key] = raw
            return
        name, _, modifier = key.partition(":")
        shape = _SPECIAL.get(name) or self.known.get(name)
        if shape is None:
            text = f"the search parameter {name[:64]!r} is not supported here"
            hint = f"supported: {', '.join(sorted(self.known))}"
            self.unknown.append(
                Issue("error", "not-supported", text, Where(f"http.{name[:64]}"), hint, "search.unknown")
            )
            return
        kinds = [modifier] if shape == "reference" and modifier in ("Patient",) else []
        if modifier and not kinds:
            self.refuse(name, f"the modifier {modifier[:32]!r} is not supported")
            return
        alternatives = _split(raw, ",")
        if not raw or not all(alternatives):
            self.refuse(name, "a value is missing")
            return
        if len(alternatives) > _MOST_VALUES:
            self.refuse(name, f"more than {_MOST_VALUES} alternatives")
            return
        if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in raw):
            self.refuse(name, "holds a character that no value can hold")
            return
        values = [value for text in alternatives if (value := self.value(name, shape, text, kinds)) is not None]
        if len(values) == len(alternatives):
            self.criteria.append(Criterion(name, shape, values))  # type: ignore[arg-type] # shapes are its kinds

    def value(
        self, name: str, shape: str, text: str, kinds: Sequence[str]
    ) -> tuple[str | None, str | None] | tuple[str, int, int] | str | None:
        if shape == "id":
            return _unescape(text)
        if shape == "token":
            parts = _split(text, "|")
            if len(parts) > 2:
                self.refuse(name, "a token is code, system|code, |code or system|")
                return None
            plain = [_unescape(part) for part in parts]
            return (None, plain[0]) if len(plain) == 1 else (plain[0], plain[1] or None)
        if shape == "string":
            return fold(_unescape(text))
        if shape == "reference":
            return self.reference(name, _unescape(text), kinds)
        prefix, moment = (text[:2], text[2:]) if text[:2] in _PREFIXES else ("eq", text)
        bounds = range_of(moment.replace(" ", "+"))  # a plus sign that nobody escaped has become a space
        if bounds is None:
            self.refuse(name, f"{moment[:40]!r} is not a FHIR date", "such as ge2026-01-31")
            return None
        return (prefix, *bounds)

    def reference(self, name: str, text: str, kinds: Sequence[str]) -> str | None:
        if text.startswith(("http://", "https://")):
            if not text.startswith(f"{self.base}/"):
                return text
            text = text[len(self.base) + 1 :]
        if "/" not in text:
            kind = kinds[0] if kinds else "Patient" if name in ("patient", "subject", "beneficiary") else ""
            if not kind:
                self.refuse(name, "say the type: Type/id")
                return None
            text = f"{kind}/{text}"
        return text


_CONTROLS = ("_count", "_summary", "_total", "_format", "_pretty", "_after")


def _split(text: str, at: str) -> list[str]:
    """Split at a separator that no backslash escapes (FHIR R4 3.1.1.3.2.3); escapes stay for `_unescape`."""
    parts, start, place = [], 0, 0
    while place < len(text):
        if text[place] == "\\":
            place += 2
            continue
        if text[place] == at:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    parts.append(text[start:])
    return parts


def _unescape(text: str) -> str:
    plain, place = [], 0
    while place < len(text):
        if text[place] == "\\" and place + 1 < len(text) and text[place + 1] in "\\,|$":
            place += 1
        plain.append(text[place])
        place += 1
    return "".join(plain)


def _control(reader: _Reader, limits: tuple[int, int]) -> tuple[int, bool, bool, str]:
    """Read `_count`, `_total`, `_summary`, `_format`: (count, total, only_count, after)."""
    default, most = limits
    count, said = default, reader.control
    if "_count" in said:
        digits = said["_count"]
        if digits.isascii() and digits.isdigit():
            count = min(int(digits[:9]), most)
        else:
            reader.refuse("_count", "is not a whole number")
    if said.get("_total", "none") not in _TOTALS:
        reader.refuse("_total", f"is one of {', '.join(_TOTALS)}")
    summary = said.get("_summary", "false")
    if summary not in ("count", "false"):
        reader.refuse("_summary", "only count and false are supported")
    if said.get("_format", "json").replace(" ", "+") not in _FORMATS:
        reader.refuse("_format", "only JSON is served")
    only_count = summary == "count" or count == 0
    return count, only_count or said.get("_total") in ("estimate", "accurate"), only_count, said.get("_after", "")


def parse_query(
    kind: str, pairs: Sequence[tuple[str, str]], base: str, *, lenient: bool = False,
    limits: tuple[int, int] = (DEFAULT_COUNT, MOST_COUNT),
) -> tuple[Query | None, list[Issue]]:  # fmt: skip
    """Read the pairs of a query string for resources of `kind`; never raises.

    `base` is the address of this FHIR server, so that absolute references to it are known as its own. A parameter
    that is not supported is an error, unless `lenient` (`Prefer: handling=lenient`) turns it into a warning.
    """
    reader = _Reader(kind, base)
    if len(pairs) > _MOST_PARAMETERS:
        text = f"more than {_MOST_PARAMETERS} parameters"
        return None, [Issue("error", "too-costly", text, rule="search.many")]
    for key, raw in pairs:
        reader.one(key, raw)
    count, total, only_count, after = _control(reader, limits)
    ignored: list[Issue] = []
    if lenient:
        ignored = [Issue("warning", i.code, i.text, i.where, i.hint, i.rule) for i in reader.unknown]
    else:
        reader.issues += reader.unknown
    if reader.issues:
        return None, reader.issues
    return Query(reader.criteria, count, total, only_count, after, ignored), []
