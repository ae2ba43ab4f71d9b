"""Codes against the value sets that their elements are bound to (FHIR R4 terminologies.html#4.1.5)."""

from __future__ import annotations

from typing import Any

from unsilo.validation.knowledge import Knowledge
from unsilo.validation.node import Binding
from unsilo.validation.place import At
from unsilo.validation.run import Run

__all__ = ["check", "check_coding", "in_value_set"]

_CODED = frozenset(("code", "Coding", "CodeableConcept", "Quantity", "string", "uri"))


def _name(url: str) -> str:
    return url.partition("|")[0].rpartition("/")[2]


def _asked(url: str, system: str, code: str, run: Run) -> bool | None:
    port = run.options.terminology
    return port(url, system, code) if port is not None else None


def in_value_set(url: str, type_: str, value: Any, run: Run, val: Knowledge) -> bool | None:
    """Tell whether a coded value belongs to a value set; None when nobody can say."""
    codes = val.value_sets.codes(url)
    if type_ in ("code", "string", "uri"):
        known = codes.has_code(value) if codes is not None else None
        return known if known is not None else _asked(url, "", value, run)
    if type(value) is not dict:
        return None
    if type_ == "CodeableConcept":
        said = [
            in_value_set(url, "Coding", each, run, val) for each in (value.get("coding") or ()) if type(each) is dict
        ]
        return True if True in said else None if None in said else False
    system, code = value.get("system", ""), value.get("code")
    if type(code) is not str or type(system) is not str:
        return False
    if type_ == "Quantity" and not system:
        return False
    known = codes.has(system, code) if codes is not None else None
    return known if known is not None else _asked(url, system, code, run)


def _shown(value: Any) -> str:
    """Return the code of a coded value for a message."""
    if type(value) is dict and value.get("coding"):
        value = next((each for each in value["coding"] if type(each) is dict), {})
    code = value.get("code") if type(value) is dict else value
    return f"{code[:64]!r} " if type(code) is str else "what is said "


def check(binding: Binding, type_: str, value: Any, at: At, run: Run, val: Knowledge) -> None:
    """Check a value against its binding: required is an error, extensible a warning, what nobody knows is said."""
    if type_ not in _CODED:
        return
    if binding.strength not in ("required", "extensible"):
        if binding.most:
            _within_most(binding, type_, value, at, run, val)
        return
    if type_ == "Quantity" and "code" not in value and "unit" not in value:
        return
    has = in_value_set(binding.value_set, type_, value, run, val)
    if has is True:
        return
    name = _name(binding.value_set)
    if has is None:
        if binding.strength == "required":
            text = f"whether the code belongs to {name} cannot be known here"
            run.say(
                "information", "not-supported", at, "binding.unknown", text, "load the code system to have it checked"
            )
        return
    shown = _shown(value)
    if binding.strength == "required":
        if type_ == "CodeableConcept" and not value.get("coding"):
            text = f"a code of {name} is required, here is none"
        else:
            text = f"{shown}is not in the value set {name}, and a code of it is required"
        run.error("code-invalid", at, "binding.required", text, binding.value_set)
    elif type_ != "CodeableConcept" or value.get("coding"):
        text = f"{shown}is not in the value set {name}, which has to be used where a code of it fits"
        run.say("warning", "code-invalid", at, "binding.extensible", text, binding.value_set)
    if binding.most:
        _within_most(binding, type_, value, at, run, val)


def _within_most(binding: Binding, type_: str, value: Any, at: At, run: Run, val: Knowledge) -> None:
    """Check a value against the largest set that its element allows, however strong the binding is (maxValueSet)."""
    if type_ == "CodeableConcept" and not value.get("coding") and binding.strength not in ("required", "extensible"):
        return  # a text alone leaves the preferred codes aside
    if in_value_set(binding.most, type_, value, run, val) is False:
        text = f"{_shown(value)}is not in the value set {_name(binding.most)}"
        run.error("code-invalid", at, "binding.max", text, binding.most)


def check_coding(value: Any, at: At, run: Run, val: Knowledge) -> None:
    """Check that a code exists in its code system, where the whole system is here."""
    system, code = value.get("system"), value.get("code")
    if type(system) is not str or type(code) is not str or not val.value_sets.is_complete(system):
        return
    concepts = val.value_sets.system(system) or {}
    if code not in concepts:
        run.error("code-invalid", at, "coding.unknown", f"{code[:64]!r} is not a code of {system}")
