"""Ids of resources from business identifiers, and one resource where a message speaks of the same thing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from unsilo.kernel import Json, Row, content_id
from unsilo.kernel.json import encode
from unsilo.mapping.model import Draft, Reading
from unsilo.mapping.rows import ResourceRow

__all__ = ["SEP", "Identities", "Part", "Rule", "merge_into", "preferred_identifier"]

SEP = "\x1f"
"""Stands between the parts of a key (`kernel.content_id` joins with it)."""

Part = Callable[[Any, Draft], str]
Rule = tuple[bool, Row, list[tuple[str, Part]], bool, bool]
"""Whether its parts are the resource's own, the lineage of the id, the parts by name, whether they are good anywhere,
and whether equal ones are counted."""
Finder = Callable[[Any, Draft], "tuple[Rule, str] | None"]
_PREFERRED = ("MR", "PI", "VN", "FILL", "PLAC", "NPI", "PRN")


def preferred_identifier(body: Json, feed: str) -> str:
    """The system and value of the identifier that names a resource best, "" without any.

    One whose system is not known is good within its feed only, so the feed stands for the system.
    """
    best, rank = "", 99
    for item in body.get("identifier") or ():
        value = item.get("value")
        if not value or item.get("use") == "old":
            continue
        code = ""
        for coding in item.get("type", {}).get("coding", ()):
            code = coding.get("code", "")
            if code in _PREFERRED:
                break
        order = _PREFERRED.index(code) if code in _PREFERRED else len(_PREFERRED)
        system = item.get("system")
        if not system:
            order += 20
        if order < rank:
            best, rank = f"{system or 'feed:' + feed}|{value}", order
    return best


class Identities:
    """The identity rules of a format: draft to key to id."""

    def __init__(self, resources: dict[str, list[ResourceRow]], reading: Callable[[str], Reading]) -> None:
        self.rules: dict[str, list[Rule]] = {}
        self.finders: dict[str, Finder] = {}
        self.by_content = {r.id for rows in resources.values() for r in rows if r.value.strip() == "$content"}
        for kind, rows in resources.items():
            chosen = sorted((r for r in rows if r.rule == "identity"), key=lambda r: float(r.order or 1))
            self.rules[kind] = [_rule(row, reading) for row in chosen]

    def settle(self, run: Any, draft: Draft) -> str:
        """Give a draft its reference `Type/id` (once) and the lineage of its id."""
        if draft.into is not None:
            return self.settle(run, draft.into)
        if draft.ref:
            return draft.ref
        template = draft.template
        if template is not None and template.name is not None:
            draft.ref, row = template.name
            draft.body["id"] = draft.ref[len(draft.type) + 1 :]
            draft.rows.append(row)
            return draft.ref
        draft.ref = "?"
        find = self.finders.get(draft.type)
        if find is None:
            find = self.finders[draft.type] = _finder(self.rules.get(draft.type, []))
        found = find(run, draft)
        if found is not None:
            (alone, row, _, scoped, counted), key = found
            if not scoped:
                key = f"{run.site.organisation or run.envelope.feed}{SEP}{key}"
            if counted:
                number = run.ordinals[draft.type, key] = run.ordinals.get((draft.type, key), 0) + 1
                key = f"{key}{SEP}{number}"
        else:
            row, alone = _UNNAMED[draft.type], False
            number = run.notes["unnamed"] = run.notes.get("unnamed", 0) + 1
            key = f"{run.envelope.id}{SEP}{number}"
        ident = content_id(draft.type, key)
        draft.ref = f"{draft.type}/{ident}"
        draft.body["id"] = ident
        draft.rows.append(row)
        if template is not None and (alone or (row.rule in self.by_content and _all_named(draft.body))):
            template.name = (draft.ref, row)
        return draft.ref


class _Unnamed(dict[str, Row]):
    """The lineage of an id that only the message and the order in it give, by type."""

    def __missing__(self, kind: str) -> Row:
        row = self[kind] = Row("id", f"{kind}.id.message", None)
        return row


_UNNAMED: Final = _Unnamed()


def _finder(rules: list[Rule]) -> Finder:
    """Return the function that finds the first rule all of whose parts are valued, with its key; None for none.

    Each part is asked once, when the first rule needs it.
    """
    space: dict[str, Any] = {}
    names: dict[str, str] = {}
    lines: list[str] = []
    for number, rule in enumerate(rules):
        space[f"rule{number}"] = rule
        pad, texts = "    ", []
        for name, part in rule[2]:
            value = names.get(name)
            if value is None:
                value = names[name] = f"v{len(names)}"
                space[f"part_{value}"] = part
            lines.append(f"{pad}if {value} is None: {value} = part_{value}(run, draft)")
            lines.append(f"{pad}if {value}:")
            pad += "    "
            texts.append(f"{{{value}}}")
        lines.append(f"{pad}return rule{number}, f{SEP.join(texts)!r}")
    head = ["def find(run, draft):", *(f"    {value} = None" for value in names.values())]
    exec("\n".join([*head, *lines, "    return None", ""]), space)  # noqa: S102 - our own source of numbered names
    found: Finder = space["find"]
    return found


def _rule(row: ResourceRow, reading: Callable[[str], Reading]) -> Rule:
    names = [part.strip() for part in row.value.split(" + ")]
    scoped = any(name == "identifier" or name[0] in "@$" for name in names)
    parts = [(name, _part(name, reading)) for name in names if name != "#"]
    own = all(name == "identifier" or (name[0] not in "@$#{" and "-" not in name) for name in names)
    return own, Row("id", row.id, None), parts, scoped, "#" in names


def _part(text: str, reading: Callable[[str], Reading]) -> Part:
    if text == "identifier":
        return lambda run, draft: preferred_identifier(draft.body, run.site.feed)
    if text == "@parent":
        return lambda run, draft: run.settled(draft.parent) if draft.parent is not None else ""
    if text.startswith("@"):
        name = text[1:]
        return lambda run, draft: str(run.named(draft, name))
    if text == "$message":
        return lambda run, _draft: str(run.envelope.id)
    if text == "$control":
        return lambda run, _draft: str(run.control_id)
    if text == "$content":
        return lambda run, draft: encode(_settled(run, draft.body)).decode()
    if "-" in text or text.startswith("{"):
        read = reading(text)
        return lambda run, draft: read(run, draft)[0]
    steps = text.split(".")
    if len(steps) == 3:
        return _third(*steps)
    if len(steps) == 1:
        return lambda _run, draft: _text(draft.body, steps) if text in draft.body else ""
    return lambda _run, draft: _text(draft.body, steps) if steps[0] in draft.body else ""


def _third(one: str, two: str, three: str) -> Part:
    """`code.coding.code` without a loop; it is asked for every result."""
    steps = [one, two, three]

    def read(_run: Any, draft: Draft) -> str:
        try:
            return str(draft.body[one][two][0][three])
        except (KeyError, TypeError, IndexError):
            return _text(draft.body, steps)

    return read


def _settled(run: Any, value: Any) -> Any:
    if isinstance(value, Draft):
        return run.settled(value)
    if isinstance(value, dict):
        # Sorted: the order of elements depends on the shape that a map was compiled for, an id must not.
        return {k: _settled(run, v) for k, v in sorted(value.items())}
    return [_settled(run, v) for v in value] if isinstance(value, list) else value


def _all_named(value: Any) -> bool:
    """True when all that a body refers to has an id that depends on nothing but its own body."""
    if isinstance(value, Draft):
        return value.template is not None and value.template.name is not None
    if isinstance(value, dict):
        return all(_all_named(item) for item in value.values())
    return all(_all_named(item) for item in value) if isinstance(value, list) else True


def _text(node: Any, steps: list[str]) -> str:
    for step in steps:
        while isinstance(node, list):
            node = node[0] if node else None
        node = node.get(step) if isinstance(node, dict) else None
        if node is None:
            return ""
    while isinstance(node, list):
        node = node[0] if node else None
    return "" if node is None or isinstance(node, dict) else str(node)


def merge_into(first: Draft, second: Draft) -> None:
    """Put what a second draft of the same resource says into the first: single elements stay, lists are united.

    Lineage of an element that both have with the same value cites both places; what the first contradicts is left out.
    """
    moved: dict[str, str] = {}
    _merge(first.body, second.body, "", "", moved)
    for row in second.rows:
        new = _moved(row[0], moved)
        if new is not None:
            first.rows.append(row if new == row[0] else Row(new, row[1], row[2]))
    first.cleared = [*first.cleared, *(c for c in second.cleared if c not in first.cleared)]
    second.into = first
    first.clock = None
    first.mixed = second.mixed = first.merged = second.merged = True


def _merge(mine: Json, other: Json, here: str, there: str, moved: dict[str, str]) -> None:
    for key, value in other.items():
        new, old = (f"{here}.{key}" if here else key), (f"{there}.{key}" if there else key)
        if key not in mine:
            mine[key] = value
            moved[old] = new
        elif isinstance(value, dict) and isinstance(mine[key], dict):
            if mine[key].get("reference") is not None and mine[key].get("reference") is not value.get("reference"):
                continue
            _merge(mine[key], value, new, old, moved)
        elif isinstance(value, list) and isinstance(mine[key], list):
            for index, item in enumerate(value):
                at = _index(mine[key], item)
                if at < 0:
                    mine[key].append(item)
                    at = len(mine[key]) - 1
                moved[f"{old}[{index}]"] = f"{new}[{at}]"
        elif mine[key] == value:
            moved[old] = new


def _index(items: list[Any], item: Any) -> int:
    for index, other in enumerate(items):
        if other is item or other == item:
            return index
    return -1


def _moved(path: str, moved: dict[str, str]) -> str | None:
    if path in moved:
        return moved[path]
    at = len(path)
    while at > 0:
        at = max(path.rfind(".", 0, at), path.rfind("[", 0, at))
        if at > 0 and path[:at] in moved:
            return moved[path[:at]] + path[at:]
    return None
