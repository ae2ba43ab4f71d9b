"""A small random hospital with every kind of search value, and random queries over it."""

from random import Random
from typing import Any

Json = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"
LABEL = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_FAMILY = ("Müller", "Muller", "Smith", "smithson", "O'Neil", "Ærø", "王", "Smi,th", "A|B$C\\D", "de la Cruz")
_GIVEN = ("Ann", "Anna", "ANN", "Élodie", "Bo", "Jean-Luc")
_CODES = ("8867-4", "718-7", "2345-7", "AbC", "abc")
_TEXTS = ("Heart rate", "Haemoglobin", "heart failure", "Blood")
_DATES = (
    "2019", "2020", "2020-02", "2020-02-29", "2020-02-29T12:00:00Z", "2020-02-29T23:30:00-02:00", "2020-03",
    "2020-03-01", "2020-03-01T00:00:00.5Z", "2021-12-31", "2021",
)  # fmt: skip
_UNITS = (("mg", UCUM, "mg"), ("g", UCUM, "g"), ("mg/dL", UCUM, "mg/dL"), ("Cel", UCUM, "Cel"), ("drops", "", ""),
          ("x", "urn:own", "x"), ("K", UCUM, "K"))  # fmt: skip


def _concept(r: Random) -> Json:
    codings = [
        {"system": r.choice((LOINC, "urn:local", LOINC)), "code": r.choice(_CODES), "display": r.choice(_TEXTS)}
        for _ in range(r.randint(0, 2))
    ]
    for coding in codings:
        if r.random() < 0.15:
            del coding["system"]
    made: Json = {"coding": codings} if codings else {}
    if r.random() < 0.5:
        made["text"] = r.choice(_TEXTS)
    return made


def _quantity(r: Random) -> Json:
    unit, system, code = r.choice(_UNITS)
    made: Json = {"value": r.choice((1, 5, 5.4, 99.5, 100, 100.4, 0.005, 37, 310.15, -3)), "unit": unit}
    if system:
        made |= {"system": system, "code": code}
    if r.random() < 0.15:
        made["comparator"] = r.choice(("<", "<=", ">", ">="))
    return made


def _effective(r: Random) -> Json:
    kind = r.random()
    if kind < 0.6:
        return {"effectiveDateTime": r.choice(_DATES)}
    if kind < 0.9:
        a, b = sorted((r.choice(_DATES), r.choice(_DATES)))
        period = {"start": a, "end": b}
        if r.random() < 0.4:
            del period[r.choice(("start", "end"))]
        return {"effectivePeriod": period}
    return {}


def _meta(r: Random) -> Json:
    meta: Json = {}
    if r.random() < 0.3:
        meta["security"] = [{"system": LABEL, "code": r.choice(("R", "N", "r"))}]
    if r.random() < 0.3:
        meta["tag"] = [{"system": "urn:tag", "code": r.choice("ab")}]
    if r.random() < 0.2:
        meta["profile"] = [r.choice(("http://x.org/p/a", "http://x.org/p/a/b", "http://x.org/q"))]
    return {"meta": meta} if meta else {}


def _patient(r: Random, n: int) -> Json:
    made: Json = {"resourceType": "Patient", "id": f"p{n}", **_meta(r)}
    if r.random() < 0.9:
        names = [{"family": r.choice(_FAMILY), "given": [r.choice(_GIVEN)]} for _ in range(r.randint(1, 2))]
        made["name"] = names
    if r.random() < 0.8:
        made["birthDate"] = r.choice(("1970", "1970-06", "1970-06-15", "1980-01-01", "2001-12-31"))
    if r.random() < 0.8:
        made["gender"] = r.choice(("male", "female"))
    made["identifier"] = [{
        "system": r.choice(("urn:mrn", "urn:ssn")), "value": f"{n % 7}",
        "type": {"coding": [{"system": V2_0203, "code": "MR"}], "text": "Record"},
    }]  # fmt: skip
    if r.random() < 0.3:
        made["managingOrganization"] = {"reference": f"Organization/o{r.randint(0, 3)}"}
    if r.random() < 0.2:
        made["generalPractitioner"] = [{"reference": f"Practitioner/d{r.randint(0, 3)}"}]
    return made


