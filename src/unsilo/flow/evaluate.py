"""What FHIRPath may ask of the definitions: whether a code is in a value set, whether a node meets a profile."""

from collections.abc import Callable
from typing import Any

from unsilo.fhir.path import Context
from unsilo.validation import Options
from unsilo.validation.library import validator
from unsilo.validation.run import Run

__all__ = ["surroundings"]


def surroundings(trace: Callable[[str, list[Any]], None] | None = None) -> Context:
    """Return the context of an evaluation with R4's definitions behind `memberOf()` and `conformsTo()`.

    The definitions are read when an expression first asks. `trace` is told what `trace()` meets.
    """

    def member_of(value: Any, url: str) -> bool | None:
        return _run(value).member_of(value, url)

    def conforms_to(value: Any, url: str) -> bool | None:
        return _run(value).conforms_to(value, url)

    return Context(member_of=member_of, conforms_to=conforms_to, trace=trace)


def _run(value: Any) -> Run:
    run = Run(value if isinstance(value, dict) else {}, Options())
    run.knowledge = validator()
    return run
