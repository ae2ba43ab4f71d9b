"""Whole v2 messages by the standard tables: placement, acts, reports by lines, lists, unknown types, hostile bytes."""

import random
from decimal import Decimal
from hashlib import sha256

import pytest

from tests.unit.mapping.v2_bench import AT, MSH, bodies, mapped, only, parsed, sources
from unsilo.fhir.references import walk
from unsilo.formats import hl7v2
from unsilo.kernel import seal
from unsilo.mapping import Site, load
from unsilo.mapping.rows import StructureRow
from unsilo.mapping.v2.frames import Structure

PID = "PID|1||111^^^HOSP^MR||Doe^Jane||19800101|F\n"
ORDER = "OBR|1|P1^A|F1^B|RAD^Chest^L|||20240101|||||||||||||||20240102||RAD|%s\n"


def test_merge_names_survivor_and_retired() -> None:
    """A40: PID survives, MRG is retired; both have the ids that any other message of theirs gives."""
    result = mapped("ADT^A40^ADT_A39", "EVN|A40|20240102\n" + PID + "MRG|222^^^HOSP^MR")
    (act,) = result.actions
    assert (act.kind, act.source) == ("merge", (3, 1, 0, 0, 0))
    assert act.survivor == f"Patient/{only(mapped('ADT^A08^ADT_A01', PID), 'Patient').resource['id']}"
    other = mapped("ADT^A08^ADT_A01", PID.replace("111", "222"))
    assert act.retired == f"Patient/{only(other, 'Patient').resource['id']}"


def test_merge_without_a_number_is_an_issue() -> None:
    """A merge that names nobody to retire says so and asks for nothing."""
    result = mapped("ADT^A40^ADT_A39", PID + "MRG|")
    assert result.actions == []
    assert [i.severity for i in result.issues if i.rule == "mapping.v2.merge"] == ["error"]


@pytest.mark.parametrize(
    ("event", "status"), [("A01", "in-progress"), ("A11", "cancelled"), ("A13", "in-progress"), ("A03", "finished")]
)
def test_encounter_status_by_event(event: str, status: str) -> None:
    """Admission, its cancellation, discharge and its cancellation give the visit's status; the visit keeps its id."""
    visit = "PV1|1|I|||||||||||||||||V77^^^HOSP^VN\n"
    encounter = only(mapped(f"ADT^{event}", PID + visit), "Encounter")
    assert encounter.resource["status"] == status
    assert encounter.resource["id"] == only(mapped("ADT^A08", PID + visit), "Encounter").resource["id"]


def test_lists_as_snapshot_by_setting() -> None:
    """With `snapshot` the message says what the list now holds, also when it is empty; with the default it does not."""
    allergies = "AL1|1|DA|P^Penicillin^L\nAL1|2|FA|N^Nuts^L\n"
    (act,) = mapped("ADT^A08^ADT_A01", PID + allergies, lists={"AL1": "snapshot"}).actions
    result = mapped("ADT^A08^ADT_A01", PID + allergies)
    refs = [f"AllergyIntolerance/{body['id']}" for body in bodies(result, "AllergyIntolerance")]
    assert (act.kind, act.list, act.present) == ("snapshot", "AL1", refs)
    assert act.patient == f"Patient/{only(result, 'Patient').resource['id']}"
    assert result.actions == []
    (none,) = mapped("ADT^A08^ADT_A01", PID, lists={"AL1": "snapshot"}).actions
    assert none.present == []
    assert mapped("ADT^A03^ADT_A03", PID + "PV1|1|I", lists={"XXX": "snapshot"}).actions == []


