"""Answers searches by looking at every resource: R4's definitions interpreted plainly, nothing of the server's search.

Search parameters come as the standard publishes them; their expressions are walked by the few lines below. What R4
leaves open is decided as `docs/reference/search.md` says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from oracle_world import MASSES

Json = dict[str, Any]
INFINITY = Decimal("Infinity")


class Parameter(NamedTuple):
    """A search parameter of one type; `parts` are those of a composite as (parameter kind, expression)."""

    code: str
    kind: str
    expression: str
    targets: tuple[str, ...]
    parts: tuple[tuple[str, str], ...] = ()


# Expressions: paths with choices, ofType and as, where(resolve() is T), where(x = 'y'), unions.


def split(text: str, mark: str) -> list[str]:
    """Cut at a mark outside parentheses."""
    parts, depth, start = [], 0, 0
    for n, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == mark and depth == 0:
            parts.append(text[start:n].strip())
            start = n + 1
    return [*parts, text[start:].strip()]


def step(value: Any, name: str) -> list[tuple[Any, str]]:
    """Return what is under a name, with the type where a choice says it."""
    if not isinstance(value, dict):
        return []
    found = []
    for key, held in value.items():
        kind = ""
        if key != name:
            rest = key[len(name) :]
            if not key.startswith(name) or not rest[:1].isupper() or key in ("subject", "partOf"):
                continue
            kind = rest
        found += [(each, kind) for each in (held if isinstance(held, list) else [held])]
    return found


def kind_fits(value: Any, kind: str, wanted: str) -> bool:
    """Tell whether a value is of a type, by the name of its choice or by its form."""
    if kind:
        return kind.lower() == wanted.lower()
    forms: dict[str, Callable[[Any], bool]] = {
        "Quantity": lambda v: isinstance(v, dict) and "value" in v,
        "CodeableConcept": lambda v: isinstance(v, dict) and ("coding" in v or "text" in v),
        "Reference": lambda v: isinstance(v, dict) and ("reference" in v or "identifier" in v),
    }
    return forms.get(wanted, lambda v: not isinstance(v, dict))(value)


def evaluate(expression: str, resource: Json) -> list[tuple[Any, str]]:
    """Return the values of an expression, each with its type where that is said."""
    found = []
    for part in split(expression, "|"):
        found += path(part, resource)
    return found


def path(text: str, resource: Json) -> list[tuple[Any, str]]:
    """Return the values of one path."""
    text = text.strip()
    cast = re.fullmatch(r"\(?\s*(.+?) as (\w+)\s*\)?((?:\..*)?)", text)
    here: list[tuple[Any, str]]
    if cast and "(" not in cast[1]:
        here = [(v, k) for v, k in path(cast[1], resource) if kind_fits(v, k, cast[2])]
        rest = cast[3].lstrip(".")
        return walk(here, rest) if rest else here
    first, _, rest = text.partition(".")
    if first in ("Resource", "DomainResource") or first == resource["resourceType"]:
        return walk([(resource, "")], rest) if rest else [(resource, "")]
    return [] if first[:1].isupper() else walk([(resource, "")], text)


def walk(here: list[tuple[Any, str]], text: str) -> list[tuple[Any, str]]:
    """Go along the steps of a path."""
    for name in split(text, "."):
        inner = re.fullmatch(r"(\w+)\((.*)\)", name)
        if inner is None:
            here = [each for value, _ in here for each in step(value, name)]
        elif inner[1] in ("ofType", "as"):
            here = [(v, k) for v, k in here if kind_fits(v, k, inner[2])]
        elif inner[1] == "where" and inner[2].startswith("resolve() is "):
            wanted = inner[2].removeprefix("resolve() is ").strip()
            here = [(v, k) for v, k in here if isinstance(v, dict) and may_be(v, wanted)]
        elif inner[1] == "where":
            name_, value_ = re.split(r"\s*=\s*", inner[2])
            here = [(v, k) for v, k in here if isinstance(v, dict) and v.get(name_) == value_.strip("'")]
        else:
            raise ValueError(f"the judge does not know {name}")
    return here


def may_be(value: Json, wanted: str) -> bool:
    """Tell whether a Reference leads to a type; one that says an identifier alone may lead to any."""
    return type_of(value["reference"]) == wanted if "reference" in value else value.get("type", wanted) == wanted


def type_of(reference: str) -> str:
    """Return the type of a literal reference."""
    return reference.partition("/")[0] if "/" in reference else ""


# Values of each kind.


def folded(text: str) -> str:
    """Return a text without case, accents and surplus white space."""
    plain = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    return " ".join(unicodedata.normalize("NFKD", bare).split())


def strings(value: Any) -> list[str]:
    """Return the texts of a string value: of a name or address, each part."""
    if isinstance(value, str):
        return [value]
    parts = (
        "family",
        "given",
        "prefix",
        "suffix",
        "text",
        "line",
        "city",
        "district",
        "state",
        "postalCode",
        "country",
    )
    found: list[str] = []
    for part in parts if isinstance(value, dict) else ():
        held = value.get(part)
        found += held if isinstance(held, list) else [held] if held else []
    return found


def tokens(value: Any) -> list[tuple[str, str | None]]:
    """Return (system, code) of a token value; a Coding without a code has None."""
    if isinstance(value, bool):
        return [("", "true" if value else "false")]
    if isinstance(value, str):
        return [("", value)]
    if not isinstance(value, dict):
        return []
    if "coding" in value or ("text" in value and "code" not in value):
        return [each for coding in value.get("coding", ()) for each in tokens(coding)]
    if "value" in value:
        return [(value.get("system", ""), value["value"])]
    if "code" in value or "system" in value:
        return [(value.get("system", ""), value.get("code"))]
    return []


def token_texts(value: Any) -> list[str]:
    """Return the texts that `:text` looks at."""
    if not isinstance(value, dict):
        return []
    found = [value["text"]] if "text" in value else []
    found += [coding["display"] for coding in value.get("coding", ()) if "display" in coding]
    if "display" in value and "coding" not in value:
        found.append(value["display"])
    if "text" in value.get("type", {}):
        found.append(value["type"]["text"])
    return found


def day(text: str) -> tuple[datetime, datetime]:
    """Return the half-open range that a date or time stands for; without a zone it is UTC."""
    date, mark, rest = text.partition("T")
    parts = [int(p) for p in date.split("-")]
    if not mark:
        start = datetime(*[*parts, 1, 1][:3], tzinfo=UTC) if len(parts) > 1 else datetime(parts[0], 1, 1, tzinfo=UTC)
        if len(parts) == 3:
            return start, start + timedelta(days=1)
        if len(parts) == 2:
            return start, datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=UTC)
        return start, datetime(start.year + 1, 1, 1, tzinfo=UTC)
    clock = re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", rest)
    if clock is None:
        raise ValueError(text)
    fraction = clock[4] or ""
    micro = int((fraction[1:] + "000000")[:6]) if fraction else 0
    zone = timedelta()
    if clock[5] and clock[5] != "Z":
        sign = 1 if clock[5][0] == "+" else -1
        zone = sign * timedelta(hours=int(clock[5][1:3]), minutes=int(clock[5][4:]))
    start = datetime(*parts, int(clock[1]), int(clock[2]), int(clock[3] or 0), micro, tzinfo=UTC) - zone
    if fraction:
        return start, start + timedelta(microseconds=10 ** max(0, 6 - len(fraction) + 1))
    return start, start + (timedelta(seconds=1) if clock[3] else timedelta(minutes=1))


FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def ranges(value: Any) -> list[tuple[datetime, datetime]]:
    """Return the range of a date, time or Period."""
    if isinstance(value, str):
        return [day(value)]
    if isinstance(value, dict) and ("start" in value or "end" in value):
        low = day(value["start"])[0] if "start" in value else FIRST
        return [(low, day(value["end"])[1] if "end" in value else LAST)]
    return []


FACTORS = dict(MASSES)


class Answers:
    """The world as one who may see only `visible` sees it."""

    def __init__(
        self, resources: dict[tuple[str, str], Json], parameters: Callable[[str], dict[str, Parameter]],
        visible: Callable[[Json], bool] = lambda _resource: True,
    ) -> None:  # fmt: skip
        self.resources = {key: value for key, value in resources.items() if visible(value)}
        self.parameters = parameters
        self._values: dict[tuple[str, str, str], list[Any]] = {}

    def values(self, resource: Json, parameter: Parameter) -> list[Any]:
        """Return the values of a parameter of a resource."""
        key = (resource["resourceType"], resource["id"], parameter.code)
        if key not in self._values:
            if parameter.code == "deceased":
                said = [v for v, _ in evaluate("Patient.deceased", resource)]
                self._values[key] = [bool(said) and said != [False]]
            else:
                self._values[key] = [v for v, _ in evaluate(parameter.expression, resource)]
        return self._values[key]

    # One value of a parameter against one value of a question.

    def _token(self, value: Any, said: str) -> bool:
        parts = unescape(said, "|")
        for system, code in tokens(value):
            same = code is not None and code.casefold() == parts[-1].casefold()
            if len(parts) == 1:
                if same:
                    return True
            elif parts[1] == "":
                if system == parts[0]:
                    return True
            elif same and system == parts[0]:
                return True
        return False

    def _string(self, value: Any, said: str, modifier: str) -> bool:
        text = unescape(said)[0]
        for each in strings(value):
            if modifier == "exact":
                if each == text:
                    return True
            elif modifier == "contains":
                if folded(text) in folded(each):
                    return True
            elif folded(each).startswith(folded(text)):
                return True
        return False

    def _date(self, value: Any, said: str) -> bool:
        prefix, text = prefixed(said)
        low, high = day(text.replace(" ", "+"))
        for lo, hi in ranges(value):
            within = low <= lo and hi <= high
            held = {
                "eq": within, "ne": not within, "gt": hi > high, "lt": lo < low, "ge": hi > high or within,
                "le": lo < low or within, "sa": lo >= high, "eb": hi <= low,
            }[prefix]  # fmt: skip
            if held:
                return True
        return False

    def _compare(self, number: Decimal, prefix: str, low: Decimal, exact: Decimal, high: Decimal) -> bool:
        within = low <= number < high
        return {
            "eq": within, "ne": not within, "gt": number > exact, "lt": number < exact, "ge": number >= exact,
            "le": number <= exact, "sa": number > exact, "eb": number < exact,
        }[prefix]  # fmt: skip

    def _number(self, value: Any, said: str) -> bool:
        prefix, text = prefixed(said)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return False
        return self._compare(Decimal(value), prefix, *precise(text))

    def _quantity(self, value: Any, said: str) -> bool:
        if not isinstance(value, dict) or "value" not in value:
            return False
        prefix, text = prefixed(said)
        parts = unescape(text, "|")
        low, exact, high = precise(parts[0])
        number = Decimal(value["value"])
        if len(parts) == 1:
            return self._compare(number, prefix, low, exact, high)
        system, code = parts[1], parts[2]
        if not system:
            return code in (value.get("code"), value.get("unit")) and self._compare(number, prefix, low, exact, high)
        if system != value.get("system"):
            return False
        if system == "http://unitsofmeasure.org":
            if code not in FACTORS or value.get("code") not in FACTORS:
                return False
            by = FACTORS[code]
            number *= FACTORS[value["code"]]
            return self._compare(number, prefix, low * by, exact * by, high * by)
        return code == value.get("code") and self._compare(number, prefix, low, exact, high)

    def _uri(self, value: Any, said: str, modifier: str) -> bool:
        text = unescape(said)[0]
        if not isinstance(value, str):
            return False
        if modifier == "below":
            return value == text or value.startswith(text.rstrip("/") + "/")
        if modifier == "above":
            return value == text or text.startswith(value.rstrip("/") + "/")
        return value == text

    def _reference(self, value: Any, said: str, modifier: str, targets: tuple[str, ...]) -> bool:
        if not isinstance(value, dict):
            return False
        if modifier == "identifier":
            return "identifier" in value and self._token(value["identifier"], said)
        named = value.get("reference")
        if named is None:
            return False
        text = unescape(said)[0]
        if "/" in text:
            return bool(named == text and (not modifier or type_of(text) == modifier))
        kinds = (modifier,) if modifier else targets
        return any(named == f"{kind}/{text}" for kind in kinds)

    def fits(self, value: Any, parameter: Parameter, said: str, modifier: str) -> bool:
        """Tell whether one value of a resource fits one value of a question."""
        match parameter.kind:
            case "token":
                if modifier == "text":
                    return any(folded(t).startswith(folded(unescape(said)[0])) for t in token_texts(value))
                if modifier == "of-type":
                    return self._of_type(value, said)
                return self._token(value, said)
            case "string":
                return self._string(value, said, modifier)
            case "date":
                return self._date(value, said)
            case "number":
                return self._number(value, said)
            case "quantity":
                return self._quantity(value, said)
            case "uri":
                return self._uri(value, said, modifier)
            case "reference":
                return self._reference(value, said, modifier, parameter.targets)
        raise ValueError(parameter.kind)

    def _of_type(self, value: Any, said: str) -> bool:
        system, code, number = unescape(said, "|")
        types = value.get("type", {}).get("coding", ()) if isinstance(value, dict) else ()
        kind = any(t.get("system") == system and t.get("code", "").casefold() == code.casefold() for t in types)
        return kind and str(value.get("value", "")).casefold() == number.casefold()

    # Whole parameters.

    def holds(self, resource: Json, name: str, modifier: str, said: list[str]) -> bool:
        """Tell whether a resource meets one parameter of a question."""
        kind = resource["resourceType"]
        if name == "_id":
            return resource["id"] in [unescape(each)[0] for each in said]
        if name == "_has":
            return self._has(resource, modifier, said)
        first, dot, rest = name.partition(".")
        parameter = self.parameters(kind)[first]
        if dot:
            return self._chain(resource, parameter, modifier, rest, said)
        values = self.values(resource, parameter)
        if parameter.kind == "composite":
            return any(self._composite(value, parameter, each) for value in values for each in said)
        if modifier == "missing":
            return (not self._there(parameter, values)) is (said[0] == "true")
        if modifier == "not":
            return not any(self.fits(value, parameter, each, "") for value in values for each in said)
        if parameter.kind == "reference" and modifier in ("above", "below"):
            below = modifier == "below"
            return any(self._hierarchy(value, parameter.targets, each, below) for value in values for each in said)
        return any(self.fits(value, parameter, each, modifier) for value in values for each in said)

    def _hierarchy(self, value: Any, targets: tuple[str, ...], said: str, below: bool) -> bool:
        """Tell whether a reference leads to what was said, to a part of it, or (above) to what it is a part of."""
        named, text = value.get("reference", ""), unescape(said)[0]
        for asked in [text] if "/" in text else [f"{kind}/{text}" for kind in targets]:
            start, end = (named, asked) if below else (asked, named)
            if named == asked or (
                type_of(named) == type_of(asked) == "Organization" and self._rises(start, end, below)
            ):
                return True
        return False

    def _rises(self, start: str, end: str, below: bool) -> bool:
        """Tell whether going up from one Organization leads to the other, over what may be seen."""
        passed: set[str] = set()
        while start not in passed:
            passed.add(start)
            here = self.resources.get(tuple(start.split("/")[:2]), {})  # type: ignore[arg-type]
            start = here.get("partOf", {}).get("reference", "")
            if start == end:
                return below or tuple(end.split("/")[:2]) in self.resources
        return False

    def _there(self, parameter: Parameter, values: Iterable[Any]) -> bool:
        """Tell whether there is anything that the parameter finds."""
        if parameter.kind == "token":
            return any(tokens(value) or token_texts(value) for value in values)
        return any(True for _ in values)

    def _composite(self, value: Any, parameter: Parameter, said: str) -> bool:
        asked = unescape(said, "$", keep=True)
        for (kind, expression), each in zip(parameter.parts, asked, strict=True):
            inner = Parameter("", kind, expression, ())
            found = [v for text in split(expression, "|") for v, k in walk([(value, "")], plain(text, value))]
            if not any(self.fits(v, inner, each, "") for v in found):
                return False
        return True

    def _chain(self, resource: Json, parameter: Parameter, kind: str, rest: str, said: list[str]) -> bool:
        name, _, modifier = rest.partition(":") if "." not in rest else (rest, "", "")
        for target in self._targets(resource, parameter):
            if kind and target["resourceType"] != kind:
                continue
            first = name.partition(".")[0].partition(":")[0]
            if first not in self.parameters(target["resourceType"]) and first not in ("_id", "_has"):
                continue
            if "." in rest:
                head, _, tail = rest.partition(".")
                ref, _, typed = head.partition(":")
                inner = self.parameters(target["resourceType"]).get(ref)
                if inner is not None and inner.kind == "reference" and self._chain(target, inner, typed, tail, said):
                    return True
            elif self.holds(target, name, modifier, said):
                return True
        return False

    def _targets(self, resource: Json, parameter: Parameter) -> list[Json]:
        found = []
        for value in self.values(resource, parameter):
            named = value.get("reference", "") if isinstance(value, dict) else ""
            target = self.resources.get(tuple(named.split("/")[:2]))  # type: ignore[arg-type]
            if target is not None and "/" in named:
                found.append(target)
        return found

    def _has(self, resource: Json, asked: str, said: list[str]) -> bool:
        kind, parameter, name = asked.split(":", 2)
        own = f"{resource['resourceType']}/{resource['id']}"
        by = self.parameters(kind)[parameter]
        for other in self.resources.values():
            if other["resourceType"] == kind:
                named = [v.get("reference") for v in self.values(other, by) if isinstance(v, dict)]
                if own in named and self._meets(other, name, ",".join(said)):
                    return True
        return False

    def matches(self, kind: str, asked: list[tuple[str, str]]) -> set[str]:
        """Return the ids of the resources of a type that meet all parameters of a question."""
        found = set()
        for (type_, id_), resource in self.resources.items():
            if type_ == kind and all(self._meets(resource, name, value) for name, value in asked):
                found.add(id_)
        return found

    def _meets(self, resource: Json, key: str, value: str) -> bool:
        if key.startswith("_has:"):
            return self.holds(resource, "_has", key.removeprefix("_has:"), alternatives(value))
        head, dot, tail = key.partition(".")
        if dot:
            name, _, kind = head.partition(":")
            return self.holds(resource, f"{name}.{tail}", kind, alternatives(value))
        name, _, modifier = key.partition(":")
        return self.holds(resource, name, modifier, alternatives(value))

    # What comes along, and in which order.

    def included(self, found: set[tuple[str, str]], include: str, *, reverse: bool) -> set[tuple[str, str]]:
        """Return what one `_include` or `_revinclude` draws along for resources."""
        kind, name, *wanted = include.split(":")
        more: set[tuple[str, str]] = set()
        for key, resource in self.resources.items():
            if resource["resourceType"] != kind or (not reverse and key not in found):
                continue
            parameters = self.parameters(kind)
            chosen = [p for p in parameters.values() if p.kind == "reference"] if name == "*" else [parameters[name]]
            for parameter in chosen:
                for target in self._targets(resource, parameter):
                    to = (target["resourceType"], target["id"])
                    if wanted and wanted[0] and to[0] != wanted[0]:
                        continue
                    if not reverse:
                        more.add(to)
                    elif to in found:
                        more.add(key)
        return more

    def sort_key(self, resource: Json, name: str, *, descending: bool) -> Any:
        """Return what a resource is sorted by: the least value upwards, the greatest downwards; None for none."""
        if name == "_id":
            return resource["id"]
        parameter = self.parameters(resource["resourceType"])[name]
        values = self.values(resource, parameter)
        keys: list[Any] = []
        for value in values:
            if parameter.kind == "string":
                keys += [folded(text) for text in strings(value)]
            elif parameter.kind == "date":
                keys += [lo for lo, _ in ranges(value)]
            elif parameter.kind == "token":
                keys += [code.casefold() for _, code in tokens(value) if code]
            elif parameter.kind == "number":
                keys.append(Decimal(value))
        return (max(keys) if descending else min(keys)) if keys else None


def plain(text: str, value: Any) -> str:
    """Return a composite part's expression as steps below its instance."""
    cast = re.fullmatch(r"\(?(\S+) as (\w+)\)?", text.strip())
    text = f"{cast[1]}.ofType({cast[2]})" if cast else text.strip()
    kind = value.get("resourceType", "") if isinstance(value, dict) else ""
    return text.removeprefix(f"{kind}.") if kind else text


def prefixed(said: str) -> tuple[str, str]:
    """Cut the prefix off a date, number or quantity."""
    known = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
    return (said[:2], said[2:]) if said[:2] in known else ("eq", said)


def precise(text: str) -> tuple[Decimal, Decimal, Decimal]:
    """Return (low, exact, high): what a number means by its digits (R4 search.html#number)."""
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    whole = "." not in text and int(exponent) > 0  # the standard's example: 1e2 is [95, 105)
    half = Decimal(5).scaleb(int(exponent) - (2 if whole else 1))
    return number - half, number, number + half


def alternatives(text: str) -> list[str]:
    """Cut a value at commas that are not escaped; the parts keep their escapes."""
    return unescape(text, ",", keep=True)


def unescape(text: str, at: str = "", *, keep: bool = False) -> list[str]:
    """Cut at a mark that is not escaped, and take the escapes away unless they are kept."""
    parts, here, n = [], "", 0
    while n < len(text):
        if text[n] == "\\" and n + 1 < len(text):
            here += text[n : n + 2] if keep or text[n + 1] not in "\\,|$" else text[n + 1]
            n += 2
            continue
        if at and text[n] == at:
            parts.append(here)
            here = ""
        else:
            here += text[n]
        n += 1
    return [*parts, here]
