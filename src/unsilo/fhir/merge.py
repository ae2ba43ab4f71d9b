"""What a newer version of a resource keeps from the older one: a table per type (`merge.csv`).

Clinical resources are replaced whole, so value, interpretation and reference range of two versions never mix.
Registration resources keep elements that were not sent again; arrays with business keys are united by key.
"""

import csv
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from unsilo.fhir.leaves import at
from unsilo.kernel import Json, Row

__all__ = ["Kept", "Merged", "Policy", "merge", "policy_of", "same"]

_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_NEVER_KEPT = frozenset({"resourceType", "id", "text", "contained", "implicitRules", "language"})
"""Said by the new version alone; an old narrative beside new data would lie."""


class Policy(NamedTuple):
    """How one type is merged: `update` or replace, the arrays to unite (path -> key paths), and choice elements."""

    update: bool
    unite: dict[str, tuple[str, ...]]
    choices: tuple[str, ...]
    weak: dict[str, tuple[str, ...]]
    """Elements with the values that say nothing (`unknown`) and never replace a known one."""
    complete: dict[str, tuple[str, ...]]
    """Arrays that are as sent, each item completed by what the former one of the same key said beyond it."""


class Kept(NamedTuple):
    """Where things of both versions now stand: prefixes of element paths before -> after the merge."""

    old: dict[str, str]
    """Elements kept from the old version."""
    moved: dict[str, str]
    """Elements of the new version that stand at another index than where they were sent."""
    unsaid: tuple[str, ...] = ()
    """Elements of the new version that only said "unknown" and gave way to what the old one knew."""

    def __contains__(self, path: object) -> bool:
        """Tell whether a top-level element was kept, whole or in part, from the old version."""
        return any(p == path or p.startswith((f"{path}[", f"{path}.")) for p in self.old)

    def old_rows(self, rows: Iterable[Row]) -> list[Row]:
        """Return the old version's lineage rows that still hold, at their new paths."""
        return [Row(new, r.rule, r.source) for r in rows if (new := _shift(r.path, self.old)) is not None]

    def new_rows(self, rows: Iterable[Row]) -> list[Row]:
        """Return the new version's lineage rows at the paths where their elements stand after the merge."""
        if self.unsaid:
            gone = dict.fromkeys(self.unsaid, "")
            rows = [r for r in rows if _shift(r.path, gone) is None]
        if not self.moved:
            return list(rows)
        return [Row(_shift(r.path, self.moved) or r.path, r.rule, r.source) for r in rows]


class Merged(NamedTuple):
    """The resource to store, and what of the old version is in it."""

    resource: Json
    kept: Kept


def _shift(path: str, prefixes: dict[str, str]) -> str | None:
    """Return the path under its longest prefix in the table, or None when no prefix fits."""
    end = len(path)
    while end > 0:
        head = path[:end]
        if head in prefixes:
            return prefixes[head] + path[end:]
        end = max(head.rfind("."), head.rfind("["))
    return None


