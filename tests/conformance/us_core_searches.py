"""US Core's searches as a published test kit lists them, and a plain evaluation of each over resources in memory."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

Json = dict[str, Any]

COMPARED = ("gt", "lt", "ge", "le", "eq", "ne", "sa", "eb")
_TYPES = ("DateTime", "Period", "Instant", "Timing", "Date", "CodeableConcept", "Reference", "Quantity", "String")


class Listed(NamedTuple):
    """One search: the resource type, the parameters that are combined, the paths of each, its reverse includes."""

    group: str
    kind: str
    names: tuple[str, ...]
    paths: dict[str, tuple[str, ...]]
    types: dict[str, str]
    values: dict[str, tuple[str, ...]]
    revincludes: tuple[str, ...]
    includes: tuple[str, ...]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _below(lines: list[str], head: str) -> list[str]:
    """Return the lines under a key, up to the next key of its own depth; an anchor `&1` may stand behind the key."""
    for n, line in enumerate(lines):
        if line.strip().split(" ")[0] == head:
            depth, found = _indent(line), []
            for other in lines[n + 1 :]:
                bare = other.strip()
                if _indent(other) < depth or (_indent(other) == depth and not bare.startswith("- ")):
                    break
                found.append(other)
            return found
    return []


def _items(lines: list[str]) -> list[list[str]]:
    """Cut the lines of a list of objects into its items, the mark of an item turned into white space."""
    found: list[list[str]] = []
    depth = _indent(lines[0]) if lines else 0
    for line in lines:
        if _indent(line) == depth and line.lstrip().startswith("- "):
            found.append([])
            line = line.replace("- ", "  ", 1)
        found[-1].append(line)
    return found


def _texts(lines: list[str]) -> tuple[str, ...]:
    """Return the texts of a list; a long text goes on in the next line."""
    joined: list[str] = []
    for line in lines:
        bare = line.strip()
        if bare.startswith("- "):
            joined.append(bare[2:])
        else:
            joined[-1] += f" {bare}"
    return tuple(text.strip("'\"").replace("''", "'") for text in joined)


def _scalar(lines: list[str], head: str) -> str:
    return next((line.split(":", 2)[2].strip() for line in lines if line.strip().startswith(f"{head} ")), "")


def listed(path: Path) -> list[Listed]:
    """Read the searches of a metadata file: the part of YAML that it uses, with `:name` for keys."""
    lines = path.read_text("utf-8").splitlines()
    start = lines.index(":groups:")
    end = next(n for n, line in enumerate(lines) if n > start and line.startswith(":"))
    found: list[Listed] = []
    anchors: dict[str, tuple[str, ...]] = {}
    for group in _items(lines[start + 1 : end]):
        kind, name = _scalar(group, ":resource:"), _scalar(group, ":name:")
        paths, types, values = {}, {}, {}
        definitions = _below(group, ":search_definitions:")
        depth = _indent(definitions[0]) if definitions else 0
        for n, line in enumerate(definitions):
            if _indent(line) == depth and line.strip().endswith(":"):
                code = line.strip()[1:-1]
                own = _below(definitions[n:], f":{code}:")
                paths[code] = _texts(_below(own, ":full_paths:"))
                types[code] = _scalar(own, ":type:")
                values[code] = _texts(_below(own, ":values:"))
        along = []
        for key in (":revincludes:", ":include_params:"):
            said = _scalar(group, key)
            texts = _texts(_below(group, key))
            if said.startswith("*"):
                texts = anchors[said[1:]]
            elif said.startswith("&"):
                anchors[said.split(" ")[0][1:]] = texts
            along.append(texts)
        for item in _items(_below(group, ":searches:")):
            names = _texts(_below(item, ":names:"))
            found.append(Listed(name, kind, names, paths, types, values, along[0], along[1]))
    return found


# Values of a path.


def walk(resource: Json, path: str) -> list[Any]:
    """Return the values of a path such as `Condition.extension.where(url='...').valueDateTime`."""
    kind, _, rest = path.partition(".")
    here: list[Any] = [resource] if resource["resourceType"] == kind else []
    for step in re.findall(r"where\(.*?\)|[^.]+", rest):
        if step.startswith("where("):
            name, value = re.fullmatch(r"where\((\w+)\s*=\s*'(.*)'\)", step).groups()  # type: ignore[union-attr]
            here = [each for each in here if each.get(name) == value]
            continue
        below: list[Any] = []
        for each in here:
            for key in (step, *(f"{step}{kind}" for kind in _TYPES)):
                held = each.get(key, []) if isinstance(each, dict) else []
                below += held if isinstance(held, list) else [held]
        here = below
    return here


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).casefold().split())


def _texts_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    found: list[str] = []
    for key in ("family", "given", "prefix", "suffix", "text", "line", "city", "district", "state", "postalCode",
                "country"):  # fmt: skip
        held = value.get(key, [])
        found += held if isinstance(held, list) else [held]
    return found


def _tokens(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, bool):
        return [("", str(value).lower())]
    if isinstance(value, str):
        return [("", value)]
    if "coding" in value or ("text" in value and "value" not in value):
        return [each for coding in value.get("coding", []) for each in _tokens(coding)]
    code = value.get("code", value.get("value"))
    return [(value.get("system", ""), code)] if code else []


def _day(text: str) -> tuple[datetime, datetime]:
    """Return the half-open range that a date or time stands for; without a zone it is UTC."""
    if "T" in text:
        start = datetime.fromisoformat(text.replace("Z", "+00:00"))
        start = start if start.tzinfo else start.replace(tzinfo=UTC)
        fraction = re.search(r"\.(\d+)", text)
        step = timedelta(microseconds=10 ** (6 - min(6, len(fraction[1])))) if fraction else timedelta(seconds=1)
        return start, start + step
    parts = [int(part) for part in text.split("-")]
    start = datetime(*[*parts, 1, 1][:3], tzinfo=UTC)  # type: ignore[misc] # year, month, day
    if len(parts) == 1:
        return start, start.replace(year=start.year + 1)
    if len(parts) == 2:
        return start, datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=UTC)
    return start, start + timedelta(days=1)


def _range(value: Any) -> tuple[datetime, datetime] | None:
    if isinstance(value, str):
        return _day(value)
    if "start" not in value and "end" not in value:
        return None
    low = _day(value["start"])[0] if "start" in value else datetime.min.replace(tzinfo=UTC)
    return low, _day(value["end"])[1] if "end" in value else datetime.max.replace(tzinfo=UTC)


def _date_fits(value: Any, said: str) -> bool:
    prefix, text = (said[:2], said[2:]) if said[:2].isalpha() else ("eq", said)
    found = _range(value)
    if found is None:
        return False
    (lo, hi), (low, high) = found, _day(text)
    within = low <= lo and hi <= high
    return {
        "eq": within, "ne": not within, "gt": hi > high, "lt": lo < low, "ge": hi > high or within,
        "le": lo < low or within, "sa": lo >= high, "eb": hi <= low,
    }[prefix]  # fmt: skip


def family(kind: str) -> str:
    """Return how the values of an element's type are searched."""
    return {
        "Reference": "reference", "date": "date", "dateTime": "date", "instant": "date", "Period": "date",
        "string": "string", "HumanName": "string", "Address": "string", "canonical": "uri",
    }.get(kind, "token")  # fmt: skip


