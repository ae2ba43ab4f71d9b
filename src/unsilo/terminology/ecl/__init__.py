"""SNOMED CT Expression Constraint Language 2.2: a grammar as a table, and its evaluation over a code system."""

from unsilo.terminology.ecl.evaluate import evaluate
from unsilo.terminology.ecl.peg import ParseError
from unsilo.terminology.ecl.syntax import parse

__all__ = ["ParseError", "evaluate", "parse"]
