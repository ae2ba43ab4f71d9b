"""What happens in the demo's town, message by message: the same every time."""

from base64 import b64encode
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Literal, NamedTuple

from unsilo.demo import laboratory, wards
from unsilo.demo.cast import Person, crowd, main_cast
from unsilo.demo.charts import CHARTS
from unsilo.demo.documents import ccd, fhir_bundle
from unsilo.demo.pdf import page
from unsilo.demo.segments import CITY_LAB, NORTH, PLACES, ST_BRIGID, Place, message, pid, stamp

__all__ = ["Sending", "town"]

DAY = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
"""The Monday on which the demo's story ends; everything happens in the two years before."""
SEED = 20260302


class Sending(NamedTuple):
    """One thing on the wire: to which feed, by which transport, the bytes, a name, and what it shows.

    A phase is processed before the next begins, so that every run ends the same.
    """

    feed: str
    via: Literal["mllp", "folder", "http"]
    content: bytes
    name: str
    shows: str = ""
    phase: int = 1


class _Script:
    """Collects sendings in order and numbers each place's messages."""

    def __init__(self) -> None:
        self.sendings: list[Sending] = []
        self.draw = Random(SEED)  # noqa: S311 - the town must be the same every time, not unpredictable
        self._numbers: dict[str, int] = {}

    def control(self, place: Place) -> str:
        """Return the next message control id of a place."""
        self._numbers[place.key] = self._numbers.get(place.key, 0) + 1
        return f"{place.facility[:2]}{self._numbers[place.key]:05d}"

    def add(self, place: Place, content: bytes, shows: str = "") -> None:
        """Send by MLLP, or as a file when it is the laboratory."""
        number = len(self.sendings) + 1
        if place is CITY_LAB:
            self.sendings.append(Sending("citylab", "folder", content, f"lab-{number:04d}.hl7", shows))
        else:
            self.sendings.append(Sending(place.key, "mllp", content, f"{place.key}-{number:04d}", shows))

    def order(self, place: Place) -> str:
        """Return a fresh order or visit number of a place."""
        return f"{place.facility[0]}{self.draw.randrange(100000, 999999)}"


def _before(days: int, hour: int = 9, minute: int = 0) -> datetime:
    return (DAY - timedelta(days=days)).replace(hour=hour, minute=minute)


def _registrations(script: _Script, people: list[Person]) -> None:
    for n, who in enumerate(people):
        for place in (NORTH, ST_BRIGID):
            if place.key not in who.numbers:
                continue
            trigger = "A28" if (n + len(place.key)) % 3 == 0 else "A04"
            at = _before(700 - n * 3, 8, n % 60)
            extra = (f"ZPI|1|{who.numbers[place.key]}|PREF^en|WEB",) if place is NORTH and n % 2 == 0 else ()
            visit = script.order(place) if trigger == "A04" else ""
            arrival = wards.adt(
                place, who, script.control(place), trigger, at, visit=visit, unit="OUTPT", extra=extra
            )  # fmt: skip
            script.add(place, arrival)
            if visit:
                begun, left = stamp(place, at), at + timedelta(hours=2, minutes=n)
                script.add(place, wards.adt(
                    place, who, script.control(place), "A03", left, visit=visit, unit="OUTPT",
                    pv1_fields={"f44": begun, "f45": stamp(place, left)},
                ))  # fmt: skip


