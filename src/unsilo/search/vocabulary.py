"""Which parameters there are, and the reader of each way to write one: modifiers, chains and `_has`, made once."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from unsilo.fhir.index import IDENTIFIER
from unsilo.fhir.index.unions import kept_as
from unsilo.kernel.issue import Code
from unsilo.search.ask import Ask, Bounds, Terminology
from unsilo.search.filters import Leaf, filtered
from unsilo.search.kinds import MODIFIERS, TABLES, Read, reader_of
from unsilo.search.references import targets
from unsilo.search.terminology import Published
from unsilo.search.text import pieces
from unsilo.spec import parameters as standard
from unsilo.spec import r4
from unsilo.spec.parameters import SearchParameter
from unsilo.storage import plan as p

__all__ = ["Reader", "Refusal", "Vocabulary"]

_KEPT = 4096
_MOST_TARGETS = 30
_PATIENT = "Patient"
_LATER = {
    "_text": "full text is not indexed",
    "_content": "full text is not indexed",
    "_query": "named queries are not defined",
}


class Reader(NamedTuple):
    """How the values of one way to write a parameter become a clause; `uses` are the (type, code) that it looks at."""

    read: Callable[[str, Ask], p.Node | None]
    uses: tuple[tuple[str, str], ...]


class Refusal(NamedTuple):
    """Why a way to write a parameter is not understood."""

    text: str
    hint: str = ""
    code: Code = "not-supported"
    rule: str = "search.unknown"


class _RefusedError(Exception):
    """A parameter's name is not understood."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


def _refuse(text: str, hint: str = "", rule: str = "search.unknown", code: Code = "not-supported") -> _RefusedError:
    return _RefusedError(Refusal(text, hint, code, rule))


def _merged(nodes: list[p.Node]) -> p.Node:
    """Join alternatives of one kind to one clause where that is faster."""
    if len(nodes) == 1:
        return nodes[0]
    codes: dict[tuple[int, ...], list[tuple[int, str | None]]] = {}
    named: dict[tuple[tuple[int, ...], tuple[int, ...], bool], list[str]] = {}
    uris: dict[tuple[int, ...], list[str]] = {}
    ids: dict[tuple[int, ...], list[str]] = {}
    rest: list[p.Node] = []
    for node in nodes:
        if isinstance(node, p.Token) and node.code is not None:
            codes.setdefault(node.sp, []).append((node.code, node.system))
        elif isinstance(node, p.Codes):
            codes.setdefault(node.sp, []).extend(node.codes)
        elif isinstance(node, p.Reference):
            named.setdefault((node.sp, node.types, node.kin), []).extend(node.ids)
        elif isinstance(node, p.Uri) and node.how == "is":
            uris.setdefault(node.sp, []).extend(node.values)
        elif isinstance(node, p.Id):
            ids.setdefault(node.types, []).extend(node.ids)
        elif node not in rest:
            rest.append(node)
    for sp, pairs in codes.items():
        once = tuple(dict.fromkeys(pairs))
        rest.append(p.Codes(sp, once) if len(once) > 1 else p.Token(sp, *once[0]))
    rest += [p.Reference(sp, types, tuple(dict.fromkeys(some)), kin) for (sp, types, kin), some in named.items()]
    rest += [p.Uri(sp, "is", tuple(dict.fromkeys(some))) for sp, some in uris.items()]
    rest += [p.Id(types, tuple(dict.fromkeys(some))) for types, some in ids.items()]
    return rest[0] if len(rest) == 1 else p.Any(tuple(rest))


