"""Extensions against their definitions: known, allowed here, of the right form (FHIR R4 extensibility.html)."""

from __future__ import annotations

import re

from unsilo.kernel import Json
from unsilo.validation.knowledge import Knowledge
from unsilo.validation.place import At
from unsilo.validation.run import Run
from unsilo.validation.shape import Field
from unsilo.validation.shapes import Structure

__all__ = ["check"]

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:", re.ASCII)
_HL7 = "http://hl7.org/fhir/StructureDefinition/"


def check(field: Field, value: Json, at: At, run: Run, val: Knowledge) -> None:
    """Check one extension by its address."""
    url = value.get("url")
    if type(url) is not str or not url:
        return
    holder = at.parent
    nested = holder is not None and holder.type == "Extension"
    if _ABSOLUTE.match(url) is None:
        if not nested:
            run.error("value", at, "extension.url", "Extension.url must be an absolute address")
        return
    found = val.shapes.structure(url)
    if found is None:
        if field.name == "modifierExtension":
            text = f"nothing is known of the modifier extension {url}, so what it changes cannot be understood"
            run.say("warning", "not-supported", at, "extension.modifier", text)
        else:
            severity = "warning" if url.startswith(_HL7) else "information"
            text = f"nothing is known of the extension {url}: its content was not checked"
            run.say(severity, "not-supported", at, "extension.unknown", text)  # type: ignore[arg-type]
        return
    if found.type != "Extension":
        run.error("value", at, "extension.definition", f"{url} defines a {found.type}, no extension")
        return
    shape = val.shapes.of_profile(url)
    if shape is not None:
        val.check_shape(shape, value, at, run)
    if holder is not None:
        _context(found, holder, at, run, val)
    if found.modifier != (field.name == "modifierExtension"):
        where = "modifierExtension" if found.modifier else "extension"
        run.error("structure", at, "extension.modifier", f"{url} belongs into {where}")


def _context(definition: Structure, holder: At, at: At, run: Run, val: Knowledge) -> None:
    """Check that the extension may stand where it does (StructureDefinition.context)."""
    if not definition.contexts:
        return
    places = _places(holder, val)
    for kind, said in definition.contexts:
        if kind == "fhirpath":
            return  # told by an expression over the whole resource, which the rule itself repeats
        if kind == "extension":
            if holder.type == "Extension":
                return
        elif said in places or said.partition("#")[2] in places:
            return
    allowed = ", ".join(said for _, said in definition.contexts)
    text = f"the extension {definition.url} is not allowed here; allowed: {allowed}"
    run.error("structure", at, "extension.context", text)


def _places(holder: At, val: Knowledge) -> set[str]:
    """Return every name under which a context may mean this element: its path, its type, and the bases of that."""
    steps: list[str] = []
    here: At | None = holder
    top = ""
    while here is not None:
        if here.type in val.resources or here.parent is None:
            top = here.type or here.step
            break
        steps.append(here.step)
        here = here.parent
    steps.reverse()
    plain = [step.partition(".ofType(")[0] for step in steps]
    choice = [f"{step.partition('.ofType(')[0]}[x]" if ".ofType(" in step else step for step in steps]
    names = {".".join((top, *plain)), ".".join((top, *choice)), "Element", *val.bases(holder.type)}
    if not steps:
        names |= {top, "Resource", "DomainResource", "CanonicalResource", "MetadataResource"}
    # An element of a datatype may be meant by the datatype's own path (`Coding.system`).
    here = holder
    tail: list[str] = []
    while here is not None and here.parent is not None:
        tail.insert(0, here.step.partition(".ofType(")[0])
        here = here.parent
        if here.type:
            names.add(".".join((here.type, *tail)))
    return names
