"""The pages of a person, as HTML."""

import html
import re
from typing import Any

import pytest

from unsilo.flow.fhir import write
from unsilo.flow.fhir.outcome import Caller
from unsilo.flow.read import load
from unsilo.kernel import clock, seal
from unsilo.policy import Predicate
from unsilo.storage import Incoming

HOME = {"sec-fetch-site": "same-origin"}


def _links(text: str, pattern: str) -> list[str]:
    return [html.unescape(h) for h in re.findall(rf'href="({pattern})"', text)]


def test_a_fact_leads_to_its_bytes_and_the_download_is_exact(node: Any) -> None:
    """The marked bytes are the value; the download is what came in, to the byte."""
    client, uid = node.client("clinician"), node.people["demirci"]
    page = client.get(f"/people/{uid}").text
    fact = next(h for h in _links(page, r"/people/[^\"]+/facts/Observation/[^\"?]+") if h)
    shown = client.get(fact).text
    assert "<mark>5.6</mark>" in shown
    assert "City Laboratory" in shown
    original = client.get(_links(shown, r"/people/[^\"]+/originals/[^\"]+")[0])
    assert original.content.startswith(b"MSH|^~\\&|LAB")
    assert original.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in original.headers["content-security-policy"]


@pytest.mark.parametrize(("user", "ready"), [("engineer", False), ("steward", True)])
def test_whose_message_was_read_has_a_page_that_is_ready(
    node: Any, monkeypatch: pytest.MonkeyPatch, user: str, ready: bool
) -> None:
    """A search and a message lead to one person: the page is worked out, for those who may open it only."""
    asked_for: list[str] = []
    monkeypatch.setattr(load, "foresee", lambda _store, _feeds, uid, *_rest: asked_for.append(uid))
    row = node.service.store.search_messages("100")[0]
    assert node.client(user).get(f"/messages/{row.id}").status_code == 200
    assert asked_for == ([node.people["demirci"]] if ready else [])
    if ready:
        node.client(user).get("/people?q=200")
        assert asked_for[1:] == [node.people["attack"]]


def test_a_fact_of_another_person_is_not_there(node: Any) -> None:
    """Neither the fact nor its original opens under somebody else's address."""
    client = node.client("clinician")
    mine, other = node.people["demirci"], node.people["attack"]
    page = client.get(f"/people/{other}").text
    fact = _links(page, r"/people/[^\"]+/facts/Observation/[^\"?]+")[0]
    assert client.get(fact).status_code == 200
    original = _links(client.get(fact).text, r"/people/[^\"]+/originals/[^\"]+")[0]
    assert client.get(original).status_code == 200
    for address in (fact, original):
        assert client.get(address.replace(other, mine)).status_code == 404
    assert client.get("/people/nobody").status_code == 404
    assert client.get(f"/people/{mine}/facts/Observation/none").status_code == 404


def test_a_name_that_is_an_attack_is_only_text(node: Any) -> None:
    """Markup in a message never becomes markup of a page."""
    uid = node.people["attack"]
    for role, path in (
        ("clinician", f"/people/{uid}"), ("clinician", f"/people/{uid}/print"), ("clinician", "/people?q=200"),
        ("engineer", "/messages"), ("steward", f"/people/{uid}/records"), ("clinician", f"/people/{uid}?only=<script>"),
        ("engineer", "/messages?q=<script>alert(1)</script>"), ("admin", "/admin/audit?actor=<script>"),
    ):  # fmt: skip
        text = node.client(role).get(path).text
        assert "<script>alert" not in text.lower(), path
        assert "<SCRIPT>" not in text, path


def test_odd_addresses_give_pages_not_faults(node: Any) -> None:
    """Unknown choices mean the first one; numbers that are none mean none."""
    client, uid = node.client("clinician"), node.people["demirci"]
    for query in (
        "lanes=x&span=y",
        "at=-1",
        "at=99999999999999999999999",
        "skip=abc",
        "skip=100000",
        "new=1",
        "only=zz",
    ):
        assert client.get(f"/people/{uid}?{query}").status_code == 200, query
    assert client.get(f"/people/{uid}/facts/Observation/x?version=zz").status_code == 404
    assert client.get(f"/people/{uid}/results?test=none").status_code == 404
    assert client.get(f"/people/{uid}/sections/none").status_code == 404
    assert client.get(f"/people/{uid}/files/DiagnosticReport/x/0").status_code == 404
    assert client.get("/people?q=" + "a" * 5000).status_code == 200