def _rosa(script: _Script, rosa: Person) -> None:
    """Diabetes and anticoagulation at three places that do not agree."""
    penicillin = "AL1|1|DA^Drug allergy^HL70127|7980^Penicillin G^RXNORM|SV^Severe^HL70128|Anaphylaxis|20110412"
    latex = "AL1|2|MA^Miscellaneous allergy^HL70127|LATEX^Latex^L|MI^Mild^HL70128|Itching|20150630"
    diabetes = "DG1|1||E11.9^Type 2 diabetes mellitus without complications^I10C||20120901|F"
    pressure = "DG1|2||I10^Essential (primary) hypertension^I10C||20080115|F"
    flutter = "DG1|3||I48.91^Unspecified atrial fibrillation^I10C||20210322|F"
    stay = script.order(NORTH)
    script.add(NORTH, wards.adt(
        NORTH, rosa, script.control(NORTH), "A01", _before(412, 14), visit=stay, patient_class="I", unit="3W^312^A",
        extra=(penicillin, latex, diabetes, pressure, flutter),
    ), "an admission with allergies and diagnoses")  # fmt: skip
    warfarin = "855318^warfarin sodium 3 MG Oral Tablet^RXNORM"
    script.add(NORTH, wards.medication_order(
        NORTH, rosa, script.control(NORTH), "RX310044", _before(411, 10), warfarin, ("3", "mg"), "QD",
        "3 mg by mouth once a day at 18:00", ("3", "mg"), visit=stay,
    ), "warfarin 3 mg here; the clinic says 5 mg")  # fmt: skip
    script.add(NORTH, wards.medication_order(
        NORTH, rosa, script.control(NORTH), "RX310045", _before(411, 10, 5), "CARV625^carvedilol 6.25 mg tablet^L",
        ("3.125", "mg"), "BID", "3.125 mg (half a tablet) by mouth twice a day", ("6.25", "mg"), visit=stay,
    ), "dose and tablet strength differ")  # fmt: skip
    script.add(NORTH, laboratory.report(
        NORTH, rosa, script.control(NORTH), "RAD55810", "CXR2^Chest X-ray 2 views^L", _before(411, 16),
        ["CHEST, TWO VIEWS", "", "Findings: Heart size at the upper limit of normal. Lungs clear.",
         "No effusion & no pneumothorax.", "", "Impression: No acute disease."],
    ), "a formatted report")  # fmt: skip
    script.add(NORTH, wards.adt(
        NORTH, rosa, script.control(NORTH), "A03", _before(408, 11), visit=stay, patient_class="I", unit="3W^312^A",
        extra=(diabetes, pressure, flutter), pv1_fields={"f44": "20250114140000", "f45": "20250118110000"},
    ), "the discharge")  # fmt: skip
    script.add(NORTH, wards.document(
        NORTH, rosa, script.control(NORTH), "DOC7701", _before(408, 12), "DS^Discharge summary^HL70270",
        ["Discharge summary", "", "Admitted with rapid atrial fibrillation, rate controlled on carvedilol.",
         "Denies chest pain or syncope. No history of stroke.",
         "PMH: hypertension, type 2 diabetes, hypothyroidism.",
         "Family history: father had a heart attack at 61.",
         "On discharge BP 128/76, HR 72. Possible sleep apnea, sleep study planned.",
         "Warfarin started, 3 mg daily. INR goal 2.0-3.0.", "Penicillin: anaphylaxis 2011. Do not give.",
         "Follow-up: anticoagulation clinic in one week.", "Return if palpitations, fainting or bleeding."], visit=stay,
    ), "a document")  # fmt: skip
    glucose = ["168", "154", "171", "149", "142", "138"]
    for n, value in enumerate(glucose):
        at = _before(400 - n * 65, 8, 20)
        script.add(NORTH, laboratory.panel(
            NORTH, rosa, script.control(NORTH), f"NL{4400 + n}", "BMP", at, script.draw,
            values={"GLU": value, "K": "4.4", "CREA": f"{0.92 + n * 0.03:.2f}"},
        ), "glucose in mg/dL under a local code")  # fmt: skip
        script.add(ST_BRIGID, laboratory.panel(
            ST_BRIGID, rosa, script.control(ST_BRIGID), f"BL{7100 + n}", "MMOL", at + timedelta(days=9), script.draw,
            values={"GLUM": f"{float(value) / 18.016 - 0.2:.1f}"},
        ), "glucose in mmol/L under another local code")  # fmt: skip
        script.add(CITY_LAB, laboratory.panel(
            CITY_LAB, rosa, script.control(CITY_LAB), f"CL{9000 + n}", "A1C", at + timedelta(days=2), script.draw,
            values={"HBA1C": f"{8.1 - n * 0.2:.1f}"},
        ))  # fmt: skip
        script.add(CITY_LAB, laboratory.panel(
            CITY_LAB, rosa, script.control(CITY_LAB), f"CL{9100 + n}", "PT", at + timedelta(days=3), script.draw,
            values={"INR": f"{1.7 + n * 0.2:.1f}"},
        ))  # fmt: skip
    script.add(ST_BRIGID, wards.adt(
        ST_BRIGID, rosa, script.control(ST_BRIGID), "A04", _before(120, 13), visit=script.order(ST_BRIGID), unit="CARD",
        extra=("AL1|1|DA^Drug allergy^HL70127|7980^Penicillin G^RXNORM|MI^Mild^HL70128|Rash|20110412",
               "DG1|1||I48.91^Unspecified atrial fibrillation^I10C||20210322|W"),
    ), "the same allergy, said to be mild")  # fmt: skip
    script.add(NORTH, wards.appointment(
        NORTH, rosa, script.control(NORTH), "AP6001", _before(5), DAY + timedelta(days=9),
        "Anticoagulation review",
    ), "an appointment")  # fmt: skip
    script.add(NORTH, wards.adt(
        NORTH, rosa, script.control(NORTH), "A31", _before(30, 10), extra=(penicillin,),
    ), "the allergy list without latex: no longer sent")  # fmt: skip