class Vocabulary:
    """The standard's parameters and a store's own, with the bounds of a search and the terminology port.

    `custom` are parameters by type and code; `rebuilding` (type, code) whose keys are not complete yet: a search by
    them is refused, because its answer would be half. Thread-safe; make another one when parameters change.
    """

    def __init__(
        self, custom: Mapping[str, Mapping[str, SearchParameter]] | None = None,
        rebuilding: frozenset[tuple[str, str]] = frozenset(), terminology: Terminology | None = None,
        bounds: Bounds | None = None,
    ) -> None:  # fmt: skip
        self.custom = custom or {}
        self.rebuilding = rebuilding
        self.terminology = terminology or Published()
        self.bounds = bounds or Bounds()
        self._readers: dict[tuple[tuple[str, ...], str], Reader | Refusal] = {}

    def parameter(self, resource_type: str, code: str) -> SearchParameter | None:
        """Return a parameter of a type."""
        found = self.custom.get(resource_type, {}).get(code)
        return found if found is not None else standard.parameter(resource_type, code)

    def parameters(self, resource_type: str) -> dict[str, SearchParameter]:
        """Map codes to the parameters of a type that a search can use."""
        every = {**standard.parameters(resource_type), **self.custom.get(resource_type, {})}
        return {code: one for code, one in every.items() if one.expression or code == "_filter"}

    def reader(self, types: tuple[str, ...], key: str) -> Reader | Refusal:
        """Return the reader of a parameter's name with modifiers and chain, as written, for a search over types."""
        found = self._readers.get((types, key))
        if found is None:
            try:
                found = self._made(types, key, 0)
            except _RefusedError as refused:
                found = refused.refusal
            if len(self._readers) >= _KEPT:
                self._readers.clear()
            self._readers[types, key] = found
        return found

    def _made(self, types: tuple[str, ...], key: str, depth: int) -> Reader:
        if depth > self.bounds.depth:
            raise _refuse(f"more than {self.bounds.depth} steps", rule="search.much", code="too-costly")
        if key.startswith("_has:"):
            return self._has(types, key, depth)
        step, dot, rest = key.partition(".")
        name, colon, modifier = step.partition(":")
        if colon and not modifier:
            raise _refuse("a modifier is missing after the colon", rule="search.modifier")
        if dot:
            return self._chain(types, name, modifier, rest, depth)
        if name == "_list":
            return self._list(types, modifier)
        if name == "_filter":
            return Reader(lambda raw, ask: filtered(raw, self._leaf(types), ask), ())
        if name in _LATER:
            raise _refuse(f"{name} is not supported: {_LATER[name]}", rule="search.later")
        params = self._params(types, name)
        return self._plain(params, types, modifier)

    def _leaf(self, types: tuple[str, ...]) -> Leaf:
        def leaf(key: str, raw: str, ask: Ask) -> p.Node | None:
            found = (
                self.reader(types, key) if not key.startswith("_filter") else Refusal("_filter has no _filter within")
            )
            if isinstance(found, Refusal):
                ask.refuse("_filter", found.text, found.hint, found.code, found.rule)
                return None
            ask.uses.update(found.uses)
            return found.read(raw, ask)

        return leaf

    def _params(self, types: tuple[str, ...], name: str) -> tuple[SearchParameter, ...]:
        found = [(kind, self.parameter(kind, name)) for kind in types]
        missing = [kind for kind, one in found if one is None]
        if missing:
            known = ", ".join(sorted(code for code in self.parameters(types[0]) if len(types) == 1))
            where = types[0] if len(types) == 1 else f"{missing[0]}, which is searched too"
            text = f"the search parameter {name[:64]!r} is not known for {where}"
            raise _refuse(text, f"known are: {known}" if known else "")
        params = tuple(one for _, one in found if one is not None)
        if len({one.kind for one in params}) > 1:
            raise _refuse(f"{name[:64]!r} is of another kind in each of the types", "search one type")
        if not params[0].expression:
            raise _refuse(
                f"{name[:64]!r} has no expression in the standard, so nothing is indexed", rule="search.later"
            )
        for kind, one in found:
            if (kind, name) in self.rebuilding and one is not None:
                raise _refuse(f"{name[:64]!r} is being indexed", "ask again later", "search.rebuilding")
        return params

    def _plain(self, params: tuple[SearchParameter, ...], types: tuple[str, ...], modifier: str) -> Reader:
        code, kind = params[0].code, params[0].kind
        uses = tuple((one, code) for one in types)
        sp = tuple(n for one in params for n in kept_as(one.number))
        if modifier == "missing":
            return Reader(lambda raw, ask: _missing(code, kind, sp, raw, ask), uses)
        one = reader_of(params, types, modifier, self.terminology)
        if one is None:
            known = ", ".join(f":{m}" for m in MODIFIERS[kind])
            if modifier:
                text = f"the modifier {modifier[:32]!r} is not one of a {kind} parameter"
                if kind == "reference" and modifier in ("above", "below"):
                    text = f"{code} leads to nothing that is part of its like, so there is no {modifier}"
                raise _refuse(text, f"{code} has {known}", "search.modifier")
            raise _refuse(f"{code} is not supported", rule="search.later")
        return Reader(self._alternatives(code, one, negated=modifier in ("not", "not-in")), uses)

    def _alternatives(self, name: str, one: Read, *, negated: bool) -> Callable[[str, Ask], p.Node | None]:
        most, plainly = self.bounds.values, 100

        def read(raw: str, ask: Ask) -> p.Node | None:
            if "," not in raw:
                if not raw:
                    ask.refuse(name, "a value is missing")
                    return None
                found = one(name, raw, ask)
            else:
                texts = pieces(raw, ",")
                if not all(texts):
                    ask.refuse(name, "a value is missing")
                    return None
                if len(texts) > most:
                    ask.fatal(name, f"more than {most} alternatives")
                    return None
                nodes = [one(name, text, ask) for text in texts]
                if None in nodes:
                    return None
                found = _merged([node for node in nodes if node is not None])
                if isinstance(found, p.Any) and len(found.parts) > plainly:
                    ask.fatal(name, f"more than {plainly} alternatives of this kind")
                    return None
            return p.Not(found) if negated and found is not None else found

        return read

    def _references(self, types: tuple[str, ...], name: str) -> tuple[SearchParameter, ...]:
        params = self._params(types, name)
        if params[0].kind != "reference":
            raise _refuse(f"{name[:64]!r} is no reference, so nothing can follow it", rule="search.chain")
        return params

    def _chain(self, types: tuple[str, ...], name: str, modifier: str, rest: str, depth: int) -> Reader:
        params = self._references(types, name)
        allowed = tuple(dict.fromkeys(target for one in params for target in targets(one)))
        if modifier and modifier not in r4.resource_types():
            raise _refuse(
                f"{modifier[:32]!r} is not a resource type", f"such as {name}:Patient.{rest[:32]}", "search.chain"
            )
        if modifier and allowed and modifier not in allowed:
            raise _refuse(f"{name} does not refer to {modifier}", f"it refers to {', '.join(allowed)}", "search.chain")
        wanted = (modifier,) if modifier else allowed
        if not wanted or len(wanted) > _MOST_TARGETS:
            raise _refuse(f"{name} refers to many types", f"say which: {name}:Patient.{rest[:32]}", "search.chain")
        return self._through(params, types, wanted, rest, depth)

    def _through(
        self, params: tuple[SearchParameter, ...], types: tuple[str, ...], wanted: tuple[str, ...], rest: str,
        depth: int,
    ) -> Reader:  # fmt: skip
        """Join the chain's readers for each type that the reference may lead to and that knows what follows."""
        found: list[tuple[str, Reader]] = []
        refused: _RefusedError | None = None
        for target in wanted:
            try:
                found.append((target, self._made((target,), rest, depth + 1)))
            except _RefusedError as error:
                refused = refused or error
        if not found:
            raise refused or _refuse(f"nothing follows {params[0].code}")
        sp = tuple(n for one in params for n in kept_as(one.number))
        uses = tuple(
            dict.fromkeys([*((kind, params[0].code) for kind in types), *(u for _, r in found for u in r.uses)])
        )

        def read(raw: str, ask: Ask) -> p.Node | None:
            parts: list[p.Node] = []
            trial = ask if len(found) == 1 else Ask(ask.base, kin=ask.kin)
            for target, reader in found:
                inner = reader.read(raw, trial)
                if inner is not None:
                    kin = ask.kin and target == _PATIENT
                    parts.append(p.Chain(sp, (r4.type_number(target),), inner, kin))
            # One of several types may not take the value (a code where another has a date): then it does not match.
            if not parts and trial is not ask:
                for issue in trial.issues[:1]:
                    ask.refuse(params[0].code, issue.text, issue.hint, issue.code, issue.rule)
            ask.uses |= trial.uses
            return None if not parts else parts[0] if len(parts) == 1 else p.Any(tuple(parts))

        return Reader(read, uses)

    def _has(self, types: tuple[str, ...], key: str, depth: int) -> Reader:
        parts = key.split(":", 3)
        if len(parts) < 4 or not parts[3]:
            raise _refuse(
                "is written _has:Type:reference:parameter", "such as _has:Observation:patient:code", "search.chain"
            )
        _, source, name, rest = parts
        if source not in r4.resource_types():
            raise _refuse(f"{source[:32]!r} is not a resource type", rule="search.chain")
        params = self._references((source,), name)
        allowed = targets(params[0])
        if allowed and not set(types) & set(allowed):
            raise _refuse(
                f"{source}.{name} does not refer to {types[0]}", f"it refers to {', '.join(allowed)}", "search.chain"
            )
        inner = self._made((source,), rest, depth + 1)
        sp, number = kept_as(params[0].number), (r4.type_number(source),)

        def read(raw: str, ask: Ask) -> p.Node | None:
            found = inner.read(raw, ask)
            return None if found is None else p.Has(sp, number, found, ask.kin and _PATIENT in types)

        return Reader(read, ((source, name), *inner.uses))

    def _list(self, types: tuple[str, ...], modifier: str) -> Reader:
        item = standard.parameter("List", "item")
        if modifier or item is None:
            raise _refuse("_list has no modifier", rule="search.modifier")
        sp = (item.number,)

        def one(name: str, text: str, ask: Ask) -> p.Node | None:
            if text.startswith("$"):
                ask.refuse(name, "functional lists are not defined here", code="not-supported")
                return None
            return p.InList(sp, text.removeprefix("List/"))

        return Reader(self._alternatives("_list", one, negated=False), (("List", "item"), *((t, "_id") for t in types)))


def _missing(name: str, kind: str, sp: Sequence[int], raw: str, ask: Ask) -> p.Node | None:
    if raw not in ("true", "false"):
        ask.refuse(name, "`:missing` is true or false")
        return None
    absent = raw == "true"
    if name in ("_id", "_lastUpdated"):
        return p.NEVER if absent else p.All(())
    tables = [p.Missing(tuple(sp), TABLES[kind], absent)]
    if kind == "reference":
        tables.append(p.Missing(tuple(number + IDENTIFIER for number in sp), ("tok",), absent))
    if kind == "token":
        tables.append(p.Missing(tuple(-number for number in sp), ("tok",), absent))
    if len(tables) == 1:
        return tables[0]
    return p.All(tuple(tables)) if absent else p.Any(tuple(tables))
