"""Thirty-odd named ways to break a valid resource, each with the place where the fault must be found."""

from collections.abc import Callable
from typing import Any, NamedTuple

import validation_subjects as subjects

Json = dict[str, Any]


class Mutation(NamedTuple):
    """One way: on what, how, and the FHIRPath where an error is expected."""

    name: str
    subject: Callable[[], Json]
    breaks: Callable[[Json], object]
    path: str


def _set(*keys: Any, to: Any) -> Callable[[Json], object]:
    def act(resource: Json) -> None:
        here: Any = resource
        for key in keys[:-1]:
            here = here[key]
        here[keys[-1]] = to

    return act


def _drop(*keys: Any) -> Callable[[Json], object]:
    def act(resource: Json) -> None:
        here: Any = resource
        for key in keys[:-1]:
            here = here[key]
        del here[keys[-1]]

    return act


_P, _O, _M, _D = subjects.patient, subjects.observation, subjects.media, subjects.document

MUTATIONS: tuple[Mutation, ...] = (
    Mutation("unknown element", _P, _set("hobby", to="chess"), "Patient"),
    Mutation("unknown element of a datatype", _P, _set("name", 0, "nick", to="A"), "Patient.name[0]"),
    Mutation("unknown element of a backbone", _P, _set("contact", 0, "mood", to="A"), "Patient.contact[0]"),
    Mutation("required element missing", _O, _drop("status"), "Observation"),
    Mutation("required complex element missing", _O, _drop("code"), "Observation"),
    Mutation("required element of a backbone missing", _O, _drop("component", 0, "code"), "Observation.component[0]"),
    Mutation("required element of a datatype missing", _P, _drop("extension", 0, "url"), "Patient.extension[0]"),
    Mutation("array where one value belongs", _P, _set("gender", to=["female"]), "Patient.gender"),
    Mutation("one value where an array belongs", _P, _set("name", to={"family": "A"}), "Patient.name"),
    Mutation("empty array", _P, _set("name", to=[]), "Patient.name"),
    Mutation("empty object", _P, _set("maritalStatus", to={}), "Patient.maritalStatus"),
    Mutation("empty string", _P, _set("name", 0, "family", to=""), "Patient.name[0].family"),
    Mutation("text where an object belongs", _P, _set("maritalStatus", to="married"), "Patient.maritalStatus"),
    Mutation("object where text belongs", _P, _set("birthDate", to={"year": 1980}), "Patient.birthDate"),
    Mutation("number where text belongs", _P, _set("name", 0, "family", to=7), "Patient.name[0].family"),
    Mutation("text where a boolean belongs", _P, _set("active", to="true"), "Patient.active"),
    Mutation("text where a number belongs", _O, _set("component", 0, "valueQuantity", "value", to="127"),
             "Observation.component[0].value.ofType(Quantity).value"),
    Mutation("a date that is none", _P, _set("birthDate", to="29.02.1980"), "Patient.birthDate"),
    Mutation("a day that does not exist", _P, _set("birthDate", to="1981-02-29"), "Patient.birthDate"),
    Mutation("a time without zone", _O, _set("effectiveDateTime", to="2026-03-01T09:30:00"),
             "Observation.effective.ofType(dateTime)"),
    Mutation("an instant without time", _O, _set("issued", to="2026-03-01"), "Observation.issued"),
    Mutation("an id with a blank", _P, _set("id", to="p 1"), "Patient.id"),
    Mutation("an address with a blank", _P, _set("identifier", 0, "system", to="http://a b"),
             "Patient.identifier[0].system"),
    Mutation("a number below its type", _P, _set("telecom", 0, "rank", to=0), "Patient.telecom[0].rank"),
    Mutation("base64 that is none", _M, _set("content", "data", to="a*b="), "Media.content.data"),
    Mutation("a code that no value set has", _P, _set("gender", to="f"), "Patient.gender"),
    Mutation("a code within a datatype", _P, _set("telecom", 0, "system", to="pigeon"), "Patient.telecom[0].system"),
    Mutation("two types of one choice", _P, _set("deceasedDateTime", to="2020"), "Patient"),
    Mutation("a type that a choice does not have", _O, _set("valueAddress", to={"city": "Leeds"}), "Observation"),
    Mutation("a reference to a wrong type", _O, _set("subject", "reference", to="Practitioner/d1"),
             "Observation.subject"),
    Mutation("a reference that names another type", _O, _set("subject", "type", to="Group"), "Observation.subject"),
    Mutation("a language that is none", _P, _set("language", to="english"), "Patient.language"),
    Mutation("no fault: a language with a private part", _P, _set("language", to="de-CH-x-ward"), ""),
    Mutation("a preferred code outside of the largest set", _P,
             _set("communication", 0, "language", "coding", 0, "code", to="english"),
             "Patient.communication[0].language"),
    Mutation("samples that are no numbers", _O,
             _set("component", 0, "valueSampledData",
                  to={"origin": {"value": 0}, "period": 10, "dimensions": 1, "data": "1 -2.5 E high"}),
             "Observation.component[0].value.ofType(SampledData)"),
    Mutation("a contained resource that is not there", _P, _set("managingOrganization", "reference", to="#o2"),
             "Patient.managingOrganization"),
    Mutation("a contained resource of no type", _P, _drop("contained", 0, "resourceType"), "Patient.contained[0]"),
    Mutation("an invariant of a datatype", _P, _set("address", 0, "period", "start", to="2021"),
             "Patient.address[0].period"),
    Mutation("an invariant of a backbone", _P, _set("contact", 0, to={"gender": "male"}), "Patient.contact[0]"),
    Mutation("no fault: a reason for a missing value", _O, _set("dataAbsentReason", to={"text": "not done"}), ""),
    Mutation("an extension with value and extensions", _P,
             _set("extension", 0, "extension", to=[{"url": "http://example.org/x", "valueCode": "y"}]),
             "Patient.extension[0]"),
    Mutation("an extension with a relative address", _P, _set("extension", 0, "url", to="colour"),
             "Patient.extension[0]"),
    Mutation("a program in the narrative", _P,
             _set("text", "div", to='<div xmlns="http://www.w3.org/1999/xhtml"><script>x()</script></div>'),
             "Patient.text.div"),
    Mutation("an empty narrative", _P, _set("text", "div", to='<div xmlns="http://www.w3.org/1999/xhtml"> </div>'),
             "Patient.text.div"),
    Mutation("a null that says nothing", _P, _set("name", 0, "given", to=["Ada", None]), "Patient.name[0].given[1]"),
    Mutation("a shadow of another length", _P, _set("name", 0, "_given", to=[{"id": "a"}]), "Patient.name[0].given"),
    Mutation("an attachment of another size", _M, _set("content", "size", to=6), "Media.content"),
    Mutation("a resource type that is none", _P, _set("contained", 0, "resourceType", to="Hospital"),
             "Patient.contained[0]"),
    Mutation("a document without its author", _D, _drop("entry", 2), "Bundle.entry[0].resource.author[0]"),
    Mutation("a document that begins with something else", _D, _drop("entry", 0), "Bundle"),
    Mutation("a fullUrl that is relative", _D, _set("entry", 1, "fullUrl", to="Patient/1"), "Bundle.entry[1]"),
)  # fmt: skip
"""An empty path means that the mutation is no fault at all: it must find nothing."""