def test_report_lines_become_one_text() -> None:
    """Consecutive TX lines of one code are one Observation: lines in order, blank ones kept, each cited."""
    lines = "OBX|1|TX|R^R^L||Line  one||||||F\nOBX|2|TX|R^R^L||||||||F\n"
    lines += "OBX|3|TX|R^R^L||Line \\T\\ three||||||F\nOBX|4|TX|S^S^L||x||||||F\n"
    result = mapped("ORU^R01^ORU_R01", PID + ORDER % "F" + lines)
    texts = [e for e in result.entries if e.resource["resourceType"] == "Observation"]
    assert [e.resource["valueString"] for e in texts] == ["Line  one\n\nLine & three", "x"]
    assert sources(texts[0], "valueString") == [(3, 5, 0, 0, 0), (5, 5, 0, 0, 0)]
    assert {path for _, path, _ in result.unconsumed} >= {"OBX[1]-1", "OBX[3]-1"}
    assert not {path for _, path, _ in result.unconsumed if path.startswith("OBX") and path.endswith(("-3", "-11"))}


def test_results_keep_their_ids_through_corrections() -> None:
    """Preliminary, final, corrected and deleted results of an order are the same Observation with rising rank."""
    ranks = {}
    ids = set()
    for status in "PFCWX":
        obx = f"OBX|1|NM|K^Potassium^L||4.{ord(status) % 9}|mmol/L|||||{status}|||20240101\n"
        entry = only(mapped("ORU^R01^ORU_R01", PID + ORDER % status + obx), "Observation")
        ids.add(entry.resource["id"])
        ranks[status] = (entry.resource["status"], entry.rank)
        assert entry.clock == 1_704_153_600_000_000
    assert len(ids) == 1
    assert ranks["P"] == ("preliminary", 1)
    assert ranks["F"] == ("final", 2)
    assert ranks["C"] == ("corrected", 3)
    assert ranks["W"] == ("entered-in-error", 4)


def test_equal_results_are_told_apart_by_order() -> None:
    """Two results of the same code in one order are two Observations, the same two in each resend."""
    obx = "OBX|1|NM|K^K^L||4|||||||F\nOBX|2|NM|K^K^L||5|||||||F\n"
    first = [b["id"] for b in bodies(mapped("ORU^R01^ORU_R01", PID + ORDER % "F" + obx), "Observation")]
    again = [b["id"] for b in bodies(mapped("ORU^R01^ORU_R01", PID + ORDER % "C" + obx), "Observation")]
    assert len(set(first)) == 2
    assert first == again


def test_unknown_type_is_read_as_far_as_known() -> None:
    """A message type without a map gives its patient and visit, an Issue, and the rest as unconsumed."""
    result = mapped("EAC^U07^EAC_U07", PID + "ECD|1|charge")
    assert only(result, "Patient").resource["birthDate"] == "1980-01-01"
    assert [i.code for i in result.issues if i.rule == "mapping.v2.type"] == ["not-supported"]
    assert ("ECD-2", "charge") in {(path, value) for _, path, value in result.unconsumed}


def test_z_segments_by_overlay() -> None:
    """A Z segment is unconsumed until the site's overlay maps it; a wrong overlay is an Issue of each message."""
    plain = mapped("ADT^A08^ADT_A01", PID + "ZPI|1|gold")
    assert "ZPI-2" in {path for _, path, _ in plain.unconsumed}
    overlay = b"""
[[add]]
id = "st.zpi.2"
map = "ZPI[Patient]"
source = "ZPI-2"
target = "extension[loyalty].valueString"
[[add]]
id = "st.zpi.2.url"
map = "ZPI[Patient]"
source = "ZPI-2"
target = "extension[loyalty].url"
type = "uri"
const = "urn:stmarys:loyalty"
[[add]]
id = "st.zpi"
map = "ADT_*"
at = "ZPI"
as = "pt"
use = "ZPI[Patient]"
"""
    own = mapped("ADT^A08^ADT_A01", PID + "ZPI|1|gold", overlay=overlay)
    patient = only(own, "Patient")
    assert {"url": "urn:stmarys:loyalty", "valueString": "gold"} in patient.resource["extension"]
    assert [row.rule for row in patient.rows if row.source == (2, 2, 0, 1, 0)] == ["st.zpi.2"]
    assert own.digest != plain.digest
    said = {each["url"]: each["valueString"] for each in only(own, "Provenance").resource["extension"]}
    assert (said["urn:unsilo:overlay"], said["urn:unsilo:map-digest"]) == (sha256(overlay).hexdigest(), own.digest)
    assert "urn:unsilo:overlay" not in str(only(plain, "Provenance").resource)
    wrong = mapped("ADT^A08^ADT_A01", PID, overlay=b'drop = ["no.such"]')
    assert [i.rule for i in wrong.issues if i.severity == "error"] == ["mapping.overlay"]