def _observation(r: Random, n: int, patients: int) -> Json:
    made: Json = {
        "resourceType": "Observation", "id": f"b{n}", "status": r.choice(("final", "amended")), "code": _concept(r),
        **_effective(r), **_meta(r),
    }  # fmt: skip
    if r.random() < 0.9:
        made["subject"] = {"reference": f"Patient/p{r.randint(0, patients)}"}
    elif r.random() < 0.5:
        made["subject"] = {"identifier": {"system": "urn:mrn", "value": str(r.randint(0, 6))}}
    if r.random() < 0.7:
        made["valueQuantity"] = _quantity(r)
    elif r.random() < 0.5:
        made["valueCodeableConcept"] = _concept(r)
    if r.random() < 0.3:
        made["component"] = [{"code": _concept(r), "valueQuantity": _quantity(r)} for _ in range(2)]
    if r.random() < 0.3:
        made["encounter"] = {"reference": f"Encounter/e{r.randint(0, patients)}"}
    if r.random() < 0.2:
        made["derivedFrom"] = [{"reference": f"Observation/b{r.randint(0, n)}"}]
    if r.random() < 0.1:
        made["performer"] = [{"reference": f"Patient/p{r.randint(0, patients)}"}]
    return made


def hospital(seed: int, patients: int = 12) -> list[Json]:
    """Return resources in the order in which they are stored."""
    r = Random(seed)
    made: list[Json] = [
        {"resourceType": "Organization", "id": f"o{n}", "name": r.choice(_FAMILY), "address": [{"city": "Wien"}]}
        | ({"partOf": {"reference": f"Organization/o{n - 1}"}} if n else {})
        for n in range(4)
    ]
    made += [
        {"resourceType": "Practitioner", "id": f"d{n}", "name": [{"family": r.choice(_FAMILY)}], "gender": "female"}
        for n in range(3)
    ]
    made += [
        {"resourceType": "Location", "id": f"l{n}", "position": {"latitude": 48.2 + n / 10, "longitude": 16.3}}
        for n in range(5)
    ]
    made += [_patient(r, n) for n in range(patients)]
    for n in range(patients):
        made.append({
            "resourceType": "Encounter", "id": f"e{n}", "status": "finished", "class": {"code": "AMB"},
            "subject": {"reference": f"Patient/p{r.randint(0, patients - 1)}"},
            "period": {"start": r.choice(_DATES)}, **_meta(r),
        })  # fmt: skip
        made.append({
            "resourceType": "Condition", "id": f"c{n}", "subject": {"reference": f"Patient/p{r.randint(0, patients)}"},
            "code": _concept(r), **_meta(r),
        })  # fmt: skip
        made.append({
            "resourceType": "RiskAssessment", "id": f"r{n}", "status": "final",
            "subject": {"reference": f"Patient/p{n}"},
            "prediction": [{"probabilityDecimal": r.choice((0.8, 0.75, 0.84, 0.85, 100))}],
        })  # fmt: skip
    made += [_observation(r, n, patients) for n in range(patients * 4)]
    made.append({
        "resourceType": "List", "id": "k1", "status": "current", "mode": "working",
        "entry": [{"item": {"reference": f"Patient/p{n}"}} for n in range(0, patients, 3)],
    })  # fmt: skip
    made.append({"resourceType": "ValueSet", "id": "v1", "url": "http://x.org/vs/a", "status": "active"})
    made.append({"resourceType": "ValueSet", "id": "v2", "url": "http://x.org/vs/a/b", "status": "active"})
    made.append({"resourceType": "Questionnaire", "id": "q1", "url": "http://x.org/q/1", "status": "active"})
    made.append({
        "resourceType": "QuestionnaireResponse", "id": "qr1", "questionnaire": "http://x.org/q/1|2",
        "status": "completed", "subject": {"reference": "Patient/p1"},
    })  # fmt: skip
    return made


