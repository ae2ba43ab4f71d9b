"""What every code writer has: lines of Python, the constants they name, conditions, and what its format must add."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from unsilo.mapping.compile.terms import Env, Obj, Place, RowAt, Val
from unsilo.mapping.condition import All, Any_, Not, Test, Tree, parse_condition
from unsilo.mapping.paths import Step
from unsilo.mapping.rows import MapRow

__all__ = ["Source"]


class Source(ABC):
    """Collects lines of Python and the constants they name."""

    pure: frozenset[str] = frozenset()
    """Functions that are nothing but a conversion of a text (`run.<name>[text]`)."""

    textual: frozenset[str] | None = None
    """Functions that look at nothing but the fields of their segment and the site; None: it is not asked."""

    def __init__(self, maps: dict[str, list[MapRow]], vocabularies: Any) -> None:
        self.maps = maps
        self.vocabularies = vocabularies
        self.lines: list[str] = []
        self.depth = 1
        self.count = 0
        self.tables: dict[tuple[Any, ...], str] = {}
        self.constants: dict[str, str] = {}
        self.faults: list[tuple[str, str]] = []
        self.stack: list[str] = []
        self.leaders: dict[tuple[str, ...], str] = {}
        self.order: dict[tuple[str, ...], int] = {}
        self.cache: list[dict[Any, Any]] = [{}]

    # -- text ---------------------------------------------------------------------------------------------------

    def compared(self, test: Test, text: str) -> str:
        """Python for a predicate that only looks at a text that was read: `text` is the expression for it."""
        if test.op == "NUMERIC":
            return f"(run.decimal[{text}] is not None)"
        if test.op == "COMPARED":
            return f"(run.program.converters['comparator'][{text}] is not None)"
        if test.op == "KNOWN":
            return f"{self.constant(f'vocabulary({test.values[0]!r})')}.knows({text})"
        if test.op == "IN":
            return f"({text} in {self.constant(f'frozenset({sorted(test.values)!r})')})"
        if test.op == "STARTS":
            return f"{text}.startswith({test.values[0]!r})"
        if test.op == "CONTAINS":
            return f"({test.values[0]!r} in {text})"
        return f"({text} == {test.values[0]!r})"

    def put(self, line: str) -> None:
        """Add one line at the present depth."""
        self.lines.append("    " * self.depth + line)

    def name(self, letter: str) -> str:
        """Return a fresh variable name."""
        self.count += 1
        return f"{letter}{self.count}"

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write a compound statement; an empty body becomes `pass`. What is fetched inside is not known outside."""
        self.put(head)
        self.depth += 1
        self.cache.append({})
        start = len(self.lines)
        yield
        if len(self.lines) == start:
            self.put("pass")
        self.depth -= 1
        self.cache.pop()

    def constant(self, code: str) -> str:
        """Return the module-level name of a constant expression."""
        if code not in self.constants:
            self.constants[code] = f"K{len(self.constants)}"
        return self.constants[code]

    def cached(self, key: Any) -> Any:
        """Return what was fetched already in a block around here."""
        for scope in reversed(self.cache):
            if key in scope:
                return scope[key]
        return None

    # -- conditions ---------------------------------------------------------------------------------------------

    def condition(self, when: str, row: MapRow, env: Env) -> str:
        """Python for a condition; what it reads is written before."""
        tree = parse_condition(when)
        assert tree is not None  # noqa: S101 - callers ask only when there is one
        return self.tree(tree, row, env)

    def tree(self, tree: Tree, row: MapRow, env: Env) -> str:
        """Python for one node of a condition."""
        if isinstance(tree, All):
            return "(" + " and ".join(self.tree(part, row, env) for part in tree.parts) + ")"
        if isinstance(tree, Any_):
            return "(" + " or ".join(self.tree(part, row, env) for part in tree.parts) + ")"
        if isinstance(tree, Not):
            return self.negated(tree.part, row, env)
        return self.test(tree, row, env)

    def negated(self, part: Tree, row: MapRow, env: Env) -> str:
        """Python for the opposite of one node of a condition."""
        return f"(not {self.tree(part, row, env)})"

    # -- what a format adds -------------------------------------------------------------------------------------

    @abstractmethod
    def write(self, name: str, level: str = "", facts: Any = None) -> str:
        """Return the source of a map's function `m`; `facts` narrow what it will meet."""

    @abstractmethod
    def write_test(self, name: str, when: str) -> str:
        """Return the source of a condition's function `m`."""

    @abstractmethod
    def loop_roots(self, group: list[RowAt], env: Env) -> list[Any]:
        """The repeating sources of a group that no loop has bound yet."""

    @contextmanager
    def looped(self, loops: list[Any], group: list[RowAt], obj: Obj, step: Step, env: Env) -> Iterator[Env]:
        """Write a loop over the repetitions of `loops` (none: no loop)."""
        del loops, group, obj, step
        yield env

    @abstractmethod
    def fetch(self, row: MapRow, env: Env, obj: Obj, raw: bool = False) -> Val:
        """Write what reads a row's source; `raw` leaves it as it stands for a map or function."""

    @abstractmethod
    def enter(self, row: MapRow, env: Env, val: Val) -> Env:
        """Write what opens a value for a map, and return where the map reads."""

    @abstractmethod
    def test(self, test: Test, row: MapRow, env: Env) -> str:
        """Python for one predicate."""

    @abstractmethod
    def maker(self, row: MapRow, env: Env, val: Val, rule: str) -> str:
        """Python that calls a map which makes a resource."""

    @abstractmethod
    def code_of(self, env: Env, val: Val) -> tuple[str, str]:
        """Python for the code and the coding-system URI of a coded value."""

    def maker_fill(self, row: MapRow, env: Env, val: Val, draft: str) -> str:
        """Python that calls a map which makes a resource on one that is begun already."""
        raise ValueError(f"{row.id}: this format cannot fill a resource that is begun already ({env} {val} {draft})")

    def texts(self, group: list[RowAt], env: Env) -> list[tuple[str, str, bool]]:
        """The texts that decide what a group makes: variable, place, and whether they are sources; none: no memory."""
        del group, env
        return []

    def whole(self, text: str, where: str) -> Val:
        """A text of `texts` as a value that is cited as a whole."""
        return Val(text, Place(where))

    @abstractmethod
    def here(self, env: Env) -> str:
        """Python for the node itself."""

    @abstractmethod
    def here_place(self, env: Env) -> str:
        """Python for the node's locator."""

    # -- what the writers of elements add ---------------------------------------------------------------------------

    @abstractmethod
    def fill(self, rows: Sequence[MapRow], obj: Obj, env: Env) -> None:
        """Write the assignments of a map's rows to `obj`."""

    @abstractmethod
    def row_condition(self, row: MapRow, env: Env) -> AbstractContextManager[None]:
        """Write a row's own condition around what follows."""