def test_misplaced_segments_find_their_parent() -> None:
    """A visit after the results still belongs to the patient, with an Issue."""
    result = mapped("ORU^R01^ORU_R01", PID + ORDER % "F" + "OBX|1|NM|K^K^L||4|||||||F\nPV1|1|O\n")
    encounter = only(result, "Encounter").resource
    assert encounter["subject"]["reference"] == f"Patient/{only(result, 'Patient').resource['id']}"
    assert [i.rule for i in result.issues if i.code == "structure"] == ["mapping.v2.place"]


def test_placement_of_groups() -> None:
    """Repeating groups open anew at their first segments, notes go to what they follow, strangers stay."""
    paths = [
        "MSH 1",
        "R +",
        "R.P ?",
        "R.P.PID 1",
        "R.P.PV1 ?",
        "R.O +",
        "R.O.ORC ?",
        "R.O.OBR 1",
        "R.O.NTE *",
        "R.O.X *",
        "R.O.X.OBX 1",
        "R.O.X.NTE *",
    ]
    machine = Structure([StructureRow("T", *p.split()) for p in paths])
    message, _ = parsed(
        MSH % "T" + "\nPID|1\nOBR|1\nNTE|1\nOBX|1\nNTE|1\nOBX|2\nORC|2\nOBR|2\nZZZ|1\nOBX|3\nPID|2\nOBR|3"
    )
    placed = machine.place(message)
    assert [p.path for p in placed] == [
        "MSH", "R.P.PID", "R.O.OBR", "R.O.NTE", "R.O.X.OBX", "R.O.X.NTE", "R.O.X.OBX", "R.O.ORC", "R.O.OBR", "",
        "R.O.X.OBX", "R.P.PID", "R.O.OBR",
    ]  # fmt: skip
    orders = [p.frame for p in placed if p.segment.name == "OBR"]
    assert len(set(map(id, orders))) == 3
    assert placed[7].frame is orders[1]
    assert placed[4].frame.parent is orders[0]
    assert not any(p.misplaced for p in placed)


def test_identity_is_kept_within_its_feed() -> None:
    """A number whose authority is not known names different patients on different feeds."""
    message, content = parsed(MSH % "ADT^A08^ADT_A01" + "\nPID|||111||Doe")
    ids = set()
    for feed in ("a", "b"):
        result = load("hl7v2", Site(feed=feed)).run(message, seal(feed, "hl7v2", content, AT))
        ids.add(only(result, "Patient").resource["id"])
    assert len(ids) == 2


FULL = (
    (MSH % "ORU^R01^ORU_R01" + "\n" + PID)
    + 'PV1|1|I|W^1^2^H||||7^Ash^Al|||MED||||1|""|V|7^Ash||V1^^^HOSP\nORC|RE|P1^A|F1^B\n'
    + (ORDER % "F" + "OBX|1|NM|K^K^L||4.10|mmol/L^^UCUM|3.5-5.1|H|||F|||20240101|LAB^Lab|7^Ash^Al\n")
    + "NTE|1|L|a\\.br\\b\nOBX|2|ED|P^P^L||^AP^PDF^Base64^SGVsbG8=\n"
    + "OBX|3|SN|T^T^L||>^100|mg\nSPM|1|S1^X||BLD\nZZZ|1"
)
FULL_BYTES = FULL.replace("\n", "\r").encode()