def test_what_came_since_the_last_look_is_marked_for_each_reader(node: Any) -> None:
    """A first look says so; after new data the next look marks it; another reader has marks of their own."""
    uid = node.people["demirci"]
    client = node.client("steward")
    assert "not looked at this record before" in client.get(f"/people/{uid}").text
    assert "Nothing new since you last looked" in client.get(f"/people/{uid}").text
    node.take(
        b"MSH|^~\\&|LAB|CITY|U|H|20260401080000+0000||ORU^R01^ORU_R01|N9|P|2.5.1\r"
        b"PID|1||100^^^LAB^MR||Demirci^Ada||19450714|F\rPV1|1|O\r"
        b"OBR|1|P9^LAB|F9^LAB|2951-2^Sodium^LN|||20260401080000+0000|||||||||||||||20260401080000+0000||LAB|F\r"
        b"OBX|1|NM|2951-2^Sodium^LN||131|mmol/L|135-145|L|||F|||20260401080000+0000\r"
    )
    page = client.get(f"/people/{uid}").text
    assert "new since you last looked" in page
    assert "Sodium" in client.get(f"/people/{uid}?new=1").text


def test_whom_one_looked_at_last_is_there_before_anything_is_typed(node: Any) -> None:
    """For the reader alone, with a trace; another reader's page is empty until they look at somebody."""
    uid, store = node.people["demirci"], node.service.store
    client = node.client("clinician")
    client.get(f"/people/{uid}")
    rows = store.audit_rows(limit=1000)
    text = client.get("/people").text
    assert "You looked at these last" in text
    assert f'href="/people/{uid}"' in text
    added = [row for row in store.audit_rows(limit=1000) if row not in rows]
    traced = {(row.action, row.person, row.what) for row in added}
    assert ("find", store.person(uid).person, "listed as looked at lately") in traced
    assert "You looked at these last" not in client.get("/people?q=zzz").text
    assert f'href="/people/{uid}"' not in node.client("admin").get("/people").text


def test_reasons_name_authorities_and_write_dates_as_pages_do(node: Any) -> None:
    """What the matcher says; the words of a person stay to the letter."""
    store = node.service.store
    for family in ("Ash", "Elm"):
        node.take(MADE % (family.encode(), family.encode(), family.encode()))
    uid = store.find_people("elm")[0].uid
    patient, other = store.find_people("ash")[0].patients[0].id, store.person(uid).person
    said = "Linked by number 7 of urn:id:lab, born 1945-07-14."
    store.submit(lambda tx: tx.link(patient, other, "R1", said, "feed:lab", 1)).result(10)
    text = node.client("steward").get(f"/people/{uid}/records").text
    assert "number 7 of City Laboratory, born" in text
    assert "14-Jul-1945" in text
    store.submit(lambda tx: tx.unlink(patient, "manual", said, "steward", 2)).result(10)
    assert said in node.client("steward").get(f"/people/{uid}/records").text


MADE = (
    b"MSH|^~\\&|LAB|CITY|U|H|20260501080000+0000||ADT^A28^ADT_A05|%s|P|2.5.1\rEVN|A28|20260501080000\r"
    b"PID|1||%s^^^LAB^MR||%s^Kim||19310101|F\rPV1|1|N\r"
)


def test_the_drawer_part_is_in_the_page_itself(node: Any) -> None:
    """What a script lifts into the drawer is the plain page's own content."""
    client, uid = node.client("clinician"), node.people["demirci"]
    fact = _links(client.get(f"/people/{uid}").text, r"/people/[^\"]+/facts/Observation/[^\"?]+")[0]
    assert client.get(fact).text.count("data-fragment") == 1


def test_an_html_attachment_is_only_ever_saved(node: Any) -> None:
    """Active content leaves as a download under a policy that runs nothing."""
    client, uid = node.client("clinician"), node.people["attack"]
    page = client.get(f"/people/{uid}").text
    for report in _links(page, r"/people/[^\"]+/reports/[^\"]+"):
        for file in _links(client.get(report).text, r"/people/[^\"]+/files/[^\"]+"):
            answer = client.get(file)
            assert answer.status_code == 200
            assert answer.headers["content-disposition"].startswith("attachment")
            assert "sandbox" in answer.headers["content-security-policy"]


