"""Environment variables: `%resource`, `%ucum`, `%vs-...` and those that the caller gives (FHIRPath N1, 9)."""

from typing import Final

from unsilo.fhir.path.context import Site, State
from unsilo.fhir.path.kinds import STRING, Items, kind_of
from unsilo.fhir.path.registry import ExprRun

__all__ = ["CONSTANTS", "variable"]

CONSTANTS: Final = {
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "ucum": "http://unitsofmeasure.org",
}
_PREFIXES: Final = (
    ("vs-", "http://hl7.org/fhir/ValueSet/"),
    ("ext-", "http://hl7.org/fhir/StructureDefinition/"),
)


def variable(name: str, site: Site) -> ExprRun:
    """Return what gives the value of a variable; one that is not known is an error when it is evaluated."""
    if name in CONSTANTS:
        return _constant(CONSTANTS[name])
    for prefix, base in _PREFIXES:
        if name.startswith(prefix):
            return _constant(base + name.removeprefix(prefix))
    if name == "resource":
        return lambda state: [state.resource]
    if name == "rootResource":
        return lambda state: [state.root]
    if name == "context":
        return lambda state: [state.input]

    def run(state: State) -> Items:
        named = state.names.get(name)
        if named is not None:
            return named
        given = state.context.variables
        if name not in given:
            site.fail("there is no such variable")
        value = given[name]
        values = value if isinstance(value, list) else [] if value is None else [value]
        return [each if isinstance(each, tuple) else (each, kind_of(each), None) for each in values]

    return run


def _constant(text: str) -> ExprRun:
    found: Items = [(text, STRING, None)]
    return lambda state: found