def _henrik(script: _Script, henrik: Person) -> None:
    """Results that are corrected, overtaken and taken back."""
    script.add(ST_BRIGID, wards.adt(
        ST_BRIGID, henrik, script.control(ST_BRIGID), "A01", _before(21, 6), visit="B556010", patient_class="I",
        unit="ICU^2^B", extra=("DG1|1||A41.9^Sepsis, unspecified organism^I10C||20260209|A",),
    ))  # fmt: skip
    drawn, known = _before(21, 6, 30), _before(21, 8)
    script.add(CITY_LAB, laboratory.single(
        CITY_LAB, henrik, script.control(CITY_LAB), "CL5001", "K", "7.1", drawn, known, "F"
    ))  # fmt: skip
    script.add(CITY_LAB, laboratory.single(
        CITY_LAB, henrik, script.control(CITY_LAB), "CL5001", "K", "4.1", drawn, known + timedelta(hours=1), "C",
        "First sample was haemolysed; repeated.",
    ), "a corrected result: potassium 7.1 was 4.1")  # fmt: skip
    final, early = _before(18, 12), _before(20, 12)
    growth = "Escherichia coli, sensitive to ceftriaxone"
    script.add(CITY_LAB, laboratory.culture(
        CITY_LAB, henrik, script.control(CITY_LAB), "CL5002", drawn, final, "F", growth
    ))  # fmt: skip
    script.add(CITY_LAB, laboratory.culture(
        CITY_LAB, henrik, script.control(CITY_LAB), "CL5002", drawn, early, "P",
        "Gram-negative rods, identification follows",
    ), "a preliminary that arrives after the final")  # fmt: skip
    script.add(CITY_LAB, laboratory.single(
        CITY_LAB, henrik, script.control(CITY_LAB), "CL5003", "CREA", "3.90", drawn, known, "F"
    ))  # fmt: skip
    script.add(CITY_LAB, laboratory.single(
        CITY_LAB, henrik, script.control(CITY_LAB), "CL5003", "CREA", "3.90", drawn, known + timedelta(hours=3), "W",
        "Reported for the wrong patient.",
    ), "a result that was somebody else's")  # fmt: skip
    lines = ["St. Brigid - Echocardiography", "Åkesson, Henrik   born 02-NOV-1949", "",
             "Ejection fraction 55 %. No vegetation seen.", "", "Reported by L. Fontaine"]  # fmt: skip
    script.add(ST_BRIGID, laboratory.report(
        ST_BRIGID, henrik, script.control(ST_BRIGID), "ECHO311", "34552-0^2D echocardiogram^LN", _before(17, 15),
        ["Echocardiogram: ejection fraction 55 %. The full report is attached."], "TX",
        b64encode(page(lines)).decode(),
    ), "a PDF inside a result")  # fmt: skip
    script.add(ST_BRIGID, wards.adt(
        ST_BRIGID, henrik, script.control(ST_BRIGID), "A03", _before(14, 11), visit="B556010", patient_class="I",
        unit="ICU^2^B",
    ))  # fmt: skip
    script.add(ST_BRIGID, wards.adt(
        ST_BRIGID, henrik, script.control(ST_BRIGID), "A13", _before(14, 13), visit="B556010", patient_class="I",
        unit="ICU^2^B",
    ), "the discharge is cancelled")  # fmt: skip


