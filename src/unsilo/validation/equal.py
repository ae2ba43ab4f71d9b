"""Fixed values and patterns against what a resource holds (FHIR R4 elementdefinition.html#fixed and #pattern)."""

from typing import Any

__all__ = ["holds_pattern", "is_fixed"]


def is_fixed(value: Any, wanted: Any) -> bool:
    """Tell whether a value is exactly the wanted one; lists keep their order, nothing may be added."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted)


def holds_pattern(value: Any, wanted: Any) -> bool:
    """Tell whether a value holds at least what the pattern says; an item of a list may stand anywhere in it."""
    if type(wanted) is dict:
        return type(value) is dict and all(k in value and holds_pattern(value[k], v) for k, v in wanted.items())
    if type(wanted) is list:
        return type(value) is list and all(any(holds_pattern(item, each) for item in value) for each in wanted)
    return is_fixed(value, wanted)