def _sound(content: bytes) -> None:
    message = hl7v2.parse(content).value
    if message is None:
        return
    result = load("hl7v2", Site(feed="lab")).run(message, seal("lab", "hl7v2", content, AT))
    known = {f"{e.resource['resourceType']}/{e.resource['id']}" for e in result.entries}
    assert len(known) == len(result.entries)
    for entry in result.entries:
        for _, reference in walk(entry.resource):
            assert reference in known or reference.startswith("Binary/")


def test_a_message_cut_at_any_byte() -> None:
    """Every beginning of a message is mapped without a fault, with closed references."""
    for end in range(8, len(FULL_BYTES), 5):
        _sound(FULL_BYTES[:end])


def test_bytes_changed_at_random() -> None:
    """Changed, doubled and dropped bytes, delimiters among them, are mapped without a fault."""
    rng = random.Random(11)
    alphabet = b'|^~\\&"\r\nA0\x00\xff '
    for _ in range(250):
        content = bytearray(FULL_BYTES)
        for _ in range(rng.randrange(1, 12)):
            at = rng.randrange(3, len(content))
            kind = rng.randrange(3)
            if kind == 0:
                content[at] = rng.choice(alphabet)
            elif kind == 1:
                content[at:at] = bytes([rng.choice(alphabet)]) * rng.randrange(1, 6)
            else:
                del content[at : at + rng.randrange(1, 9)]
        _sound(bytes(content))


def test_large_messages_stay_linear() -> None:
    """Thousands of results, repetitions and components are mapped in a time that grows with their number only."""
    many = PID + ORDER % "F" + "".join(f"OBX|{n}|NM|C{n}^x^L||{n}|||||||F\n" for n in range(3000))
    assert len(bodies(mapped("ORU^R01^ORU_R01", many), "Observation")) == 3000
    wide = PID.rstrip("\n") + "|||" + "~".join(f"{n} Street^^Town" for n in range(3000))
    patient = only(mapped("ADT^A08^ADT_A01", wide.replace("|F|||", "|F||||")), "Patient")
    assert len(patient.resource["address"]) == 3000


def test_patients_without_a_number_are_not_one() -> None:
    """The same name and birth date without an identifier are two source records; linking is identity's."""
    ids = set()
    for control in ("M1", "M2"):
        line = (MSH % "ADT^A08^ADT_A01").replace("|M1|", f"|{control}|")
        message, content = parsed(line + "\nPID|||||Doe^John||19000101|M")
        result = load("hl7v2", Site(feed="er")).run(message, seal("er", "hl7v2", content, AT))
        ids.add(only(result, "Patient").resource["id"])
    assert len(ids) == 2


def test_authorities_of_the_site() -> None:
    """Namespaces get the site's URI, numbers without one the default authority's; the same URI is the same patient."""
    site = {"authorities": {"HOSP": "urn:oid:1.2.3"}, "default_authority": "urn:oid:1.2.3"}
    named_one = only(mapped("ADT^A08^ADT_A01", PID, **site), "Patient").resource
    bare = only(mapped("ADT^A08^ADT_A01", PID.replace("^^^HOSP^MR", "^^^^MR"), **site), "Patient")
    assert named_one["identifier"][0]["system"] == "urn:oid:1.2.3"
    assert bare.resource["identifier"][0]["system"] == "urn:oid:1.2.3"
    assert sources(bare, "identifier[0].system") == [None]
    assert bare.resource["id"] == named_one["id"]
    universal = only(mapped("ADT^A08^ADT_A01", PID.replace("HOSP", "X&1.2.3&ISO"), **site), "Patient")
    assert universal.resource["id"] == named_one["id"]