def fits(resource: Json, search: Listed, name: str, said: str) -> bool:
    """Tell whether a resource meets one parameter of a search; values are separated by commas."""
    values = [value for path in search.paths[name] for value in walk(resource, path)]
    kind = family(search.types[name])
    for one in said.split(","):
        for value in values:
            if kind == "reference":
                met = isinstance(value, dict) and value.get("reference") in (one, f"Patient/{one}")
            elif kind == "date":
                met = _date_fits(value, one)
            elif kind == "string":
                met = any(_folded(text).startswith(_folded(one)) for text in _texts_of(value))
            elif kind == "uri":
                met = value == one
            else:
                system, bar, code = one.rpartition("|")
                met = any(c.casefold() == code.casefold() and (not bar or s == system) for s, c in _tokens(value))
            if met:
                return True
    return False


# Values to ask for.


def _said(search: Listed, name: str, value: Any, random: Random) -> str | None:
    """Return a text that finds a value of a resource; None when there is none."""
    kind = family(search.types[name])
    if kind == "reference":
        said = value.get("reference") if isinstance(value, dict) else None
        if said is None:
            return None
        bare = name == "patient" and said.startswith("Patient/") and random.random() < 0.5
        return str(said).removeprefix("Patient/") if bare else str(said)
    if kind == "date":
        found = _range(value)
        if found is None:
            return None
        low = found[0] if found[0].year > 1 else found[1]
        how = random.randrange(4)
        if how == 0 and isinstance(value, str):
            return value
        if how == 1:
            return f"{random.choice(COMPARED)}{low:%Y-%m-%d}"
        return f"{random.choice(('ge', 'le', 'gt', 'lt'))}{low + timedelta(days=random.choice((-1, 1))):%Y-%m}"
    if kind == "string":
        texts = [text for text in _texts_of(value) if "," not in text and text.strip()]
        return random.choice(texts) if texts else None
    if kind == "uri":
        return str(value)
    tokens = [(s, c) for s, c in _tokens(value) if "," not in c and "|" not in c]
    if not tokens:
        return None
    system, code = random.choice(tokens)
    if search.values[name] and system == "" and random.random() < 0.3:
        return ",".join(dict.fromkeys([code, *random.sample(search.values[name], 1)]))
    return f"{system}|{code}" if system and random.random() < 0.6 else code


def asked(search: Listed, resources: list[Json], random: Random, most: int) -> list[list[tuple[str, str]]]:
    """Return up to `most` ways to ask: values of resources that have all of the parameters, else made-up ones."""
    own = [
        one for one in resources
        if one["resourceType"] == search.kind
        and all(any(walk(one, path) for path in search.paths[name]) for name in search.names)
    ]  # fmt: skip
    found = []
    for resource in random.sample(own, min(most, len(own))):
        pairs = []
        for name in search.names:
            values = [value for path in search.paths[name] for value in walk(resource, path)]
            said = _said(search, name, random.choice(values), random)
            if said is not None:
                pairs.append((name, said))
        if len(pairs) == len(search.names):
            found.append(pairs)
    return found or [[(name, _made_up(search, name)) for name in search.names]]


def _made_up(search: Listed, name: str) -> str:
    kind = family(search.types[name])
    made = {"reference": "Patient/nobody", "date": "ge2020-01-01", "string": "nobody", "uri": "urn:nothing"}
    return made.get(kind) or next(iter(search.values[name]), "nothing")


def counts(searches: list[Listed]) -> Counter[str]:
    """Return how many searches each resource type has."""
    return Counter(search.kind for search in searches)
