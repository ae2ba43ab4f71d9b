"""Compiled FHIRPath over a Patient and an Observation, beside `fhirpathpy` of PyPI.

CPU time of the process, median of several windows taken in turn, both engines on the same dictionaries in the same run,
each with expressions that it has compiled before. What they answer is compared first, so that nobody is timed for
answering something else.
"""

import json
import sys
from collections.abc import Callable
from importlib import import_module
from math import exp, log
from statistics import median
from time import process_time
from typing import Any

from unsilo.fhir.path import compile_once, compile_path

WINDOWS = 7
WINDOW_SECONDS = 0.05
TARGET = 5.0

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "example",
    "meta": {"lastUpdated": "2024-01-15T14:05:51Z", "profile": ["http://example.org/p"]},
    "identifier": [
        {"use": "usual", "system": "urn:oid:1.2.36", "value": "12345", "period": {"start": "2001-05-06"}},
        {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-99-9999"},
    ],
    "active": True,
    "name": [
        {"use": "official", "family": "Chalmers", "given": ["Peter", "James"]},
        {"use": "usual", "given": ["Jim"]},
        {"use": "maiden", "family": "Windsor", "given": ["Peter", "James"], "period": {"end": "2002"}},
    ],
    "telecom": [
        {"system": "phone", "value": "(03) 5555 6473", "use": "work", "rank": 1},
        {"system": "phone", "value": "(03) 3410 5613", "use": "mobile", "rank": 2},
        {"system": "email", "value": "p.chalmers@example.org", "use": "home"},
    ],
    "gender": "male",
    "birthDate": "1974-12-25",
    "deceasedBoolean": False,
    "address": [{"use": "home", "line": ["534 Erewhon St"], "city": "PleasantVille", "postalCode": "3999"}],
    "contact": [{"name": {"family": "du Marché", "given": ["Bénédicte"]}, "gender": "female"}],
    "generalPractitioner": [{"reference": "Practitioner/1"}],
    "extension": [{"url": "http://example.org/race", "valueCode": "2106-3"}],
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "weight",
    "status": "final",
    "category": [{"coding": [{"system": "http://example.org/category", "code": "vital-signs"}]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body Weight"}]},
    "subject": {"reference": "Patient/example"},
    "effectiveDateTime": "2016-03-28",
    "valueQuantity": {"value": 185, "unit": "lbs", "system": "http://unitsofmeasure.org", "code": "[lb_av]"},
    "component": [
        {"code": {"text": "a"}, "valueQuantity": {"value": 1.5, "unit": "kg"}},
        {"code": {"text": "b"}, "valueString": "heavy"},
    ],
}  # fmt: skip

EXPRESSIONS: list[tuple[str, dict[str, Any], str]] = [
    ("path", PATIENT, "Patient.name.given"),
    ("path", PATIENT, "Patient.meta.lastUpdated"),
    ("path", OBSERVATION, "Observation.code.coding.code"),
    ("choice", OBSERVATION, "Observation.value.ofType(Quantity)"),
    ("choice", OBSERVATION, "Observation.component.value.ofType(Quantity).value"),
    ("filter", PATIENT, "Patient.name.where(use = 'official').given.first()"),
    ("filter", PATIENT, "Patient.telecom.where(system = 'phone' and use = 'work').value"),
    ("filter", PATIENT, "Patient.name.select(given | family).distinct()"),
    ("extension", PATIENT, "Patient.extension('http://example.org/race').value"),
    ("invariant", PATIENT, "Patient.contact.all(name.exists() or telecom.exists() or address.exists())"),
    ("invariant", PATIENT, "Patient.telecom.all(value.empty() or system.exists())"),
    ("invariant", OBSERVATION, "Observation.component.exists() implies status in ('final' | 'amended')"),
    ("comparison", PATIENT, "Patient.birthDate < today()"),
    ("comparison", OBSERVATION, "(Observation.value as Quantity).value > 100"),
    ("text", PATIENT, "Patient.name.first().family.upper().startsWith('CH')"),
    ("arithmetic", PATIENT, "(Patient.name.count() + 2) * 3 - 1"),
    ("tree", PATIENT, "Patient.descendants().given.count()"),
    ("conversion", PATIENT, "Patient.identifier.first().value.toInteger() + 1"),
]  # fmt: skip


def rates(calls: dict[str, Callable[[Any], object]], node: Any) -> dict[str, float]:
    """Return microseconds of CPU a call for each: the median of windows that are taken in turn."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for name in list(calls) * WINDOWS:
        call, count, start = calls[name], 0, process_time()
        while (spent := process_time() - start) < WINDOW_SECONDS:
            for _ in range(20):
                call(node)
            count += 20
        found[name].append(spent / count * 1e6)
    return {name: median(each) for name, each in found.items()}


def main() -> int:
    """Print the table; the exit status is 1 when the peer that is there is not beaten by its factor."""
    try:
        peer, model = import_module("fhirpathpy"), import_module("fhirpathpy.models").models["r4"]
    except ImportError:
        peer = model = None
        print("fhirpathpy is not installed, so it is not measured: `make bench` installs it")
    ratios: list[float] = []
    differing = []
    for kind, node, expression in EXPRESSIONS:
        ours = compile_path(expression)
        calls: dict[str, Callable[[Any], object]] = {"unsilo": ours}
        same = True
        if peer is not None:
            theirs = peer.compile(expression, model)
            same = json.dumps(ours(node), default=float) == json.dumps(theirs(node), default=float)
            calls["fhirpathpy"] = theirs
        measured = rates(calls, node)
        line = f"{kind:11} {measured['unsilo']:8.2f} us"
        if peer is not None:
            ratios.append(measured["fhirpathpy"] / measured["unsilo"])
            line += f"  fhirpathpy {measured['fhirpathpy']:8.2f} us  {ratios[-1]:6.1f} times"
        if not same:
            differing.append(expression)
            line += "  (answers differ)"
        print(f"{line}  {expression}")
    compiled = {"unsilo, text to closures": lambda _: [compile_once(e) for _, _, e in EXPRESSIONS]}
    print(f"compiling    {rates(compiled, None)['unsilo, text to closures'] / len(EXPRESSIONS):8.2f} us an expression")
    if not ratios:
        return 0
    mean = exp(sum(map(log, ratios)) / len(ratios))
    ends = f"least {min(ratios):.1f}, most {max(ratios):.1f}; asked {TARGET:g}"
    print(f"unsilo is {mean:.1f} times as fast (geometric mean; {ends})")
    if mean < TARGET or differing:
        print(f"not reached; answers differ for {differing}" if differing else "not reached", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