def _children(script: _Script, ella: Person, emma: Person) -> None:
    """Twins: everything equal but the first name, the number and the doses."""
    doses = [
        (ella, date(2020, 6, 9), "03^MMR^CVX", "MR8812"), (emma, date(2020, 6, 9), "03^MMR^CVX", "MR8813"),
        (ella, date(2024, 6, 12), "10^IPV^CVX", "PV2204"),
        (emma, date(2024, 10, 1), "150^Influenza, seasonal^CVX", "FL0031"),
    ]  # fmt: skip
    for n, (who, given, vaccine, lot) in enumerate(doses):
        sent = datetime(given.year, given.month, given.day, 15, 30, tzinfo=UTC)
        control = script.control(NORTH)
        dose = wards.vaccination(NORTH, who, control, f"IM{600 + n}", given, sent, vaccine, lot)
        script.add(NORTH, dose, "twins stay apart")


def _identities(script: _Script, cast: dict[str, Person]) -> None:
    """Merges, name changes, placeholders and numbers that cannot be right."""
    thomas = cast["thomas"]
    twice = thomas._replace(given="Tom", middle="", ssn="", numbers={"north": "N10019"})
    script.add(
        NORTH, wards.adt(NORTH, twice, script.control(NORTH), "A04", _before(90), visit="N700120", with_ssn=False)
    )
    script.add(NORTH, laboratory.panel(NORTH, twice, script.control(NORTH), "NL8801", "CBC", _before(89), script.draw))
    script.add(
        NORTH, wards.merge(NORTH, thomas, script.control(NORTH), _before(60), "N10019"), "N10019 goes into N10005"
    )
    script.add(NORTH, laboratory.panel(
        NORTH, twice, script.control(NORTH), "NL8802", "BMP", _before(50), script.draw
    ), "a result under the number that was merged away")  # fmt: skip
    grace = cast["grace"]
    moved = grace._replace(street="4 New Wharf", city="Port Anselm", zip="04101")
    script.add(NORTH, wards.adt(NORTH, moved, script.control(NORTH), "A08", _before(40, 10)), "a new address")
    script.add(NORTH, wards.adt(
        NORTH, grace._replace(phone="555-9999"), script.control(NORTH), "A08", _before(45, 8), sent=_before(45, 8)
    ), "an older update that arrives later")  # fmt: skip
    script.add(
        NORTH,
        wards.adt(NORTH, moved, script.control(NORTH), "A08", _before(20, 9), f13='""'),
        "a phone number is deleted",
    )
    married = cast["amina"]._replace(family="Petrov")
    script.add(
        ST_BRIGID, wards.adt(ST_BRIGID, married, script.control(ST_BRIGID), "A31", _before(100)), "a new family name"
    )
    again = cast["sofia"]._replace(numbers={"north": "N10012"})
    script.add(NORTH, wards.adt(
        NORTH, again, script.control(NORTH), "A04", _before(70), visit="N700131", with_ssn=False
    ), "perhaps registered twice")  # fmt: skip
    for place, number in ((NORTH, "N19001"), (ST_BRIGID, "B29001")):
        doe = Person("doe", "Doe", "John", "", "", "M", date(1900, 1, 1), "", "", "", "", "", {place.key: number})
        script.add(place, wards.adt(
            place, doe, script.control(place), "A04", _before(3, 2, 15), visit=script.order(place),
            patient_class="E", unit="ED",
        ), "a placeholder name never matches")  # fmt: skip
    baby = Person("baby", "Petrov", "Baby Girl", "", "", "F", date(2026, 2, 20), "40 Bridge Street", "Westhaven",
                  "04120", "555-0177", "", {"brigid": "B29002"})  # fmt: skip
    script.add(ST_BRIGID, wards.adt(
        ST_BRIGID, baby, script.control(ST_BRIGID), "A01", _before(10, 4), visit="B557002", patient_class="N",
        unit="NUR",
    ))  # fmt: skip
    nadia = cast["nadia"]
    script.add(NORTH, wards.adt(
        NORTH, nadia, script.control(NORTH), "A01", _before(33, 20), visit="N700140", patient_class="I", unit="PSY",
        pv1_fields={"f16": "VIP"},
        extra=("DG1|1||F32.1^Major depressive disorder, single episode, moderate^I10C||20260128|A",),
    ), "a stay that is marked confidential")  # fmt: skip
    script.add(NORTH, wards.adt(
        NORTH, cast["walterjr"], script.control(NORTH), "A01", _before(12, 9), visit="N700150", patient_class="I",
        unit="3W",
    ))  # fmt: skip
    script.add(NORTH, wards.adt(
        NORTH, cast["walterjr"], script.control(NORTH), "A11", _before(12, 9, 20), visit="N700150", patient_class="I",
        unit="3W",
    ), "an admission that was the father's is cancelled")  # fmt: skip