CDA = """<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<realmCode code="US"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<templateId root="2.16.840.1.113883.10.20.22.1.2" extension="2015-08-01"/><id root="2.999.7" extension="D1"/>
<code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><title>Summary</title><effectiveTime value="20260301080000"/>
<recordTarget><patientRole><id root="2.999.8" extension="C7"/><patient><name><given>Olga</given><family>Petrov</family>
</name><administrativeGenderCode code="F"/><birthTime value="19510203"/></patient></patientRole></recordTarget>
<component><structuredBody><component><section><code code="10160-0" codeSystem="2.16.840.1.113883.6.1"/>
<title>Medicines</title><text><paragraph>Ask about &lt;script&gt;alert(1)&lt;/script&gt; first.</paragraph>
<table><thead><tr><th>Drug</th><th>Dose</th><th>Since</th></tr></thead>
<tbody><tr><td>warfarin</td><td/><td>2019</td></tr></tbody></table></text></section></component>
</structuredBody></component></ClinicalDocument>"""


def test_a_document_is_read_section_by_section(node: Any) -> None:
    """Its words and tables stand there without markup, an empty cell keeps its place, the original is one step away."""
    node.take(CDA.encode(), "clinic")
    client, uid = node.client("clinician"), node.service.store.find_people("petrov")[0].uid
    address = _links(client.get(f"/people/{uid}").text, r"/people/[^\"]+/reports/[^\"]+")[0]
    page = client.get(address).text
    assert "<h3>Medicines</h3>" in page
    assert "Ask about &lt;script&gt;alert(1)&lt;/script&gt; first." in page
    cells = re.findall(r"<(t[hd])><div class=\"prose\" dir=\"auto\">([^<]*)</div></\1>", page)
    assert cells == [("th", "Drug"), ("th", "Dose"), ("th", "Since"), ("td", "warfarin"), ("td", ""), ("td", "2019")]
    original = html.unescape(_links(page, r"/people/[^\"]+/originals/[^\"]+")[0])
    answer = client.get(original)
    assert answer.content == CDA.encode()
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "Only a reference" not in page


def test_linking_needs_a_reason_and_a_record_that_is_elsewhere(node: Any) -> None:
    """Without a reason nothing happens; a record cannot be linked where it already is."""
    client, store = node.client("steward"), node.service.store
    mine, other = node.people["demirci"], node.people["attack"]
    theirs = store.person(other).patients[0]
    address = f"/people/{mine}/records/link"
    page = client.get(f"{address}?patient={theirs}")
    assert page.status_code == 200
    assert "This record: <bdi>City Laboratory</bdi>" in page.text
    assert "The record of City Laboratory (200) will also be shown on this person&#39;s page" in page.text
    answer = client.post(address, data={"patient": theirs, "reason": " "}, headers=HOME)
    assert "say why" in answer.text
    assert store.person(other).patients == [theirs]
    own = store.person(mine).patients[0]
    assert client.post(address, data={"patient": own, "reason": "x"}, headers=HOME).status_code == 404
    assert client.get(f"/people/{mine}/records/unlink?patient={theirs}").status_code == 404


def test_a_correction_is_on_the_very_next_page(node: Any) -> None:
    """What was worked out for a record is never shown after the record changed."""
    node.take(ORU % (b"K1", b"F", b"4.0", b"F"))
    client, uid = node.client("clinician"), node.service.store.find_people("300")[0].uid
    assert "4.0\u00a0mmol/L" in client.get(f"/people/{uid}").text
    assert "4.0\u00a0mmol/L" in client.get(f"/people/{uid}").text
    node.take(ORU % (b"K2", b"C", b"5.9", b"C"))
    page = client.get(f"/people/{uid}").text
    assert "5.9\u00a0mmol/L" in page
    assert "Corrected" in page
    assert "4.0\u00a0mmol/L" not in page


ORU = (
    b"MSH|^~\\&|LAB|CITY|U|H|20260501080000+0000||ORU^R01^ORU_R01|%s|P|2.5.1\r"
    b"PID|1||300^^^LAB^MR||Tester^Cora||19800101|F\rPV1|1|O\r"
    b"OBR|1|P300^LAB|F300^LAB|2823-3^Potassium^LN|||20260501080000+0000|||||||||||||||20260501080000+0000||LAB|%s\r"
    b"OBX|1|NM|2823-3^Potassium^LN||%s|mmol/L|3.5-5.1||||%s|||20260501080000+0000\r"
)


