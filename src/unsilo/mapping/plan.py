"""Message rows made ready to run: which maps fill which resource, and which references join them."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from unsilo.kernel import Json, Row
from unsilo.mapping.model import Draft
from unsilo.mapping.paths import Step, parse_target
from unsilo.mapping.rows import MessageRow

__all__ = ["Join", "Links", "Listed", "Planned", "References", "applies", "join", "plan_row", "references_of", "stands"]


class Join:
    """A reference to be made: `steps` of the element, the variables of the target (first that is there wins)."""

    __slots__ = ("many", "name", "names", "row", "rule", "simple", "steps", "table")

    def __init__(self, element: str, names: tuple[str, ...], rule: str) -> None:
        self.steps: tuple[Step, ...] = parse_target(element)
        if not self.steps:
            raise ValueError("a reference needs an element")
        self.names = names
        self.rule = rule
        self.simple = len(self.steps) == 1
        self.name = self.steps[0].name
        self.many = self.steps[0].label is not None
        self.table = _Places(self.name, rule)
        self.row = Row(f"{self.name}.reference", rule, None)


class Links(tuple[tuple[Join, None], ...]):
    """The references of the message row `key`; `asked` are the variables that they look for."""

    key: str
    asked: frozenset[str]

    def __new__(cls, key: str, joins: Iterable[Join]) -> Links:
        """Take the joins in order."""
        made = super().__new__(cls, [(one, None) for one in joins])
        made.key = key
        made.asked = frozenset(name for one, _ in made for name in one.names)
        return made


class References(NamedTuple):
    """References ready to be put in: (element, whether it is a list, target), elements, lineage, and targets."""

    items: tuple[tuple[str, bool, str], ...]
    names: frozenset[str]
    rows: tuple[Row, ...]
    targets: frozenset[str]


class Planned(NamedTuple):
    """A message row: `functions` fill the resource; `own` says that `as` must stand in this very group to be reused.

    A row that is `once` fills the resource of its variable only the first time.
    """

    row: MessageRow
    make: str
    own: bool
    name: str
    functions: tuple[Any, ...]
    links: Links
    backs: tuple[tuple[str, Join], ...]
    test: Any
    once: bool


def applies(pattern: str, structure: str) -> bool:
    """True when a row's `map` is the structure, a prefix such as `ADT_*`, or `*`; several are joined by `;`."""
    for one in pattern.split(";"):
        one = one.strip()
        if one == structure or (one.endswith("*") and structure.startswith(one[:-1])):
            return True
    return False


def stands(at: str, path: str, name: str) -> bool:
    """True when a row's `at` is a place's path, the bare name of its segment, or a path with `*`.

    Several are joined by `;`, one that begins with `!` is left out.
    """
    found = False
    for one in at.split(";"):
        one = one.strip()
        if one.startswith("!"):
            if fnmatchcase(path, one[1:]):
                return False
        elif one and (one in (path, name) or ("*" in one and fnmatchcase(path, one))):
            found = True
    return found


def plan_row(row: MessageRow, functions: tuple[Any, ...], test: Any) -> Planned:
    """Parse the columns of a message row; ValueError names what is wrong."""
    links = []
    for text in _parts(row.link):
        element, equals, names = text.partition("=")
        if not equals:
            raise ValueError(f"link {text!r} needs element=variable")
        links.append(Join(element.strip(), tuple(n.strip() for n in names.split("|")), f"{row.id}:link"))
    backs = []
    for text in _parts(row.back):
        name, dot, element = text.partition(".")
        if not dot:
            raise ValueError(f"back {text!r} needs variable.element")
        backs.append((name.strip(), Join(element.strip(), (), f"{row.id}:back")))
    make, name = row.make.strip(), row.as_.strip()
    joins, own, once = Links(f"{row.id}:link", links), make.endswith("?"), name.endswith("!")
    return Planned(row, make.rstrip("?"), own, name.rstrip("!"), functions, joins, tuple(backs), test, once)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def references_of(run: Any, draft: Draft, links: Links) -> References | None:
    """The references of a message row as seen from a resource; None where an element is not simply set."""
    items: dict[str, tuple[str, bool, str]] = {}
    rows = []
    alive = run.alive
    for made, _ in links:
        name = made.name
        if not made.simple or name in items:
            return None
        target = run.target(draft, made.names)
        if target is None or id(target) not in alive:
            continue
        while target.into is not None:
            target = target.into
        if target is draft or len(target.ref) < 2:
            return None
        items[name] = (name, made.many, target.ref)
        rows.append(made.table[0] if made.many else made.row)
    targets = frozenset([target for _, _, target in items.values()])
    return References(tuple(items.values()), frozenset(items), tuple(rows), targets)


def join(run: Any, draft: Draft, made: Join, target: str) -> None:
    """Set a reference in a resource; a list gets the same one once, a single element keeps the first."""
    body = draft.body
    name = made.name
    if not made.simple:
        _deep(draft, made, target)
    elif not made.many:
        if name not in body:
            body[name] = {"reference": target}
            draft.rows.append(made.row)
    else:
        key = (id(draft), name, target)
        if key in run.joined:
            return
        run.joined.add(key)
        items = body.get(name)
        if items is None:
            items = body[name] = []
            run.joined.add((id(draft), name, ""))  # all of its items come from here, so `joined` knows them
        elif (id(draft), name, "") not in run.joined and any(_names(item, target) for item in items[:8]):
            return
        draft.rows.append(made.table[len(items)])
        items.append({"reference": target})


class Listed:
    """A list of references of a resource that nothing else adds to meanwhile; each target stands there once."""

    __slots__ = ("before", "items", "known", "name", "rows")

    def __init__(self, draft: Draft, name: str) -> None:
        self.name = name
        self.before = name in draft.body
        self.items: list[Json] = draft.body.setdefault(name, [])
        self.rows = draft.rows
        self.known: set[str] = set()

    def add(self, made: Join, target: str) -> None:
        """Add a reference unless it stands there."""
        if target in self.known:
            return
        self.known.add(target)
        items = self.items
        if self.before and any(_names(item, target) for item in items[:8]):
            return
        self.rows.append(made.table[len(items)])
        items.append({"reference": target})


def _names(item: Json, target: str) -> bool:
    """True when a reference, written or still a draft, is to the target."""
    held = item.get("reference")
    if isinstance(held, Draft):
        while held.into is not None:
            held = held.into
        held = held.ref
    return held == target


class _Places(dict[int, Row]):
    """The lineage rows of a list of references by position."""

    def __init__(self, name: str, rule: str) -> None:
        super().__init__()
        self.name, self.rule = name, rule

    def __missing__(self, number: int) -> Row:
        row = Row(f"{self.name}[{number}].reference", self.rule, None)
        if number < 512:
            self[number] = row
        return row


def _deep(draft: Draft, made: Join, target: str) -> None:
    node: Json = draft.body
    path = ""
    for step in made.steps[:-1]:
        path = f"{path}.{step.name}" if path else step.name
        if step.label is None:
            node = node.setdefault(step.name, {})
        else:
            items = node.setdefault(step.name, [])
            items.append({})
            path += f"[{len(items) - 1}]"
            node = items[-1]
    last = made.steps[-1]
    path = f"{path}.{last.name}" if path else last.name
    if last.label is None:
        if last.name in node:
            return
        node[last.name] = {"reference": target}
    else:
        items = node.setdefault(last.name, [])
        if any(_names(item, target) for item in items):
            return
        items.append({"reference": target})
        path += f"[{len(items) - 1}]"
    draft.rows.append(Row(f"{path}.reference", made.rule, None))