@cache
def _table() -> dict[str, Policy]:
    """Read the table: policies by type, `*` for all types without rows of their own."""
    policies: dict[str, tuple[bool, dict[str, tuple[str, ...]], list[str]]] = {}
    weak: dict[str, dict[str, tuple[str, ...]]] = {}
    complete: dict[str, dict[str, tuple[str, ...]]] = {}
    text = files("unsilo.fhir").joinpath("merge.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        update, unite, choices = policies.get(row["type"], (False, {}, []))
        if row["how"] == "unite":
            unite[row["element"]] = tuple(row["key"].split())
        elif row["how"] == "weak":
            weak.setdefault(row["type"], {})[row["element"]] = tuple(row["key"].split())
        elif row["how"] == "complete":
            complete.setdefault(row["type"], {})[row["element"]] = tuple(row["key"].split())
        elif row["how"] == "choice":
            choices.append(row["element"].removesuffix("[x]"))
        policies[row["type"]] = (update or row["how"] == "update", unite, choices)
    shared = policies["*"][1]
    result: dict[str, Policy] = {}
    for kind, (update, unite, choices) in policies.items():
        united = {**shared, **unite} if update else unite
        result[kind] = Policy(update, united, tuple(choices), weak.get(kind, {}), complete.get(kind, {}))
    result["*"] = Policy(False, {}, (), {}, {})
    return result


def policy_of(resource_type: str) -> Policy:
    """Return the policy of a FHIR type; types without rows are replaced whole."""
    table = _table()
    return table.get(resource_type, table["*"])


def merge(old: Json, new: Json, cleared: Sequence[str] = (), policy: Policy | None = None) -> Merged:
    """Return the version that follows `old` when `new` arrives, both of the same type.

    `cleared` holds element paths that the source emptied on purpose (HL7 v2 `""`): they are not kept, of
    `telecom[use=work]` only the items that have this value (`!=` those that do not). Neither argument is changed. The
    result's `id` is the new one's. Order of united arrays is the old order, then new items, so that the same content
    sent again gives the same resource.
    """
    rule = policy or policy_of(str(new.get("resourceType")))
    old_paths: dict[str, str] = {}
    moved: dict[str, str] = {}
    gone = {path.split("[", 1)[0] for path in cleared if "=" not in path}
    items = [path for path in cleared if "=" in path]
    places: dict[str, list[int]] = {}
    if items and rule.update:
        old, places = _without(old, items)
    result = dict(new)
    unsaid: list[str] = []
    if rule.update:
        for name, value in old.items():
            if name in _NEVER_KEPT or name in gone or name.lstrip("_") in gone:
                continue
            if _says_nothing(name, new, rule) and not _says_nothing(name, old, rule):
                result.pop("_" + name, None)
                unsaid += [n for n in (name, "_" + name) if n in new]
            elif _said(name, new, rule):
                continue
            if name == "meta":
                continue
            result[name] = value
            old_paths[name] = name
    for path, keys in rule.unite.items():
        if path in gone:
            continue
        before, after = at(old, path), at(new, path)
        if isinstance(before, list) and isinstance(after, list):
            _put(result, path, _unite(path, before, after, keys, old_paths, moved))
        elif isinstance(before, list) and before and after is None and path not in old_paths:
            _put(result, path, before)
            old_paths[path] = path
    for path, keys in rule.complete.items():
        before, after = at(old, path), at(new, path)
        if path not in gone and isinstance(before, list) and isinstance(after, list):
            _put(result, path, _complete(path, before, after, keys, old_paths))
    _empty(result, gone, old_paths)
    return Merged(result, Kept(_replaced(old_paths, places), moved, tuple(unsaid)))


def _empty(result: Json, gone: set[str], old_paths: dict[str, str]) -> None:
    """Take emptied parts out of elements that were kept whole: `hospitalization.dischargeDisposition`."""
    for path in gone:
        head, dot, tail = path.partition(".")
        node = result.get(head)
        if dot and head in old_paths and isinstance(node, dict) and tail in node:
            result[head] = {name: value for name, value in node.items() if name != tail}
            del old_paths[head]
            old_paths.update({f"{head}.{name}": f"{head}.{name}" for name in result[head]})
            if not result[head]:
                del result[head]


def _without(old: Json, items: list[str]) -> tuple[Json, dict[str, list[int]]]:
    """Return a version without some items of its lists, and by list where the others stood before."""
    kept = dict(old)
    places: dict[str, list[int]] = {}
    for text in items:
        name, _, rest = text.partition("[")
        path, _, value = rest.removesuffix("]").partition("=")
        found = old.get(name)
        if isinstance(found, list):
            before = places.get(name, list(range(len(found))))
            others, steps = path.endswith("!"), path.rstrip("!").split(".")
            places[name] = [n for n in before if _has(found[n], steps, value) is others]
            kept[name] = [found[n] for n in places[name]]
    for name in places:
        if not kept[name]:
            del kept[name]
    return kept, places


def _has(node: Any, steps: list[str], value: str) -> bool:
    """Tell whether a path leads to a value, through whichever items of lists."""
    if isinstance(node, list):
        return any(_has(item, steps, value) for item in node)
    if not steps:
        return bool(node == value)
    return isinstance(node, dict) and _has(node.get(steps[0]), steps[1:], value)


def _replaced(old_paths: dict[str, str], places: dict[str, list[int]]) -> dict[str, str]:
    """Return the paths before a merge as they were before items were taken out of lists."""
    result: dict[str, str] = {}
    for path, new in old_paths.items():
        name, bracket, rest = path.partition("[")
        before = places.get(name)
        if before is None:
            result[path] = new
        elif not bracket:
            result.update({f"{name}[{was}]": f"{new}[{now}]" for now, was in enumerate(before)})
        else:
            number, _, tail = rest.partition("]")
            result[f"{name}[{before[int(number)]}]{tail}"] = new
    return result


_in_order = msgspec.json.Encoder(decimal_format="number", order="sorted").encode


def same(one: Json, other: Json) -> bool:
    """Tell whether two resources say the same, to the last digit, in whatever order their elements stand."""
    return one == other and _in_order(one) == _in_order(other)


def _said(name: str, new: Json, rule: Policy) -> bool:
    """Tell whether the new version says the element, as itself, as its primitive extension or as another choice."""
    bare = name.lstrip("_")
    if bare in new or "_" + bare in new:
        return True
    return any(
        bare.startswith(choice) and any(k.lstrip("_").startswith(choice) for k in new if k.lstrip("_") != choice)
        for choice in rule.choices
    )


def _says_nothing(name: str, version: Json, rule: Policy) -> bool:
    """Tell whether a version only says that an element is not known: data-absent-reason alone, or a weak value."""
    if name in version:
        value = version[name]
        if isinstance(value, str):
            return value in rule.weak.get(name, ())
        item = value[0] if isinstance(value, list) and len(value) == 1 else value
        return _absent(item)
    return not name.startswith("_") and _absent(version.get("_" + name))


def _absent(value: Any) -> bool:
    if not isinstance(value, dict) or list(value) != ["extension"]:
        return False
    extensions = value["extension"]
    return isinstance(extensions, list) and any(isinstance(e, dict) and e.get("url") == _ABSENT for e in extensions)


def _put(resource: Json, path: str, value: list[Any]) -> None:
    head, dot, tail = path.partition(".")
    if dot:
        resource[head] = {**resource.get(head, {}), tail: value}
    else:
        resource[head] = value


def _unite(
    path: str,
    before: list[Any],
    after: list[Any],
    keys: tuple[str, ...],
    old_paths: dict[str, str],
    moved: dict[str, str],
) -> list[Any]:
    """Return both arrays as one: an item with the same key is the new one, completed by what only the old one said."""
    result: list[Any] = []
    unused: dict[Any, list[int]] = {}
    for index, item in enumerate(after):
        unused.setdefault(_key(item, keys), []).append(index)
    for index, item in enumerate(before):
        place = f"{path}[{len(result)}]"
        same = unused.get(_key(item, keys))
        if not same:
            old_paths[f"{path}[{index}]"] = place
            result.append(item)
            continue
        chosen = same.pop(0)
        moved[f"{path}[{chosen}]"] = place
        sent = after[chosen]
        if isinstance(item, dict) and isinstance(sent, dict) and path != "extension":
            for name in item.keys() - sent.keys():
                old_paths[f"{path}[{index}].{name}"] = f"{place}.{name}"
            sent = {**{k: v for k, v in item.items() if k not in sent}, **sent}
        result.append(sent)
    for index in sorted(i for rest in unused.values() for i in rest):
        moved[f"{path}[{index}]"] = f"{path}[{len(result)}]"
        result.append(after[index])
    return result


def _complete(
    path: str, before: list[Any], after: list[Any], keys: tuple[str, ...], old_paths: dict[str, str]
) -> list[Any]:
    """Return the newer array, its items completed by what only the former item with the same key said."""
    former: dict[Any, int] = {}
    for index, item in enumerate(before):
        former.setdefault(_key(item, keys), index)
    result: list[Any] = []
    for place, sent in enumerate(after):
        index = former.pop(_key(sent, keys), -1)
        item = before[index]
        if index >= 0 and isinstance(item, dict) and isinstance(sent, dict):
            for name in item.keys() - sent.keys():
                old_paths[f"{path}[{index}].{name}"] = f"{path}[{place}].{name}"
            result.append({**sent, **{name: value for name, value in item.items() if name not in sent}})
        else:
            result.append(sent)
    return result


def _key(item: Any, keys: tuple[str, ...]) -> Any:
    """Return the item's business key; an item without one is only ever the same as an equal item."""
    if keys == (".",):
        return repr(item)
    found = tuple(repr(at(item, k)) for k in keys)
    return found if any(f != "None" for f in found) else repr(item)
