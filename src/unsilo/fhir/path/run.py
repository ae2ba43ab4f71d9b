"""Compiled expressions: made once for each text, called with a node."""

from functools import lru_cache
from typing import Any, Final

from unsilo.fhir.path.compiling import Compiler
from unsilo.fhir.path.context import Context, State
from unsilo.fhir.path.errors import PathError
from unsilo.fhir.path.kinds import Items, kind_of
from unsilo.fhir.path.kinds import kind as _kind
from unsilo.fhir.path.parser import parse
from unsilo.fhir.path.registry import ExprRun, TruthRun
from unsilo.fhir.path.tree import Node

__all__ = ["Path", "compile_once", "compile_path"]

_DEFAULT: Final = Context()
_KEPT: Final = 2_000


class Path:
    """A compiled expression.

    Calling it with a node gives the values of the result: `dict` for nodes, the JSON value for primitives of FHIR (a
    date is its text), and for System values `bool`, `str`, `int`, `Decimal`, `Date`, `DateTime`, `Time` or `Quantity`.
    `kind` names the type of the node (`HumanName`, `Patient.contact`); a resource says its own. `extensions`: the
    `_name` object of a primitive.
    PathError (execution, costly) when the data do not fit or the budget is used up.
    """

    __slots__ = ("_decide", "_run", "expression", "tree")

    def __init__(self, expression: str, tree: Node, run: ExprRun, decide: TruthRun) -> None:
        self.expression = expression
        self.tree = tree
        self._run = run
        self._decide = decide

    def __call__(self, node: Any, context: Context = _DEFAULT, kind: str = "", extensions: Any = None) -> list[Any]:
        """Return the values."""
        try:
            found = self._run(State((node, _kind(kind) if kind else kind_of(node), extensions), context))
        except RecursionError:
            raise PathError("costly", "the evaluation nests too deep", 0, self.expression) from None
        return [value for value, _, _ in found if value is not None]

    def typed(
        self, node: Any, context: Context = _DEFAULT, kind: str = "", extensions: Any = None
    ) -> list[tuple[Any, str]]:
        """Return (value, type) pairs; types of FHIR as `HumanName`, of System as `System.String`."""
        return [
            (value, f"System.{said.name}" if said.system else said.name)
            for value, said, _ in self.items(node, context, kind, extensions)
            if value is not None
        ]

    def items(self, node: Any, context: Context = _DEFAULT, kind: str = "", extensions: Any = None) -> Items:
        """Return the items as the engine has them: value, type, extensions; a value may be None beside extensions."""
        try:
            return self._run(State((node, _kind(kind) if kind else kind_of(node), extensions), context))
        except RecursionError:
            raise PathError("costly", "the evaluation nests too deep", 0, self.expression) from None

    def truth(self, node: Any, context: Context = _DEFAULT, kind: str = "", extensions: Any = None) -> bool | None:
        """Return the answer of a condition; None when it is empty."""
        try:
            return self._decide(State((node, _kind(kind) if kind else kind_of(node), extensions), context))
        except RecursionError:
            raise PathError("costly", "the evaluation nests too deep", 0, self.expression) from None


def compile_once(expression: str, *, lenient: bool = False, placed: bool = False) -> Path:
    """Compile an expression without keeping it; for expressions that come from outside."""
    try:
        tree = parse(expression)
        compiler = Compiler(expression, lenient=lenient, placed=placed)
        return Path(expression, tree, compiler.items(tree), compiler.truth(tree))
    except RecursionError:
        raise PathError("costly", "the expression nests too deep", 0, expression) from None


_kept = lru_cache(maxsize=4096)(compile_once)


def compile_path(expression: str, *, lenient: bool = False, placed: bool = False) -> Path:
    """Compile an expression; the same text gives the same `Path` (up to 2,000 characters, longer ones are not kept).

    `lenient`: `as` on several items filters them, as search expressions of R4 expect, instead of being an error.
    `placed`: items carry the `Place` they stand at in the third position. PathError (syntax, semantic, costly) with
    the place in the text.
    """
    make = _kept if len(expression) <= _KEPT else compile_once
    return make(expression, lenient=lenient, placed=placed)