def test_failed_messages_of_the_person_are_counted_and_no_one_elses(node: Any) -> None:
    """The strip names what has not reached the record; a number that only begins alike is another person's."""
    uid = node.people["attack"]
    client = node.client("steward")
    assert "No message of this person failed or waits" in client.get(f"/people/{uid}").text
    for number in ("200", "2001"):
        envelope = seal("lab", "hl7v2", f"broken {number}".encode(), clock.now())
        incoming = Incoming(envelope, keys=[("patient", number)], type="ORU^R01", state="dead")
        node.service.store.receive(incoming).result(10)
    text = re.sub(r"<[^>]+>", "", client.get(f"/people/{uid}").text)
    assert "1 message of this person failed" in text


def test_what_a_program_wrote_says_so(node: Any) -> None:
    """A fact of the FHIR interface has no message: it says how it came, and each element stands as it was sent."""
    service = node.service
    caller = Caller("client:app", "api", Predicate())
    patient = {"resourceType": "Patient", "id": "w1", "name": [{"family": "Written"}], "birthDate": "1971-05-05"}
    fact = {
        "resourceType": "Observation", "id": "w2", "status": "final", "code": {"text": "Glucose"},
        "subject": {"reference": "Patient/w1"}, "valueString": "high",
    }  # fmt: skip
    for resource in (patient, fact):
        assert (
            write.update(service, caller, resource["resourceType"], resource["id"], resource).result(10).status == 201
        )
    uid = service.store.person(service.store.person_of("w1")).uid
    client = node.client("clinician")
    assert "FHIR interface" in client.get(f"/people/{uid}").text
    shown = client.get(f"/people/{uid}/facts/Observation/w2").text
    assert "by the FHIR interface" in shown
    assert shown.count("as it was sent") >= 4


def test_the_page_of_the_one_person_found_is_worked_out_before_it_is_opened(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for the search, not again for the page, which is the same as without; of many nobody's is."""
    made: list[int] = []
    whole = load.person_view
    monkeypatch.setattr(load, "person_view", lambda *a, **k: made.append(1) or whole(*a, **k))
    client = node.client("clinician")
    node.take(_message("7001", "Vesterholt"))
    assert client.get("/people?q=7001").status_code == 200
    assert made == [1]
    uid = node.service.store.find_people("7001")[0].uid
    shown = client.get(f"/people/{uid}").text
    assert made == [1]
    assert "VESTERHOLT" in shown
    assert "4.9" in shown
    for number in ("7101", "7102", "7103"):
        node.take(_message(number, f"Quiller{number}"))
    assert client.get("/people?q=quiller").status_code == 200
    assert made == [1]


def test_who_was_looked_at_last_is_worked_out_as_soon_as_the_search_opens(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that has just begun remembers nobody; the first two of the list are ready when they are opened."""
    client, store = node.client("steward"), node.service.store
    uids = []
    for number in ("7201", "7202", "7203"):
        node.take(_message(number, f"Ostrander{number}"))
        uids.append(store.find_people(number)[0].uid)
        client.get(f"/people/{uids[-1]}")
    made: list[str] = []
    monkeypatch.setattr(load, "foresee", lambda _store, _feeds, uid, *_rest: made.append(uid))
    assert client.get("/people").status_code == 200
    assert made == [uids[2], uids[1]]


def _message(number: str, family: str) -> bytes:
    lines = [
        f"MSH|^~\\&|LAB|CITY|U|H|20260301080000+0000||ORU^R01^ORU_R01|F{number}|P|2.5.1",
        f"PID|1||{number}^^^LAB^MR||{family}^Ada||19500214|F",
        f"OBR|1|P{number}^LAB|F{number}^LAB|2823-3^Potassium^LN|||20260301080000+0000|||||||||||||||20260301080000+0000||LAB|F",
        "OBX|1|NM|2823-3^Potassium^LN||4.9|mmol/L|3.5-5.1|N|||F|||20260301080000+0000",
    ]
    return "\r".join(lines).encode() + b"\r"
