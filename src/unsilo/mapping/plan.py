"""Message rows made ready to run: which maps fill which resource, and which references join them."""

from __future__ import annotations

from typing import Any, NamedTuple

from unsilo.kernel import Json, Row
from unsilo.mapping.model import Draft
from unsilo.mapping.paths import Step, parse_target
from unsilo.mapping.rows import MessageRow

__all__ = ["Join", "Planned", "applies", "join", "plan_row"]


class Join(NamedTuple):
    """A reference to be made: `steps` of the element, the variables of the target (first that is there wins)."""

    steps: tuple[Step, ...]
    names: tuple[str, ...]
    rule: str


class Planned(NamedTuple):
    """A message row: `functions` fill the resource; `own` says that `as` must stand in this very group to be reused."""

    row: MessageRow
    make: str
    own: bool
    name: str
    functions: tuple[Any, ...]
    links: tuple[Join, ...]
    backs: tuple[tuple[str, Join], ...]
    test: Any


def applies(pattern: str, structure: str) -> bool:
    """True when a row's `map` is the structure, a prefix such as `ADT_*`, or `*`; several are joined by `;`."""
    for one in pattern.split(";"):
        one = one.strip()
        if one == structure or (one.endswith("*") and structure.startswith(one[:-1])):
            return True
    return False


def plan_row(row: MessageRow, functions: tuple[Any, ...], test: Any) -> Planned:
    """Parse the columns of a message row; ValueError names what is wrong."""
    links = []
    for text in _parts(row.link):
        element, equals, names = text.partition("=")
        if not equals:
            raise ValueError(f"link {text!r} needs element=variable")
        links.append(Join(parse_target(element.strip()), tuple(n.strip() for n in names.split("|")), f"{row.id}:link"))
    backs = []
    for text in _parts(row.back):
        name, dot, element = text.partition(".")
        if not dot:
            raise ValueError(f"back {text!r} needs variable.element")
        backs.append((name.strip(), Join(parse_target(element.strip()), (), f"{row.id}:back")))
    make = row.make.strip()
    return Planned(
        row, make.rstrip("?"), make.endswith("?"), row.as_.strip(), functions, tuple(links), tuple(backs), test
    )  # fmt: skip


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def join(run: Any, draft: Draft, steps: tuple[Step, ...], target: Draft, rule: str) -> None:
    """Set a reference in a resource; a list gets the same one once, a single element keeps the first."""
    node: Json = draft.body
    path = ""
    for step in steps[:-1]:
        path = f"{path}.{step.name}" if path else step.name
        if step.label is None:
            node = node.setdefault(step.name, {})
        else:
            items = node.setdefault(step.name, [])
            items.append({})
            path += f"[{len(items) - 1}]"
            node = items[-1]
    last = steps[-1]
    path = f"{path}.{last.name}" if path else last.name
    if last.label is None:
        if last.name in node:
            return
        node[last.name] = run.refer(target)
    else:
        items = node.setdefault(last.name, [])
        if any(item.get("reference") is target for item in items):
            return
        items.append(run.refer(target))
        path += f"[{len(items) - 1}]"
    draft.rows.append(Row(f"{path}.reference", rule, None))
