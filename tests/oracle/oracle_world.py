"""A small random world of resources whose values collide often, so that random questions have answers."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

Json = dict[str, Any]

FAMILIES = ["Ström", "Strom", "Okafor", "O'Neil", "van den Berg", "VAN DEN BERG", "Li", "Lindqvist", "李", "Berg"]
GIVENS = ["Ada", "Ådah", "Bo", "Chi", "Dee", "Eve", "ada", "José", "Jose María"]
CITIES = ["Lund", "LUND", "Lundby", "Ystad", "Åhus", ""]
SYSTEMS = ["http://x.org/a", "http://x.org/b", "", "urn:oid:1.2.3"]
CODES = ["a", "A", "b", "c|d", "e,f", "g$h", "1", "B"]
TEXTS = ["Blood pressure", "blood glucose", "BLOOD", "Weight", "weight of body", "Größe"]
URIS = ["http://x.org/v", "http://x.org/v/1", "http://x.org/v/1/2", "http://x.org/w", "urn:uuid:1"]
TAGS = [("http://x.org/tag", "t1"), ("http://x.org/tag", "t2"), ("", "t1")]
LABELS = [("http://x.org/label", "R"), ("http://x.org/label", "V")]
MASSES = [("ug", Decimal("0.000001")), ("mg", Decimal("0.001")), ("g", Decimal(1)), ("kg", Decimal(1000))]
STATES = {
    "Observation": ["registered", "preliminary", "final", "amended"],
    "Condition": [],
    "Encounter": ["planned", "in-progress", "finished"],
    "MedicationRequest": ["active", "completed", "stopped"],
}  # fmt: skip


def moment(random: Random) -> str:
    """Return a date or time of some precision within a few years."""
    year, month, day = random.choice([2019, 2020]), random.choice([1, 2, 12]), random.choice([1, 15, 28])
    kind = random.randrange(6)
    if kind == 0:
        return f"{year}"
    if kind == 1:
        return f"{year}-{month:02d}"
    if kind <= 3:
        return f"{year}-{month:02d}-{day:02d}"
    zone = random.choice(["Z", "+02:00", "-05:00"])
    second = "" if kind == 4 else random.choice([".5", ".123"])
    return f"{year}-{month:02d}-{day:02d}T{random.choice([0, 12, 23]):02d}:30:15{second}{zone}"


def period(random: Random) -> Json:
    """Return a Period with one end or both, in order."""
    years = sorted(random.choices([2018, 2019, 2020, 2021], k=2))
    made = {"start": f"{years[0]}-0{random.randint(1, 5)}-03", "end": f"{years[1]}-0{random.randint(6, 9)}-09"}
    kept = random.choice([("start", "end"), ("start",), ("end",), ("start", "end")])
    return {key: made[key] for key in kept}


def coding(random: Random) -> Json:
    """Return a Coding, now and then without a system or a code."""
    made: Json = {}
    system = random.choice(SYSTEMS)
    if system:
        made["system"] = system
    if random.random() < 0.95:
        made["code"] = random.choice(CODES)
    if random.random() < 0.4 or not made:
        made["display"] = random.choice(TEXTS)
    return made


def concept(random: Random) -> Json:
    """Return a CodeableConcept."""
    made: Json = {}
    if random.random() < 0.9:
        made["coding"] = [coding(random) for _ in range(random.choice([1, 1, 2]))]
    if random.random() < 0.4 or not made:
        made["text"] = random.choice(TEXTS)
    return made


def identifier(random: Random) -> Json:
    """Return an Identifier."""
    made: Json = {"value": random.choice(CODES)}
    if random.random() < 0.8:
        made["system"] = random.choice(SYSTEMS[:2])
    if random.random() < 0.4:
        made["type"] = {"coding": [{"system": SYSTEMS[0], "code": random.choice(["MR", "SS"])}]}
    return made


def quantity(random: Random) -> Json:
    """Return a Quantity in some unit of mass, of another system, or without any."""
    value = Decimal(random.choice(["1", "1.0", "5", "5.4", "10", "100", "0.005", "1000", "-3"]))
    kind = random.random()
    if kind < 0.7:
        code = random.choice(MASSES)[0]
        return {"value": value, "system": "http://unitsofmeasure.org", "code": code, "unit": random.choice([code, "x"])}
    if kind < 0.85:
        return {"value": value, "system": "http://x.org/units", "code": random.choice(["mg", "puff"])}
    return {"value": value, "unit": random.choice(["mg", "puff"])}


class World:
    """Resources by (type, id), made from one seed; `change` makes another version of one."""

    def __init__(self, seed: int, size: int) -> None:
        self.random = Random(seed)
        self.size = size
        self.ids = {
            "Organization": [f"o{n}" for n in range(max(3, size // 20))],
            "Practitioner": [f"d{n}" for n in range(max(3, size // 20))],
            "Patient": [f"p{n}" for n in range(max(4, size // 8))],
            "Encounter": [f"e{n}" for n in range(size // 6)],
            "Observation": [f"b{n}" for n in range(size // 3)],
            "Condition": [f"c{n}" for n in range(size // 8)],
            "MedicationRequest": [f"m{n}" for n in range(size // 8)],
            "ValueSet": [f"v{n}" for n in range(max(3, size // 20))],
            "RiskAssessment": [f"r{n}" for n in range(max(3, size // 20))],
        }
        self.resources: dict[tuple[str, str], Json] = {}
        for kind, ids in self.ids.items():
            for id_ in ids:
                self.resources[kind, id_] = self.make(kind, id_)

    def change(self, kind: str, id_: str) -> Json:
        """Make another version of a resource."""
        made = self.resources[kind, id_] = self.make(kind, id_)
        return made

    def reference(self, *kinds: str) -> Json:
        """Return a reference to something, now and then to nothing, by identifier only, or versioned."""
        random = self.random
        kind = random.choice(kinds)
        chance = random.random()
        if chance < 0.05:
            return {"identifier": identifier(random)}
        if chance < 0.08:
            return {"reference": f"{kind}/nowhere"}
        made: Json = {"reference": f"{kind}/{random.choice(self.ids[kind])}"}
        if chance < 0.15:
            made["identifier"] = identifier(random)
        return made

    def make(self, kind: str, id_: str) -> Json:
        """Make a resource of a type."""
        random = self.random
        made: Json = {"resourceType": kind, "id": id_}
        meta: Json = {}
        if random.random() < 0.3:
            system, code = random.choice(TAGS)
            meta["tag"] = [{"code": code, **({"system": system} if system else {})}]
        if random.random() < 0.2:
            system, code = random.choice(LABELS)
            meta["security"] = [{"system": system, "code": code}]
        if random.random() < 0.2:
            meta["profile"] = [random.choice(URIS)]
        if random.random() < 0.2:
            meta["source"] = random.choice(URIS)
        if meta:
            made["meta"] = meta
        getattr(self, f"_{kind.lower()}")(made, random)
        return made

    def _some(self, chance: float) -> bool:
        return self.random.random() < chance

    def _names(self) -> list[Json]:
        random = self.random
        found = []
        for _ in range(random.choice([1, 1, 2])):
            name: Json = {"family": random.choice(FAMILIES)}
            if self._some(0.8):
                name["given"] = random.sample(GIVENS, random.choice([1, 2]))
            if self._some(0.2):
                name["text"] = f"{name['family']} the {random.choice(GIVENS)}"
            found.append(name)
        return found

    def _organization(self, made: Json, random: Random) -> None:
        made["name"] = f"{random.choice(CITIES)} Clinic {made['id']}".strip()
        if self._some(0.3):
            made["alias"] = [random.choice(FAMILIES)]
        if self._some(0.4):
            made["partOf"] = self.reference("Organization")
        if self._some(0.6):
            made["identifier"] = [identifier(random)]
        made["active"] = self._some(0.7)

    def _practitioner(self, made: Json, random: Random) -> None:
        made["name"] = self._names()
        if self._some(0.6):
            made["identifier"] = [identifier(random)]

    def _patient(self, made: Json, random: Random) -> None:
        made["name"] = self._names()
        made["identifier"] = [identifier(random) for _ in range(random.choice([0, 1, 2]))]
        if not made["identifier"]:
            del made["identifier"]
        if self._some(0.8):
            made["gender"] = random.choice(["male", "female", "other"])
        if self._some(0.8):
            made["birthDate"] = random.choice(["1980", "1980-05", "1980-05-05", "1990-01-31", "2001"])
        if self._some(0.3):
            made["deceasedDateTime"] = moment(random)
        elif self._some(0.3):
            made["deceasedBoolean"] = self._some(0.5)
        if self._some(0.6):
            made["address"] = [{"city": random.choice(CITIES[:-1]), "postalCode": random.choice(["1", "12", "123"])}]
        if self._some(0.5):
            made["managingOrganization"] = self.reference("Organization")
        if self._some(0.5):
            made["generalPractitioner"] = [self.reference("Practitioner", "Organization")]
        if self._some(0.4):
            made["telecom"] = [{"system": random.choice(["phone", "email"]), "value": random.choice(["1", "a@b"])}]

    def _encounter(self, made: Json, random: Random) -> None:
        made |= {"status": random.choice(STATES["Encounter"]), "class": coding(random)}
        made["subject"] = self.reference("Patient")
        if self._some(0.7):
            made["period"] = period(random)
        if self._some(0.4):
            made["serviceProvider"] = self.reference("Organization")
        if self._some(0.4):
            made["participant"] = [{"individual": self.reference("Practitioner")}]

    def _observation(self, made: Json, random: Random) -> None:
        made |= {"status": random.choice(STATES["Observation"]), "code": concept(random)}
        if self._some(0.9):
            made["subject"] = self.reference("Patient", "Patient", "Organization" if self._some(0) else "Patient")
        if self._some(0.4):
            made["encounter"] = self.reference("Encounter")
        if self._some(0.4):
            made["performer"] = [self.reference("Practitioner", "Organization")]
        if self._some(0.5):
            made["category"] = [concept(random)]
        chance = random.random()
        if chance < 0.5:
            made["effectiveDateTime"] = moment(random)
        elif chance < 0.7:
            made["effectivePeriod"] = period(random)
        chance = random.random()
        if chance < 0.5:
            made["valueQuantity"] = quantity(random)
        elif chance < 0.65:
            made["valueString"] = random.choice(TEXTS)
        elif chance < 0.8:
            made["valueCodeableConcept"] = concept(random)
        elif chance < 0.85:
            made["valueDateTime"] = moment(random)
        if self._some(0.3):
            made["component"] = [
                {"code": concept(random), "valueQuantity": quantity(random)} for _ in range(random.choice([1, 2]))
            ]
        if self._some(0.2):
            made["hasMember"] = [self.reference("Observation")]

    def _condition(self, made: Json, random: Random) -> None:
        made |= {"code": concept(random), "subject": self.reference("Patient")}
        if self._some(0.5):
            made["onsetDateTime"] = moment(random)
        if self._some(0.4):
            made["encounter"] = self.reference("Encounter")
        if self._some(0.5):
            made["recordedDate"] = moment(random)

    def _medicationrequest(self, made: Json, random: Random) -> None:
        made |= {"status": random.choice(STATES["MedicationRequest"]), "intent": "order"}
        made |= {"medicationCodeableConcept": concept(random), "subject": self.reference("Patient")}
        if self._some(0.5):
            made["requester"] = self.reference("Practitioner", "Organization")
        if self._some(0.6):
            made["authoredOn"] = moment(random)
        if self._some(0.4):
            made["encounter"] = self.reference("Encounter")

    def _valueset(self, made: Json, random: Random) -> None:
        made |= {"status": random.choice(["draft", "active"]), "url": random.choice(URIS)}
        if self._some(0.6):
            made["title"] = random.choice(TEXTS)
        if self._some(0.5):
            made["date"] = moment(random)

    def _riskassessment(self, made: Json, random: Random) -> None:
        made |= {"status": "final", "subject": self.reference("Patient")}
        made["prediction"] = [
            {"probabilityDecimal": Decimal(random.choice(["0.1", "0.10", "0.25", "1", "33", "0.005"]))}
            for _ in range(random.choice([1, 1, 2]))
        ]
