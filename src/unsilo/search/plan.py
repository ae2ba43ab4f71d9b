"""A search and the caller's predicate become the plan that the store runs."""

from collections.abc import Iterable, Sequence

from unsilo.kernel import Issue, Where
from unsilo.policy import Predicate, touches
from unsilo.search.joined import joined, single
from unsilo.search.parse import Search
from unsilo.search.vocabulary import Vocabulary
from unsilo.spec import r4
from unsilo.storage import plan as p

__all__ = ["hidden", "plan"]

_SELECTIVE = (p.Id, p.Reference, p.Member, p.Never)
_LISTED = (p.Id, p.Reference, p.Member, p.Token, p.Codes, p.Uri, p.Composite, p.Implied)
_FEW_INCLUDES = 4


def _expressions(vocabulary: Vocabulary, kind: str, code: str) -> Iterable[str]:
    found = vocabulary.parameter(kind, code)
    if found is None:
        return
    if found.components:
        # A composite's parts are below the elements that it names, or at the resource itself.
        for path in found.expression.split("|"):
            for part in found.components:
                for piece in part.expression.split("|"):
                    yield f"{path.strip()}.{piece.strip()}"
        return
    yield found.expression


def hidden(search: Search, predicate: Predicate, vocabulary: Vocabulary) -> list[Issue]:
    """Return an Issue for each parameter that would look at a masked element; what is masked cannot be searched.

    It depends on the predicate alone, so it says nothing of what is stored.
    """
    if not predicate.elements:
        return []
    found = []
    for kind, code in sorted(search.uses):
        if any(touches(predicate, kind, text) for text in _expressions(vocabulary, kind, code)):
            text = f"{code}: looks at an element of {kind} that is masked"
            found.append(Issue("error", "forbidden", text, Where(f"http.{code}"), "", "search.masked"))
    return found


def _cheap(search: Search, clauses: Sequence[p.Node]) -> bool:
    """Tell whether the first page is met at once: by a list or a few rows, without counting or gathering many."""
    if search.total != "none" or search.only_count or len(search.types) != 1 or len(search.includes) > _FEW_INCLUDES:
        return False
    if any(i.iterate or len(i.sp) > 1 for i in search.includes):
        return False
    if not all(isinstance(clause, _LISTED) for clause in clauses):
        return False
    if any(isinstance(clause, _SELECTIVE) for clause in clauses):
        return True
    return not search.sort and (
        len(clauses) < 2 or all(isinstance(c, p.Token) and c.system is not None for c in clauses)
    )


def _by_date(search: Search, clauses: Sequence[p.Node], vocabulary: Vocabulary) -> tuple[p.Sort, ...]:
    """Return the order of a search by one date alone that says none: by this date, so that a page is one range.

    It depends on what is asked alone, so all pages have the same order.
    """
    if len(search.types) != 1 or len(clauses) != 1:
        return ()
    (clause,) = clauses
    if not isinstance(clause, p.Date | p.Dates) or len(clause.sp) != 1:
        return ()
    kind = search.types[0]
    params = vocabulary.parameters(kind).values()
    alone = any(one.number == clause.sp[0] and single(kind, one.expression) for one in params)
    return (p.Sort("dat", clause.sp, True, True),) if alone else ()


def plan(
    search: Search, predicate: Predicate, vocabulary: Vocabulary, after: tuple[object, ...] | None = None
) -> p.Plan:
    """Return the plan; `after` is what the cursor of the former page held. Ask `hidden` first."""
    if len(search.types) == 1:
        clauses = joined(search.clauses, search.types[0], vocabulary)
    else:
        clauses = tuple(dict.fromkeys(search.clauses))
    sort = tuple(search.sort) or _by_date(search, clauses, vocabulary)
    return p.Plan(
        predicate=predicate,
        types=tuple(r4.type_number(kind) for kind in search.types),
        clauses=clauses,
        sort=sort,
        count=search.count,
        total="accurate" if search.only_count else search.total,
        only_count=search.only_count,
        includes=tuple(search.includes),
        most=vocabulary.bounds.included,
        after=after,
        cheap=_cheap(search, clauses),
    )
