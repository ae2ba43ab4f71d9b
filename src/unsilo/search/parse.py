"""A FHIR search request read into clauses and controls, or into Issues that name what is wrong."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

import msgspec

from unsilo.fhir.index.unions import kept_as
from unsilo.kernel import Issue
from unsilo.search.ask import Ask
from unsilo.search.includes import include
from unsilo.search.joined import single
from unsilo.search.text import unusable
from unsilo.search.vocabulary import Refusal, Vocabulary
from unsilo.spec import r4
from unsilo.spec.compartments import compartment
from unsilo.storage import plan as p

__all__ = ["HTTP_ONLY", "PAGE", "Search", "parse"]

PAGE = "_page"
"""The parameter that holds the place where the former page ended."""
HTTP_ONLY = frozenset(("_format", "_pretty", PAGE, "__explain"))
"""Parameters that say how to answer, not what to find; they are no business of a search."""

Summary = Literal["", "true", "text", "data", "count", "false"]


class Search(msgspec.Struct):
    """What was asked. `types` () is every type; `used` are the pairs that took effect, for the link to the page itself.

    `uses` are the (type, parameter) that are looked at, for masked elements.
    """

    types: tuple[str, ...]
    clauses: list[p.Node] = []
    sort: list[p.Sort] = []
    includes: list[p.Include] = []
    count: int = 0
    total: Literal["none", "estimate", "accurate"] = "none"
    summary: Summary = ""
    elements: tuple[str, ...] = ()
    page: str = ""
    kin: bool = True
    used: list[tuple[str, str]] = []
    uses: set[tuple[str, str]] = set()

    @property
    def only_count(self) -> bool:
        """Tell whether only the number of matches is wanted."""
        return self.summary == "count" or self.count == 0


@cache
def _every() -> tuple[str, ...]:
    return tuple(sorted(r4.resource_types()))


Control = Callable[[Search, str, str, Ask, Vocabulary], None]


def _count(search: Search, name: str, raw: str, ask: Ask, vocabulary: Vocabulary) -> None:
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 20):
        ask.refuse(name, "is not a whole number")
        return
    search.count = min(int(raw), vocabulary.bounds.most)


def _total(search: Search, name: str, raw: str, ask: Ask, _vocabulary: Vocabulary) -> None:
    if raw not in ("none", "estimate", "accurate"):
        ask.refuse(name, "is none, estimate or accurate")
        return
    search.total = raw  # type: ignore[assignment] # one of them


def _summary(search: Search, name: str, raw: str, ask: Ask, _vocabulary: Vocabulary) -> None:
    if raw not in ("true", "text", "data", "count", "false"):
        ask.refuse(name, "is true, text, data, count or false")
        return
    search.summary = raw  # type: ignore[assignment] # one of them


def _elements(search: Search, name: str, raw: str, ask: Ask, _vocabulary: Vocabulary) -> None:
    names = tuple(part.strip() for part in raw.split(","))
    if not all(part.replace(".", "").isalnum() and part.isascii() for part in names) or len(names) > 200:
        ask.refuse(name, "is a list of element names", "such as identifier,active")
        return
    search.elements = names


def _contained(_search: Search, name: str, raw: str, ask: Ask, _vocabulary: Vocabulary) -> None:
    if raw != "false":
        hint = "contained resources are part of what contains them"
        ask.refuse(name, "contained resources are not searched", hint, "not-supported", "search.later")


def _contained_type(_search: Search, name: str, _raw: str, ask: Ask, _vocabulary: Vocabulary) -> None:
    ask.refuse(name, "contained resources are not searched", "", "not-supported", "search.later")


def _sort(search: Search, name: str, raw: str, ask: Ask, vocabulary: Vocabulary) -> None:
    keys = raw.split(",")
    if len(keys) > vocabulary.bounds.sorts:
        ask.refuse(name, f"has more than {vocabulary.bounds.sorts} keys", code="too-costly")
        return
    for key in keys:
        down, code = key.startswith("-"), key.removeprefix("-")
        made = sort_of(search.types, code, down, vocabulary)
        if isinstance(made, str):
            ask.refuse(name, made)
            return
        search.sort.append(made)
        search.uses.update((kind, code) for kind in search.types or _every())


_SORTED = {"number": "num", "date": "dat", "string": "str", "quantity": "qty", "uri": "uri", "token": "tok",
           "reference": "ref"}  # fmt: skip


def sort_of(types: tuple[str, ...], code: str, down: bool, vocabulary: Vocabulary) -> p.Sort | str:
    """Return a sort key, or why it is none."""
    if code == "_id":
        return p.Sort("id", (), down)
    if code == "_lastUpdated":
        return p.Sort("updated", (), down)
    found = [vocabulary.parameter(kind, code) for kind in types or _every()]
    if not code or None in found:
        return f"{code[:64]!r} is not a parameter of what is searched"
    params = [one for one in found if one is not None]
    kinds = {one.kind for one in params}
    if len(kinds) > 1 or params[0].kind not in _SORTED or not params[0].expression:
        return f"{code[:64]!r} has no order"
    alone = len(params) == 1 and params[0].kind == "date" and single(params[0].type, params[0].expression)
    return p.Sort(_SORTED[params[0].kind], tuple(n for one in params for n in kept_as(one.number)), down, alone)


def _include(search: Search, name: str, raw: str, ask: Ask, vocabulary: Vocabulary) -> None:
    bare, _, modifier = name.partition(":")
    if modifier not in ("", "iterate"):
        ask.refuse(
            name, f"the modifier {modifier[:32]!r} is not one of {bare}", "it has :iterate", rule="search.modifier"
        )
        return
    found = include(search.types, raw, vocabulary, reverse=bare == "_revinclude", iterate=bool(modifier))
    if isinstance(found, str):
        ask.refuse(name, found, "such as Observation:patient or Observation:subject:Patient", rule="search.include")
        return
    made, uses = found
    search.includes.append(made)
    search.uses.update(uses)


_CONTROLS: dict[str, tuple[Control, bool]] = {
    # name: (reader, may be given more than once)
    "_count": (_count, False), "_total": (_total, False), "_summary": (_summary, False),
    "_elements": (_elements, False), "_sort": (_sort, False), "_contained": (_contained, False),
    "_containedType": (_contained_type, False), "_include": (_include, True), "_revinclude": (_include, True),
    "_include:iterate": (_include, True), "_revinclude:iterate": (_include, True),
}  # fmt: skip


def _types(resource_type: str | None, pairs: Sequence[tuple[str, str]], ask: Ask) -> tuple[str, ...]:
    """Return the types that are searched, as the address or `_type` says; () for all."""
    if resource_type is not None:
        return (resource_type,)
    said = [value for name, value in pairs if name == "_type"]
    if not said:
        return ()
    if len(said) > 1:
        ask.refuse("_type", "is given twice")
    names = dict.fromkeys(said[0].split(","))
    unknown = [name for name in names if name not in r4.resource_types()]
    if unknown:
        ask.fatal("_type", f"{unknown[0][:64]!r} is not a resource type", code="value", rule="search.value")
        return ()
    return tuple(names)


def _within(search: Search, owner: tuple[str, str], ask: Ask, vocabulary: Vocabulary) -> None:
    """Add the clause of a compartment, which is (its type, the id of its focus)."""
    name, id_ = owner
    members = compartment(name)
    types = tuple(kind for kind in search.types or members if kind in members or kind == name)
    if not members or len(types) < len(search.types or types):
        what = search.types[0] if search.types else "anything"
        ask.fatal("compartment", f"the {name[:32]} compartment does not hold {what}", code="not-supported")
        return
    search.types = types if search.types else tuple(dict.fromkeys((*types, name)))
    if name == "Patient":
        search.clauses.append(p.Member(id_, tuple(map(r4.type_number, search.types)), ask.kin))
        return
    sps: list[int] = []
    for kind in types:
        for code in members.get(kind, ()):
            found = vocabulary.parameter(kind, code)
            if found is not None and found.kind == "reference":
                sps.extend(kept_as(found.number))
    parts: list[p.Node] = []
    if sps:
        parts.append(p.Reference(tuple(sps), (r4.type_number(name),), (id_,), False))
    if name in search.types:
        parts.append(p.Id((r4.type_number(name),), (id_,)))
    search.clauses.append(parts[0] if len(parts) == 1 else p.Any(tuple(parts)))


def parse(
    resource_type: str | None, pairs: Sequence[tuple[str, str]], vocabulary: Vocabulary, *, base: str = "",
    lenient: bool = False, kin: bool = True, compartment: tuple[str, str] | None = None,
) -> tuple[Search | None, list[Issue]]:  # fmt: skip
    """Read the decoded pairs of a query string for a type, or for all (None); never raises.

    Returns the search with warnings, or None with what is wrong. `base` is this server's own address; under `lenient`
    (`Prefer: handling=lenient`) what is not understood is left out with a warning; `kin`: a Patient stands for its
    whole person; `compartment` is (type, id) of the focus.
    """
    ask = Ask(base, kin=kin, lenient=lenient)
    bounds = vocabulary.bounds
    if len(pairs) > bounds.parameters:
        ask.fatal("parameters", f"more than {bounds.parameters} of them")
        return None, ask.issues
    search = Search(_types(resource_type, pairs, ask), count=bounds.count, kin=kin)
    if compartment is not None and not ask.issues:
        _within(search, compartment, ask, vocabulary)
    if ask.issues:
        return None, ask.issues
    seen: set[str] = set()
    for name, raw in pairs:
        if name in HTTP_ONLY:
            search.page = raw if name == PAGE else search.page
            continue
        if name == "_type" and resource_type is None:
            search.used.append((name, raw))
            continue
        before = len(ask.warnings)
        _one(search, name, raw, ask, vocabulary, seen)
        if len(ask.warnings) == before:
            search.used.append((name, raw))
    if ask.issues:
        return None, ask.issues
    search.uses |= ask.uses
    return search, ask.warnings


def _one(search: Search, name: str, raw: str, ask: Ask, vocabulary: Vocabulary, seen: set[str]) -> None:
    bounds = vocabulary.bounds
    if len(name) > bounds.name or len(raw) > bounds.value:
        ask.fatal(name, "is too long", code="too-long")
        return
    if unusable(raw) or unusable(name):
        ask.refuse("".join(c for c in name if c.isprintable()), "holds a character that no value can hold")
        return
    control = _CONTROLS.get(name)
    if control is not None:
        if name in seen and not control[1]:
            ask.refuse(name, "is given twice")
            return
        seen.add(name)
        control[0](search, name, raw, ask, vocabulary)
        return
    if name.startswith(("_include:", "_revinclude:")):
        _include(search, name, raw, ask, vocabulary)
        return
    types = search.types or _every()
    found = vocabulary.reader(types, name)
    if isinstance(found, Refusal):
        ask.refuse(name, found.text, found.hint, found.code, found.rule)
        return
    node = found.read(raw, ask)
    if node is not None:
        search.clauses.append(node)
        search.uses.update(found.uses)
    elif not ask.issues and not ask.warnings:
        ask.refuse(name, "is not understood")
