"""The resources of one person, found by reference, and what a conversion gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from unsilo.kernel import Issue, Json, Where
from unsilo.mapping.outward.shape import fitting

__all__ = ["Made", "Record", "codings", "gather", "items", "joined", "lost", "misshapen", "read"]


class Made(msgspec.Struct):
    """What came of a person: the documents or messages, how many resources they carry, and what they do not."""

    contents: list[bytes]
    carried: int
    issues: list[Issue]


class Record:
    """The resources of one person and those that they refer to, by type and by reference.

    `odd` are the paths of what is not as R4 has it and was left out. By identity of the resource: `used`, the elements
    that were carried, and `groups`, the observations that stand together.
    """

    def __init__(self, patient: Json, resources: list[Json], urls: dict[str, Json]) -> None:
        self.patient, self.resources, self.urls = patient, resources, urls
        self.used: dict[int, set[str]] = {}
        self.groups: dict[int, list[Json]] = {}
        self.odd: list[str] = []

    def of(self, kind: str) -> list[Json]:
        """The resources of a type."""
        return [one for one in self.resources if one["resourceType"] == kind]

    def resolve(self, reference: Any) -> Json | None:
        """The resource that a Reference is to: by full URL, by type and id, in the resource, or by identifier."""
        if not isinstance(reference, dict):
            return None
        text = reference.get("reference")
        if isinstance(text, str):
            found = self.urls.get(text) or self.urls.get(text.partition("/_history")[0])
            if found is None and "?identifier=" in text:
                kind, _, wanted = text.partition("?identifier=")
                found = self.urls.get(f"{kind}#{wanted}")
            if found is None and "://" in text:
                found = self.urls.get("/".join(text.split("/")[-2:]))
            if found is not None:
                return found
        named = reference.get("identifier")
        if isinstance(named, dict):
            return self.urls.get(f"#{named.get('system', '')}|{named.get('value', '')}")
        return None

    def note(self, resource: Json, names: Iterable[str]) -> None:
        """Say that elements of a resource are carried."""
        self.used.setdefault(id(resource), set()).update(names)


def gather(bundle: Json) -> list[Record]:
    """Return one record for each Patient of a Bundle (or of a single resource); what names no patient is in all.

    A resource is a patient's where its subject or patient refers to them; with one Patient all are theirs.
    """
    entries = items(bundle.get("entry")) if bundle.get("resourceType") == "Bundle" else [{"resource": bundle}]
    resources: list[Json] = []
    urls: dict[str, Json] = {}
    odd: list[str] = []
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            continue
        resource = fitting(resource, odd)
        resources.append(resource)
        kind = resource["resourceType"]
        address = entry.get("fullUrl")
        if isinstance(address, str):
            urls.setdefault(address, resource)
        if isinstance(resource.get("id"), str):
            urls.setdefault(f"{kind}/{resource['id']}", resource)
        for item in _objects(resource.get("identifier")):
            name = f"{item.get('system', '')}|{item.get('value', '')}"
            urls.setdefault(f"{kind}#{name}", resource)
            urls.setdefault(f"#{name}", resource)
    patients = [one for one in resources if one["resourceType"] == "Patient"]
    records = []
    for patient in patients:
        record = Record(patient, [], urls)
        record.odd = odd
        for one in resources:
            held = _owner(record, one)
            if one is not patient and one["resourceType"] != "Patient" and (held is patient or held is None):
                record.resources.append(one)
        records.append(record)
    return records


def joined(resources: list[Json]) -> Record:
    """Return the record of one person of whom there are several Patients: the first, with what the others add.

    ValueError without a Patient.
    """
    patients = [one for one in resources if one["resourceType"] == "Patient"]
    if not patients:
        raise ValueError("there is no Patient")
    first = dict(patients[0])
    for other in patients[1:]:
        for name in ("identifier", "name", "telecom", "address", "communication", "contact"):
            held = [one for one in items(other.get(name)) if one not in items(first.get(name))]
            if held:
                first[name] = [*items(first.get(name)), *held]
        for name, value in other.items():
            first.setdefault(name, value)
    rest = [one for one in resources if one["resourceType"] != "Patient"]
    record = gather({"resourceType": "Bundle", "entry": [{"resource": one} for one in (first, *rest)]})[0]
    for other in patients[1:]:
        record.urls[f"Patient/{other.get('id', '')}"] = first
    record.resources = rest
    return record


def _owner(record: Record, resource: Json) -> Json | None:
    for name in ("subject", "patient", "beneficiary"):
        found = record.resolve(resource.get(name))
        if found is not None and found["resourceType"] == "Patient":
            return found
    return None


def items(value: Any) -> list[Any]:
    """A list as it is, one thing as a list of it, nothing as an empty one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _objects(value: Any) -> Iterator[Json]:
    yield from (item for item in items(value) if isinstance(item, dict))


def read(node: Any, path: str) -> list[Any]:
    """The values at a dotted path, lists opened; `name[x]` is an element of any type, given with its type's name.

    `name[1]` is the first of a list only, `.` the node itself.
    """
    found = [node]
    for step in path.split(".") if path not in (".", "") else ():
        new: list[Any] = []
        for one in found:
            if not isinstance(one, dict):
                continue
            if step.endswith("[x]"):
                stem = step[:-3]
                new += [(key[len(stem) :], value) for key, value in one.items() if _choice(key, stem)]
                continue
            value = one.get(step.removesuffix("[1]"))
            many = value if isinstance(value, list) else [] if value is None else [value]
            new += many[:1] if step.endswith("[1]") else many
        found = new
    return found


def codings(node: Any, path: str) -> list[Json]:
    """The objects at a dotted path."""
    return [one for one in read(node, path) if isinstance(one, dict)]


def _choice(key: str, stem: str) -> bool:
    return key.startswith(stem) and key[len(stem) : len(stem) + 1].isupper()


def misshapen(record: Record) -> list[Issue]:
    """Name what was left out because it is not as R4 has it."""
    return [
        lost(path, f"{path} is not as FHIR R4 has it ({count} of them) and was left out", "outward.shape")
        for path, count in sorted(Counter(record.odd).items())
    ]


def lost(where: str, text: str, rule: str) -> Issue:
    """Say what could not be carried."""
    return Issue("warning", "not-supported", text, Where(where), "", rule)