_PREFIX = ("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


def _date(r: Random) -> str:
    return r.choice(_PREFIX) + r.choice((*_DATES, "1970", "1970-06", "1970-06-15", "2020-02-29T12:00Z"))


def _number(r: Random) -> str:
    return r.choice(_PREFIX) + r.choice(
        ("5", "5.4", "100", "99.5", "1e2", "0.8", "0.80", "0.005", "37", "310.15", "-3")
    )


def _amount(r: Random) -> str:
    unit = r.choice(("", f"|{UCUM}|mg", f"|{UCUM}|g", "||mg", "||drops", "|urn:own|x", f"|{UCUM}|K", f"|{UCUM}|Cel"))
    return _number(r) + unit


def _code(r: Random) -> str:
    code = r.choice((*_CODES, "ABC"))
    return r.choice((code, f"{LOINC}|{code}", f"|{code}", f"{LOINC}|", f"{code},{r.choice(_CODES)}",
                     f"{LOINC}|{code},urn:local|{r.choice(_CODES)}", f"{code},{LOINC}|{r.choice(_CODES)}"))  # fmt: skip


def _escaped(text: str) -> str:
    for sign in "\\,|$":
        text = text.replace(sign, "\\" + sign)
    return text


def _name(r: Random) -> str:
    text = r.choice((*_FAMILY, "smi", "mu", "an", "ELODIE"))
    return _escaped(text if r.random() < 0.5 else text[: r.randint(1, 3)])


def _of_patient(r: Random, patients: int = 12) -> tuple[str, str]:
    n = r.randint(0, patients)
    return r.choice([
        ("patient", f"Patient/p{n}"), ("patient", f"p{n}"), ("subject", f"Patient/p{n}"), ("subject:Patient", f"p{n}"),
        ("patient", f"p{n},p{(n + 1) % patients}"), ("subject:identifier", f"urn:mrn|{n % 7}"),
        ("patient:missing", r.choice(("true", "false"))),
    ])  # fmt: skip


def _of_person(r: Random) -> tuple[str, str]:
    return r.choice([
        ("family", _name(r)), ("name", _name(r)), ("family:exact", _escaped(r.choice(_FAMILY))),
        ("name:contains", _name(r)), ("given", f"{_name(r)},{_name(r)}"), ("birthdate", _date(r)),
        ("gender", r.choice(("male", "female", "male,female"))), ("gender:not", r.choice(("male", "male,female"))),
        ("gender:missing", "true"), ("identifier", r.choice(("urn:mrn|3", "3", "urn:ssn|", "|3"))),
        ("identifier:of-type", f"{V2_0203}|MR|{r.randint(0, 6)}"),
        ("identifier:text", "rec"), ("_id", f"p{r.randint(0, 12)},p1"), ("_tag", "urn:tag|a"), ("_security", "r"),
        ("_profile", "http://x.org/p/a"), ("_profile:below", "http://x.org/p"),
        ("_profile:above", "http://x.org/p/a/b"),
        ("_list", "k1"), ("organization.name", _name(r)), ("organization.partof.name", _name(r)),
        ("general-practitioner:Practitioner.family", _name(r)), ("organization", f"Organization/o{r.randint(0, 3)}"),
        ("_has:Observation:patient:code", _code(r)), ("_has:Observation:patient:value-quantity", _amount(r)),
        ("_has:Observation:patient:_has:Observation:derived-from:status", "final"),
        ("_has:Condition:patient:code:text", "hea"), ("_has:Encounter:patient:date", _date(r)),
        ("_lastUpdated", r.choice(("gt2000", "lt2000", "ge2020"))),
    ])  # fmt: skip


def _of_observation(r: Random) -> tuple[str, str]:
    return r.choice([
        ("code", _code(r)), ("code:not", _code(r)), ("code:text", r.choice(("hea", "haemo", "blood"))), _of_patient(r),
        ("date", _date(r)), ("date", _date(r)), ("date", _date(r)), ("date", f"{_date(r)},{_date(r)}"),
        ("date:missing", r.choice(("true", "false"))),
        ("value-quantity", _amount(r)), ("value-quantity", f"{_amount(r)},{_amount(r)}"), ("combo-code", _code(r)),
        ("status", r.choice(("final", "amended,final"))), ("code-value-quantity", f"{_CODES[0]}${_amount(r)}"),
        ("code-value-quantity", f"{LOINC}|{r.choice(_CODES)}${_amount(r)},{r.choice(_CODES)}${_amount(r)}"),
        ("component-code-value-quantity", f"{r.choice(_CODES)}${_amount(r)}"),
        ("combo-code-value-quantity", f"{r.choice(_CODES)}${_amount(r)}"),
        ("code-value-concept", f"{r.choice(_CODES)}${r.choice(_CODES)}"), ("patient.gender", "male"),
        ("subject:Patient.family", _name(r)), ("patient.name", _name(r)), ("patient.organization.name", _name(r)),
        ("encounter.date", _date(r)), ("encounter.patient.family", _name(r)), ("derived-from.code", _code(r)),
        ("patient._has:Condition:patient:code", _code(r)), ("subject.birthdate", _date(r)),
        ("derived-from:Observation.patient.gender:not", "male"), ("_id:not", "b1,b2"), ("_tag:not", "a"),
        ("_filter", f"code eq {r.choice(_CODES)} and (status eq final or not(date ge 2020))"),
        ("_has:Observation:derived-from:code", _code(r)), ("encounter:missing", "false"),
    ])  # fmt: skip


_SORTS = {
    "Patient": ("family", "-family", "birthdate", "-birthdate", "_id", "-_id", "gender", "-identifier", "_lastUpdated",
                "organization", "-_lastUpdated"),
    "Observation": ("date", "-date", "value-quantity", "-value-quantity", "code", "-status", "patient", "_id",
                    "-encounter"),
}  # fmt: skip
_OTHERS = [
    ("Location", "near", "48.2|16.3|12|km"), ("Location", "near", "48.25|16.3|30"),
    ("RiskAssessment", "probability", "0.8"), ("RiskAssessment", "probability", "gt0.8"),
    ("RiskAssessment", "probability", "ap0.8"), ("RiskAssessment", "probability", "100"),
    ("ValueSet", "url:below", "http://x.org/vs/a"), ("ValueSet", "url:above", "http://x.org/vs/a/b"),
    ("ValueSet", "url", "http://x.org/vs/a"), ("QuestionnaireResponse", "questionnaire", "http://x.org/q/1"),
    ("QuestionnaireResponse", "questionnaire", "http://x.org/q/1|2"),
    ("Organization", "partof.partof", "Organization/o1"),
    ("Encounter", "patient.birthdate", "lt1980"), ("Condition", "subject.name", "smi"),
]  # fmt: skip


def query(r: Random) -> tuple[str | None, list[tuple[str, str]]]:
    """Return (type or None for all types, pairs)."""
    chance = r.random()
    if chance < 0.12:
        kind, name, value = r.choice(_OTHERS)
        return kind, [(name, value)]
    if chance < 0.2:
        shared = r.choice([("_id", "p1,b1,o1"), ("_tag", "urn:tag|a"), ("_security", f"{LABEL}|R"), ("_tag:not", "a")])
        types = [("_type", "Patient,Observation")] if r.random() < 0.5 else []
        return None, [*types, shared]
    kind = r.choice(("Patient", "Observation", "Observation"))
    make = _of_person if kind == "Patient" else _of_observation
    pairs = [make(r) for _ in range(r.randint(0, 3))]
    if r.random() < 0.6:
        pairs.append(("_sort", ",".join(r.sample(_SORTS[kind], r.randint(1, 2)))))
    return kind, pairs