def _everyday(script: _Script, people: list[Person]) -> None:
    for n, who in enumerate(people):
        places = [PLACES[key] for key in ("north", "brigid", "lab") if key in who.numbers]
        for k, place in enumerate(places):
            kind = ("BMP", "CBC", "LIPID")[(n + k) % 3]
            at = _before(300 - n * 7 - k * 11, 8, (n * 7) % 60)
            number = f"{place.facility[0]}X{1000 + n * 3 + k}"
            if place is not CITY_LAB and n % 4 == 0:
                code = "24331-1^Lipid panel^LN" if place is ST_BRIGID else "LIPID^Lipid panel^L"
                script.add(
                    place,
                    wards.lab_order(place, who, script.control(place), f"O{number}", at - timedelta(hours=2), code),
                )
            script.add(place, laboratory.panel(place, who, script.control(place), number, kind, at, script.draw))
    george = people[0]
    script.add(NORTH, wards.imaging_order(
        NORTH, george, script.control(NORTH), "IMG4410", _before(25), "36643-5^XR Chest 2 Views^LN",
        "Cough for three weeks",
    ))  # fmt: skip


def _clinic(script: _Script, cast: dict[str, Person]) -> None:
    for n, (key, chart) in enumerate(CHARTS.items()):
        who, at = cast[key], _before(15 - n, 16)
        if key == "bjorn":
            script.sendings.append(
                Sending("harbour-fhir", "http", fhir_bundle(who, chart, at), f"{key}.json", "a FHIR Bundle")
            )
        else:
            script.sendings.append(
                Sending("harbour-ccda", "http", ccd(who, chart, at), f"{key}.xml", "a C-CDA document")
            )


def _batch(script: _Script, people: list[Person]) -> None:
    """One file of the laboratory with several messages in FHS/BHS."""
    at = _before(6, 5)
    known = [who for who in people if "lab" in who.numbers][:4]
    bodies = [
        laboratory.panel(
            CITY_LAB, who, script.control(CITY_LAB), f"CB{700 + n}", "CBC", at + timedelta(minutes=n), script.draw
        )
        for n, who in enumerate(known)
    ]
    head = b"FHS|^~\\&|CITYLIS|CITYLAB\rBHS|^~\\&|CITYLIS|CITYLAB\r"
    tail = f"BTS|{len(bodies)}\rFTS|1\r".encode()
    script.add(CITY_LAB, head + b"".join(bodies) + tail, "a batch file")


def _odd(script: _Script, cast: dict[str, Person]) -> None:
    """A resend, a test message, and one message that nobody can read."""
    first = next(s for s in script.sendings if s.feed == "north")
    script.sendings.append(first._replace(phase=1, shows="the same bytes again: acknowledged, no second effect"))
    script.add(NORTH, message(
        NORTH, "ADT^A08^ADT_A01", script.control(NORTH), DAY, f"EVN|A08|{DAY:%Y%m%d%H%M%S}",
        pid(NORTH, cast["rosa"]._replace(family="Testcase")), "PV1|1|N", processing="T",
    ), "a test message stays out of live records")  # fmt: skip
    whole = laboratory.panel(
        ST_BRIGID, cast["thomas"], script.control(ST_BRIGID), "BL9999", "CBC", _before(1), script.draw
    )
    broken = whole.replace(b"|ORU^R01^ORU_R01|", b"||", 1)
    script.add(ST_BRIGID, broken, "a message that does not say what it is: a dead letter")


def town() -> list[Sending]:
    """Return everything the demo sends, in order; byte for byte the same on every call."""
    script = _Script()
    cast = main_cast()
    others = crowd(script.draw)
    _registrations(script, [*cast.values(), *others])
    script.sendings = [sending._replace(phase=0) for sending in script.sendings]
    _rosa(script, cast["rosa"])
    _henrik(script, cast["henrik"])
    _children(script, cast["ella"], cast["emma"])
    _identities(script, cast)
    _everyday(script, [cast["george"], cast["walter"], cast["maria"], cast["petr"], cast["bjorn"], *others])
    _clinic(script, cast)
    _batch(script, others)
    _odd(script, cast)
    return script.sendings
