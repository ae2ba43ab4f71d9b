"""A made-up population for measurements: the same resources for the same seed, in sizes and shares like a clinic's.

python -m bench.population                      # count, bytes and digest of 5,000 patients' 110,000 resources
python -m bench.population --patients 50000     # 1,100,000 resources
python -m bench.population --write people.ndjson
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench._vocabulary import (
    CITIES,
    CONDITIONS,
    CORE,
    CVX,
    DRUGS,
    GIVEN,
    HEADS,
    HL7,
    LABS,
    LOINC,
    MIDDLES,
    MRN,
    NPI,
    PANELS,
    PROCEDURES,
    RXNORM,
    SMOKING,
    SNOMED,
    SSN,
    STREETS,
    TAILS,
    UCUM,
    VACCINES,
    VITALS,
)  # fmt: skip
from unsilo.kernel.json import encode

__all__ = ["EACH", "Resource", "bundle", "families", "people", "staff"]

Resource = dict[str, Any]
EACH = 22
"""Resources for each patient on average, with the shared practitioners and organisations."""

_END = datetime(2026, 6, 30)


def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _at(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S}+00:00"


@cache
def families() -> tuple[str, ...]:
    """List the family names, those first that more people have."""
    made = [f"{head}{middle}{tail}" for middle in MIDDLES for tail in TAILS for head in HEADS]
    random.Random(5).shuffle(made)
    return tuple(made[:4000])


def staff(patients: int, seed: int = 1) -> Iterator[Resource]:
    """Yield the organisations and practitioners that a population of this size shares (one in 40 and one in 10)."""
    draw = random.Random(seed * 7919)
    names = families()
    for n in range(max(patients // 40, 1)):
        city, state, zip_ = CITIES[n % len(CITIES)]
        yield {
            "resourceType": "Organization", "id": f"o{n}", "meta": {"profile": [f"{CORE}organization"]},
            "identifier": [{"system": NPI, "value": f"{1000000000 + n}"}], "active": True,
            "type": [_concept(f"{HL7}organization-type", "prov", "Healthcare Provider")],
            "name": f"{names[n]} {draw.choice(('Clinic', 'Hospital', 'Medical Group', 'Health Center'))}",
            "telecom": [{"system": "phone", "value": f"555-{n:07d}"}],
            "address": [{"line": [f"{1 + n} {STREETS[n % 10]} Street"], "city": city, "state": state,
                         "postalCode": f"{zip_}{n % 1000:03d}", "country": "US"}],
        }  # fmt: skip
    for n in range(max(patients // 10, 1)):
        family, given = names[draw.randrange(len(names))], draw.choice(GIVEN)
        yield {
            "resourceType": "Practitioner", "id": f"d{n}", "meta": {"profile": [f"{CORE}practitioner"]},
            "identifier": [{"system": NPI, "value": f"{2000000000 + n}"}], "active": True,
            "name": [{"family": family, "given": [given], "prefix": ["Dr."]}],
            "gender": draw.choice(("male", "female")),
            "telecom": [{"system": "email", "value": f"{given}.{family}{n}@example.org".lower(), "use": "work"}],
        }  # fmt: skip


class _Person:
    """One patient being made: draws, dates, and what all the resources share."""

    def __init__(self, number: int, patients: int, seed: int, budget: int) -> None:
        self.number, self.budget = number, budget
        self.draw = random.Random(seed * 1_000_003 + number)
        self.id = f"p{number}"
        self.subject = {"reference": f"Patient/{self.id}"}
        self.doctors, self.places = max(patients // 10, 1), max(patients // 40, 1)
        self.count = 0
        self.names = families()

    def name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.number}-{self.count}"

    def doctor(self) -> Resource:
        return {"reference": f"Practitioner/d{self.draw.randrange(self.doctors)}"}

    def patient(self) -> Resource:
        draw, n = self.draw, self.number
        family = self.names[min(int(draw.paretovariate(0.7)) - 1, len(self.names) - 1)]
        given = draw.sample(GIVEN, 2)
        gender = draw.choice(("male", "female"))
        born = date(1930, 1, 1) + timedelta(days=draw.randrange(34_000))
        city, state, zip_ = draw.choice(CITIES)
        race, code = draw.choice((("White", "2106-3"), ("Black or African American", "2054-5"), ("Asian", "2028-9")))
        made: Resource = {
            "resourceType": "Patient", "id": self.id, "meta": {"profile": [f"{CORE}patient"]},
            "extension": [{"url": f"{CORE}race", "extension": [
                {"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": code,
                                                       "display": race}},
                {"url": "text", "valueString": race}]}],
            "identifier": [
                {"use": "usual", "type": _concept(f"{HL7}v2-0203", "MR", "Medical Record Number"), "system": MRN,
                 "value": f"MRN{n:07d}"},
                {"type": _concept(f"{HL7}v2-0203", "SS", "Social Security Number"), "system": SSN,
                 "value": f"999-{n // 10000 % 100:02d}-{n % 10000:04d}"}],
            "active": True, "name": [{"use": "official", "family": family, "given": given}],
            "telecom": [{"system": "phone", "value": f"555-{draw.randrange(10**7):07d}", "use": "home"},
                        {"system": "email", "value": f"{given[0]}.{family}.{n}@example.org".lower()}],
            "gender": gender, "birthDate": born.isoformat(),
            "address": [{"use": "home", "line": [f"{draw.randrange(1, 999)} {draw.choice(STREETS)} Street"],
                         "city": city, "state": state, "postalCode": f"{zip_}{draw.randrange(1000):03d}",
                         "country": "US"}],
            "maritalStatus": _concept(
                f"{HL7}v3-MaritalStatus", *draw.choice((("M", "Married"), ("S", "Never Married")))),
            "communication": [{"language": _concept("urn:ietf:bcp:47", "en-US", "English (United States)")}],
            "generalPractitioner": [self.doctor()],
            "managingOrganization": {"reference": f"Organization/o{draw.randrange(self.places)}"},
        }  # fmt: skip
        if draw.random() < 0.06:
            made["deceasedDateTime"] = _at(_END - timedelta(days=draw.randrange(900)))
        return made

    def visit(self) -> Iterator[Resource]:
        """Yield an encounter and what happened there."""
        draw = self.draw
        when = _END - timedelta(minutes=draw.randrange(6 * 365 * 24 * 60))
        encounter = self.name("e")
        here = {"reference": f"Encounter/{encounter}"}
        kind, code, display = draw.choice((("AMB", "185349003", "Encounter for check up"),
                                           ("AMB", "390906007", "Follow-up encounter"),
                                           ("EMER", "50849002", "Emergency room admission"),
                                           ("IMP", "183452005", "Emergency hospital admission")))  # fmt: skip
        doctor = self.doctor()
        yield {
            "resourceType": "Encounter", "id": encounter, "meta": {"profile": [f"{CORE}encounter"]},
            "identifier": [{"system": f"{MRN}.2", "value": f"V{encounter}"}], "status": "finished",
            "class": {"system": f"{HL7}v3-ActCode", "code": kind}, "type": [_concept(SNOMED, code, display)],
            "subject": self.subject, "participant": [{"individual": doctor}],
            "period": {"start": _at(when), "end": _at(when + timedelta(minutes=draw.randrange(20, 4000)))},
            "serviceProvider": {"reference": f"Organization/o{draw.randrange(self.places)}"},
        }  # fmt: skip
        if draw.random() < 0.45:
            yield self.condition(when, here)
        if draw.random() < 0.45:
            yield self.medication(when, here, doctor)
        if draw.random() < 0.35:
            yield self.procedure(when, here, doctor)
        if draw.random() < 0.3:
            yield self.immunization(when, here)
        yield self.pressure(when, here)
        for vital in draw.sample(VITALS, draw.randint(1, 3)):
            yield self.observation("vital-signs", "Vital Signs", vital, when, here, doctor)
        if draw.random() < 0.75:
            yield from self.panel(when + timedelta(minutes=30), here, doctor)
        if draw.random() < 0.2:
            yield self.smoking(when, here)

    def _of(self, kind: str, letter: str, here: Resource, profile: str) -> Resource:
        return {"resourceType": kind, "id": self.name(letter), "meta": {"profile": [f"{CORE}{profile}"]},
                "status": "final" if kind in ("Observation", "DiagnosticReport") else "completed",
                "subject": self.subject, "encounter": here}  # fmt: skip

    def observation(
        self, category: str, shown: str, what: tuple[Any, ...], when: datetime, here: Resource, doctor: Resource
    ) -> Resource:
        code, display, unit, mean, spread, places = what[:6]
        value = f"{max(self.draw.gauss(mean, spread), mean / 4):.{places}f}"
        high, low = f"{mean + 2 * spread:.{places}f}", f"{max(mean - 2 * spread, 0):.{places}f}"
        made = self._of("Observation", "b", here, f"observation-{category}")
        made |= {
            "category": [_concept(f"{HL7}observation-category", category, shown)],
            "code": _concept(LOINC, code, display), "effectiveDateTime": _at(when),
            "issued": _at(when + timedelta(minutes=40)), "performer": [doctor],
            "valueQuantity": {"value": Decimal(value), "unit": unit, "system": UCUM, "code": unit},
        }  # fmt: skip
        if category == "laboratory":
            flag, word = ("H", "High") if float(value) > float(high) else ("N", "Normal")
            made["interpretation"] = [_concept(f"{HL7}v3-ObservationInterpretation", flag, word)]
            made["referenceRange"] = [
                {"low": {"value": Decimal(low), "unit": unit, "system": UCUM, "code": unit},
                 "high": {"value": Decimal(high), "unit": unit, "system": UCUM, "code": unit}}]  # fmt: skip
        return made

    def pressure(self, when: datetime, here: Resource) -> Resource:
        made = self._of("Observation", "b", here, "blood-pressure")
        parts = (("8480-6", "Systolic blood pressure", 126, 16), ("8462-4", "Diastolic blood pressure", 78, 10))
        made |= {
            "category": [_concept(f"{HL7}observation-category", "vital-signs", "Vital Signs")],
            "code": _concept(LOINC, "85354-9", "Blood pressure panel with all children optional"),
            "effectiveDateTime": _at(when),
            "component": [
                {"code": _concept(LOINC, code, display),
                 "valueQuantity": {"value": round(self.draw.gauss(mean, spread)), "unit": "mm[Hg]", "system": UCUM,
                                   "code": "mm[Hg]"}}
                for code, display, mean, spread in parts],
        }  # fmt: skip
        return made

    def smoking(self, when: datetime, here: Resource) -> Resource:
        made = self._of("Observation", "b", here, "smokingstatus")
        return made | {
            "category": [_concept(f"{HL7}observation-category", "social-history", "Social History")],
            "code": _concept(LOINC, "72166-2", "Tobacco smoking status"), "effectiveDateTime": _at(when),
            "valueCodeableConcept": _concept(SNOMED, *self.draw.choice(SMOKING)),
        }  # fmt: skip

    def panel(self, when: datetime, here: Resource, doctor: Resource) -> Iterator[Resource]:
        name = self.draw.choice(list(PANELS))
        results = [
            self.observation("laboratory", "Laboratory", test, when, here, doctor) for test in LABS if test[6] == name
        ]
        yield from results
        made = self._of("DiagnosticReport", "r", here, "diagnosticreport-lab")
        yield made | {
            "category": [_concept(f"{HL7}v2-0074", "LAB", "Laboratory")], "code": _concept(LOINC, *PANELS[name]),
            "effectiveDateTime": _at(when), "issued": _at(when + timedelta(hours=1)), "performer": [doctor],
            "result": [{"reference": f"Observation/{one['id']}", "display": one["code"]["text"]} for one in results],
        }  # fmt: skip

    def condition(self, when: datetime, here: Resource) -> Resource:
        made = self._of("Condition", "c", here, "condition-encounter-diagnosis")
        del made["status"]
        state = self.draw.choice(("active", "active", "resolved"))
        made |= {
            "clinicalStatus": _concept(f"{HL7}condition-clinical", state, state.title()),
            "verificationStatus": _concept(f"{HL7}condition-ver-status", "confirmed", "Confirmed"),
            "category": [_concept(f"{HL7}condition-category", "encounter-diagnosis", "Encounter Diagnosis")],
            "code": _concept(SNOMED, *self.draw.choice(CONDITIONS)), "onsetDateTime": _at(when),
            "recordedDate": _at(when),
        }  # fmt: skip
        if state == "resolved":
            made["abatementDateTime"] = _at(when + timedelta(days=self.draw.randrange(5, 200)))
        return made

    def medication(self, when: datetime, here: Resource, doctor: Resource) -> Resource:
        made = self._of("MedicationRequest", "m", here, "medicationrequest")
        return made | {
            "status": self.draw.choice(("active", "completed", "stopped")), "intent": "order",
            "medicationCodeableConcept": _concept(RXNORM, *self.draw.choice(DRUGS)), "authoredOn": _at(when),
            "requester": doctor,
            "dosageInstruction": [{"text": "Take one by mouth once daily",
                                   "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                                   "doseAndRate": [{"doseQuantity": {"value": 1}}]}],
        }  # fmt: skip

    def procedure(self, when: datetime, here: Resource, doctor: Resource) -> Resource:
        made = self._of("Procedure", "q", here, "procedure")
        return made | {
            "code": _concept(SNOMED, *self.draw.choice(PROCEDURES)), "performer": [{"actor": doctor}],
            "performedPeriod": {"start": _at(when), "end": _at(when + timedelta(minutes=self.draw.randrange(10, 90)))},
        }  # fmt: skip

    def immunization(self, when: datetime, here: Resource) -> Resource:
        made = self._of("Immunization", "i", here, "immunization")
        del made["subject"]
        return made | {
            "vaccineCode": _concept(CVX, *self.draw.choice(VACCINES)), "patient": self.subject,
            "occurrenceDateTime": _at(when), "primarySource": True, "lotNumber": f"L{self.draw.randrange(10**6)}",
        }  # fmt: skip

    def all(self) -> list[Resource]:
        made = [self.patient()]
        while len(made) < self.budget:
            made += self.visit()
        return made[: self.budget]


def people(patients: int, seed: int = 1, each: int = EACH) -> Iterator[list[Resource]]:
    """Yield each patient's resources; with `staff` there are `patients * each` in all, few for many, many for few."""
    shared = max(patients // 40, 1) + max(patients // 10, 1)
    draw = random.Random(seed)
    weights = [draw.lognormvariate(0, 0.7) for _ in range(patients)]
    least, total = 4, patients * each - shared
    share = (total - least * patients) / sum(weights)
    owed = 0.0
    for number, weight in enumerate(weights):
        owed += least + weight * share
        budget = round(owed) if number < patients - 1 else total
        owed -= budget
        total -= budget
        yield _Person(number, patients, seed, budget).all()


def bundle(resources: list[Resource], *, post: bool = False) -> Resource:
    """Return a transaction: PUT under the resources' own ids, or POST with `urn:uuid` between the entries."""
    if not post:
        entries = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in resources
        ]
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    names = {f"{one['resourceType']}/{one['id']}": _urn(one) for one in resources}
    entries = [
        {"fullUrl": _urn(one), "resource": _renamed({k: v for k, v in one.items() if k != "id"}, names),
         "request": {"method": "POST", "url": one["resourceType"]}}
        for one in resources
    ]  # fmt: skip
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _urn(one: Resource) -> str:
    text = sha256(f"{one['resourceType']}/{one['id']}".encode()).hexdigest()
    return f"urn:uuid:{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            k: names.get(v, v) if k == "reference" and isinstance(v, str) else _renamed(v, names)
            for k, v in value.items()
        }
    return [_renamed(one, names) for one in value] if isinstance(value, list) else value


def main() -> None:
    """Print what the population is, and its digest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="write the resources as NDJSON")
    asked = parser.parse_args()
    digest, size, kinds = sha256(), 0, Counter[str]()
    out = asked.write.open("wb") if asked.write else None
    began = time.perf_counter()
    for group in (list(staff(asked.patients, asked.seed)), *people(asked.patients, asked.seed)):
        for one in group:
            line = encode(one) + b"\n"
            digest.update(line)
            size += len(line)
            kinds[one["resourceType"]] += 1
            if out:
                out.write(line)
    if out:
        out.close()
    total = sum(kinds.values())
    sys.stdout.write(
        f"{total:,} resources, {size:,} bytes ({size // total} each) in {time.perf_counter() - began:.1f} s; "
        f"sha256 {digest.hexdigest()[:16]}\n{dict(kinds.most_common())}\n"
    )


if __name__ == "__main__":
    main()