def test_times_in_the_zone_of_the_feed() -> None:
    """A time without an offset is in the feed's zone, with the offset of its season; a date stays a date."""
    visit = "PV1|1|I" + "|" * 42 + "%s\n"
    for text, expected in (
        ("20240701083000", "2024-07-01T08:30:00-04:00"),
        ("20240101083000", "2024-01-01T08:30:00-05:00"),
        ("20240101083000+0100", "2024-01-01T08:30:00+01:00"),
        ("20240101", "2024-01-01"),
    ):
        result = mapped("ADT^A08^ADT_A01", PID + visit % text, zone="America/New_York")
        assert only(result, "Encounter").resource["period"]["start"] == expected


def test_confidentiality_becomes_security_labels() -> None:
    """A restricted visit and a protected patient carry labels with the place that says so."""
    result = mapped("ADT^A08^ADT_A01", PID + "PD1" + "|" * 12 + "Y\nPV1|1|I" + "|" * 14 + "VIP\n")
    encounter, patient = only(result, "Encounter"), only(result, "Patient")
    assert encounter.resource["meta"]["security"]
    assert sources(encounter, "meta.security[0].code") == [(3, 16, 0, 1, 0)]
    assert patient.resource["meta"]["security"]


def test_ordered_dispensed_and_strength_stay_apart() -> None:
    """RXO's ordered dose, its strength and RXD's dispensed amount never share an element."""
    body = PID + "ORC|NW|P1^A\nRXO|C^Carvedilol^L|3.125||mg|TAB||||||||||||6.25|mg\n"
    result = mapped("ORM^O01^ORM_O01", body)
    text = str([e.resource for e in result.entries])
    assert "3.125" in text
    request = only(result, "MedicationRequest").resource
    dose = request["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]
    assert str(dose["value"]) == "3.125"
    assert "6.25" not in str(request["dosageInstruction"])


def test_embedded_documents_keep_type_and_data() -> None:
    """ED with base64 becomes an attachment with its content type; broken base64 is an Issue, not data."""
    obx = "OBX|1|ED|PDF^Report^L||^AP^PDF^Base64^%s||||||F\n"
    result = mapped("ORU^R01^ORU_R01", PID + ORDER % "F" + obx % "SGVsbG8=")
    assert "'contentType': 'application/pdf'" in str([e.resource for e in result.entries])
    assert "SGVsbG8=" in str([e.resource for e in result.entries])
    broken = mapped("ORU^R01^ORU_R01", PID + ORDER % "F" + obx % "SGVsbG8")
    assert "SGVsbG8" not in str([e.resource for e in broken.entries])
    assert "OBX-5.5" in {i.where.path for i in broken.issues if i.code == "value"}


@pytest.mark.parametrize("event", ["A11", "A12", "A13"])
def test_a_cancel_that_names_no_visit_makes_none(event: str) -> None:
    """Without a visit number or a time of admission there is nothing to cancel: no second visit, but an Issue."""
    result = mapped(f"ADT^{event}", "EVN|1|20240101\nPID|1||1^^^H^MR\nPV1|1|I|W1^2^3^H")
    assert bodies(result, "Encounter") == []
    assert [issue.rule for issue in result.issues if issue.severity == "warning"] == ["pv1.unnamed"]
    named = mapped(f"ADT^{event}", "EVN|1|20240101\nPID|1||1^^^H^MR\nPV1|1|I|W1^2^3^H||||||||||||||||V1^^^H")
    assert len(bodies(named, "Encounter")) == 1


def test_an_event_known_by_its_day_alone_is_no_fault() -> None:
    """A date in EVN-2 says when it happened; there is no instant at which it was recorded, and no warning."""
    result = mapped("ADT^A08", "EVN|A08|20240101|||7^Good^Ada\nPID|1||1^^^H^MR")
    made = [body for body in bodies(result, "Provenance") if body.get("occurredDateTime") == "2024-01-01"]
    assert len(made) == 1
    assert not [issue for issue in result.issues if issue.severity == "warning"]


def test_the_first_route_of_a_dose_stays() -> None:
    """An Immunization has one route and one site: a second RXR is listed, it does not join its codes to the first."""
    result = mapped(
        "VXU^V04",
        "PID|1||1^^^H^MR\nORC|RE||F1\nRXA|0|1|20240101||140^Flu^CVX|1\n"
        "RXR|IM^Intramuscular^HL70162|LA^Left arm^HL70163\n"
        "RXR|PO^Oral^HL70162|RA^Right arm^HL70163",
    )
    dose = only(result, "Immunization").resource
    said = repr([dose["route"], dose["site"]])
    assert ("Oral" in said, "Right arm" in said) == (False, False)
    assert "RXR[2]-1.1" in {path for _, path, _ in result.unconsumed}


def test_a_financial_class_is_its_first_component() -> None:
    """PV1-20 is a class and the date from which it holds (FC): the date is no display, no component is another code."""
    result = mapped("ADT^A01", "PID|1||1^^^H^MR\nPV1|1|I|W1||||||||||||||||V1^^^H|P^20240101^X^Y")
    cover = only(result, "Coverage").resource
    assert [coding.get("code") for coding in cover["type"]["coding"]] == ["P"]
    assert cover["period"] == {"start": "2024-01-01"}


def test_what_a_code_means_cites_the_code() -> None:
    """RXA-9 00 says that the dose was given by the sender: the boolean leads back to the code."""
    result = mapped("VXU^V04", "PID|1||1^^^H^MR\nORC|RE||F1\nRXA|0|1|20240101||140^Flu^CVX|1|||00^New^NIP001")
    entry = only(result, "Immunization")
    assert entry.resource["primarySource"] is True
    assert sources(entry, "primarySource") == [(3, 9, 0, 1, 0)]


def test_a_number_behind_a_comparison_is_a_quantity() -> None:
    """NM with `>500` is a quantity with a comparator and its unit; what is no number stays a text with its unit."""
    for text, expected in (
        (">500", {"value": 500, "comparator": ">", "unit": "mg/dL"}),
        ("<= 0.010", {"value": Decimal("0.010"), "comparator": "<=", "unit": "mg/dL"}),
        ("500", {"value": 500, "unit": "mg/dL"}),
    ):
        body = PID + f"OBR|1|O|F|B^BMP^L\nOBX|1|NM|G^GLUCOSE^L||{text}|mg/dL|||||F\n"
        found = only(mapped("ORU^R01^ORU_R01", body), "Observation")
        assert found.resource["valueQuantity"] == expected
        assert "valueString" not in found.resource
        assert sources(found, "valueQuantity.value")[0][1] == 5
    for text in (">see note", "<>5", "> 1 2"):
        body = PID + f"OBR|1|O|F|B^BMP^L\nOBX|1|NM|G^GLUCOSE^L||{text}|mg/dL|||||F\n"
        found = only(mapped("ORU^R01^ORU_R01", body), "Observation")
        assert found.resource["valueString"] == text
        assert "valueQuantity" not in found.resource
        assert "mg/dL" in str(found.resource["extension"])


def test_a_specimen_source_written_as_one_coded_type() -> None:
    """OBR-15 as `UR^URINE^L` is a type, not a type with an additive and a method; SPS stays what it is."""
    for source, type_, additive in (("UR^URINE^L", "URINE", False), ("BLD^EDTA^drawn by nurse", "BLD", True)):
        body = PID + "OBR|1|O|F|B^BMP^L" + "|" * 11 + source + "\nOBX|1|NM|G^GLUCOSE^L||1|mg/dL|||||F\n"
        specimen = only(mapped("ORU^R01^ORU_R01", body), "Specimen").resource
        assert type_ in str(specimen["type"])
        assert ("container" in specimen) is additive
