"""Where local codes stand in resources, and which code systems are standard ones."""

import csv
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from unsilo.kernel import Json

__all__ = ["ELEMENTS", "Element", "LocalCode", "category_of", "is_standard", "local_codes", "specimen_of", "standard",
           "system_name", "unit_of"]  # fmt: skip


class Element(NamedTuple):
    """A coded element: its resource type and name, the search parameter that finds it, the system that it wants.

    `category` is what suggestions are asked for, `risk` what a wrong code can do to a patient (1 little, 5 much).
    """

    type: str
    name: str
    parameter: str
    system: str
    category: str
    risk: int

    @property
    def path(self) -> str:
        """Return `Observation.code` and the like."""
        return f"{self.type}.{self.name}"


class LocalCode(NamedTuple):
    """A coding of no standard system in a concept that has no standard coding beside it."""

    element: Element
    system: str
    code: str
    label: str
    unit: str
    specimen: str
    place: int


def _rows(name: str) -> list[list[str]]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines()))[1:]


ELEMENTS: dict[str, Element] = {
    row[0]: Element(row[0], row[1], row[2], row[3], row[4], int(row[5])) for row in _rows("elements.csv")
}


@cache
def standard() -> dict[str, str]:
    """The standard code systems and what they are called."""
    return {row[0]: row[1] for row in _rows("standard_systems.csv")}


def is_standard(system: str) -> bool:
    """True for a system that others understand; HL7's own vocabularies are among them."""
    return system in standard() or system.startswith(("http://terminology.hl7.org/", "http://hl7.org/fhir/"))


def system_name(system: str) -> str:
    """Return what a system is called, or its address."""
    return standard().get(system, system)


def unit_of(resource: Json) -> str:
    """Return the unit of a measured value as it was sent."""
    value = resource.get("valueQuantity")
    return str(value.get("unit") or value.get("code") or "") if isinstance(value, dict) else ""


def specimen_of(resource: Json) -> str:
    """Return the specimen's name where the resource itself says one."""
    value = resource.get("specimen")
    return str(value.get("display") or "") if isinstance(value, dict) else ""


def category_of(element: Element, resource: Json) -> str:
    """Return the category for suggestions: an Observation's own, else that of the element."""
    for concept in resource.get("category") or ():
        for coding in (concept.get("coding") or ()) if isinstance(concept, dict) else ():
            if element.type == "Observation" and coding.get("code"):
                return str(coding["code"])
    return element.category


def codings(resource: Json) -> tuple[Element | None, list[Any]]:
    """Return the coded element of a resource and its codings."""
    element = ELEMENTS.get(str(resource.get("resourceType")))
    concept = resource.get(element.name) if element is not None else None
    found = concept.get("coding") if isinstance(concept, dict) else None
    return element, found if isinstance(found, list) else []


def local_codes(resource: Json) -> Iterator[LocalCode]:
    """Yield the local codings of a resource that has no standard coding in that place."""
    element, found = codings(resource)
    if element is None or any(is_standard(str(coding.get("system") or "")) for coding in found):
        return
    text = str(resource[element.name].get("text") or "") if found else ""
    for place, coding in enumerate(found):
        if coding.get("code"):
            yield LocalCode(
                element, str(coding.get("system") or ""), str(coding["code"]), str(coding.get("display") or text),
                unit_of(resource), specimen_of(resource), place,
            )  # fmt: skip
