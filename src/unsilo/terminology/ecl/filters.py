"""Filters and history supplements of expression constraints (ECL 2.2, 6.8 to 6.11)."""

from __future__ import annotations

from collections.abc import Callable

from unsilo.terminology import ids
from unsilo.terminology.ecl.peg import Node, ParseError
from unsilo.terminology.ecl.run import Run
from unsilo.terminology.ecl.text import matcher, quoted

__all__ = ["filtered", "historical"]

_TYPES = {"syn": "900000000000013009", "fsn": "900000000000003001", "def": "900000000000550004"}
_STATUS = {"primitive": "900000000000074008", "defined": "900000000000073002"}
_PROFILES = {
    "MIN": ("SAME_AS",),
    "MOD": ("SAME_AS", "REPLACED_BY", "WAS_A", "PARTIALLY_EQUIVALENT_TO"),
    "MAX": (),
}
"""Historical associations that count (ECL 2.2, 6.11); none named means any."""
_Term = tuple[list[Callable[[str], bool]], bool]


def filtered(run: Run, found: int, node: Node) -> int:
    """Return those of `found` that pass all filters in one pair of braces."""
    scope = node.one("scope")
    rows = [each.parts[0] for each in node.all("filter")]
    if scope is not None and scope.text.upper() == "M":
        raise ParseError(scope.at, "filters of reference set members are not supported")
    concepts = scope is not None and scope.text.upper() == "C"
    of_terms = [row for row in rows if row.rule in ("termfilter", "languagefilter", "typefilter")]
    if concepts and of_terms:
        raise ParseError(of_terms[0].at, "a filter of descriptions cannot stand among filters of concepts")
    for row in rows:
        if row not in of_terms:
            found &= _CONCEPT[row.rule](run, found, row)
    return found & _described(run, of_terms) if of_terms else found


def _described(run: Run, rows: list[Node]) -> int:
    """Return the concepts with one description that passes all filters of descriptions."""
    languages: set[str] | None = None
    uses: set[str] | None = None
    tests: list[_Term] = []
    for row in rows:
        equal = _is_equal(row)
        if row.rule == "termfilter":
            tests.append(([matcher(each) for each in row.all("string")], equal))
        else:
            names = {each.text.lower() for each in row.all("name")}
            if not equal:
                raise ParseError(row.at, "this filter can be only equal")
            if row.rule == "languagefilter":
                languages = names if languages is None else languages & names
            else:
                unknown = names - set(_TYPES)
                if unknown:
                    raise ParseError(row.at, "a type of descriptions is syn, fsn or def")
                kinds = {_TYPES[name] for name in names}
                uses = kinds if uses is None else uses & kinds
    if languages == set() or uses == set():
        return 0
    hits: set[int] = set()
    for number, term in run.system.terms(sorted(languages or ()), sorted(uses or ())):
        if number not in hits and all(any(t(term) for t in each) == equal for each, equal in tests):
            hits.add(number)
            if not len(hits) & 1023:
                run.spend()
    return ids.pack(hits, run.system.size)


def _is_equal(row: Node) -> bool:
    sign = row.one("equal")
    return sign is None or sign.text == "="


def _active(run: Run, found: int, row: Node) -> int:
    state = row.one("state")
    wanted = (state is not None and state.text.lower() in ("true", "1")) == _is_equal(row)
    return found & ~run.system.inactive() if wanted else found & run.system.inactive()


def _status(run: Run, found: int, row: Node) -> int:
    names = [each.text.lower() for each in row.all("name")]
    if not set(names) <= set(_STATUS):
        raise ParseError(row.at, "a definition status is primitive or defined")
    has = run.system.having("definitionStatusId", [_STATUS[name] for name in names])
    return found & has if _is_equal(row) else found & ~has


def _identified(run: Run, found: int, row: Node) -> int:
    field = row.parts[0].text
    name = next(n for n in ("moduleId", "definitionStatusId") if n.lower() == field.lower())
    codes = [code for code, _, _ in run.system.heads(ids.members(run.sub(row.parts[-1])))]
    has = run.system.having(name, codes)
    return found & has if _is_equal(row) else found & ~has


_TIMES: dict[str, Callable[[str, str], bool]] = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


def _timed(run: Run, found: int, row: Node) -> int:
    test = _TIMES[row.parts[0].text]
    goal = quoted(row.parts[1])
    return found & ids.pack((n for n, at, _ in run.system.values("effectiveTime") if test(at, goal)), run.system.size)


_CONCEPT: dict[str, Callable[[Run, int, Node], int]] = {
    "activefilter": _active, "statusfilter": _status, "idfilter": _identified, "timefilter": _timed,
}  # fmt: skip


def historical(run: Run, found: int, node: Node) -> int:
    """Return `found` with the inactive concepts that lead to it by historical associations."""
    if node.one("expression") is not None:
        raise ParseError(node.at, "a history supplement by reference sets is not supported; name a profile")
    profile = node.one("profile")
    wanted = _PROFILES[profile.text[1:].upper()] if profile is not None else ()
    targets = {code for code, _, _ in run.system.heads(ids.members(found))}
    rows = run.system.succeeded()
    return found | ids.pack(
        (n for n, kind, target in rows if (not wanted or kind in wanted) and target in targets), run.system.size
    )
