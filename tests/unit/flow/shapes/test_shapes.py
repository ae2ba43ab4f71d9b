"""What is counted of messages of each format, and when a worker tells it."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsilo.fhir import codec
from unsilo.flow.shapes.part import ALL, Key
from unsilo.flow.shapes.watch import FORMS, Delta, Watch
from unsilo.formats import ccda, hl7v2

V2 = (
    "MSH|^~\\&|LAB|CITY|HIS|HOSP|20250105101500||ORU^R01^ORU_R01|42|P|2.5.1\r"
    "PID|1||12345^^^CITY^MR~77||DOE^JANE||19700101|F\rOBX|1|NM|GLU^Glucose^L||5.4|mmol/L||H~A|||F\rOBX|2|ST|X^Y^L||no\r"
)
CDA = """<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<code code="34133-9"/><component><structuredBody><component><section><code code="30954-2"/><text>words</text>
<entry><observation classCode="OBS" moodCode="EVN"><templateId root="1.2.3"/><statusCode code="completed"/>
<value xsi:type="PQ" value="1" unit="g"/></observation></entry></section></component></structuredBody></component>
</ClinicalDocument>"""
FHIR = b"""{"resourceType":"Bundle","type":"collection","entry":[
{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"}}},{"resource":{"resourceType":"Patient"}}]}"""


def _trees() -> dict[str, object]:
    return {
        "hl7v2": hl7v2.parse(V2.encode()).value,
        "ccda": ccda.parse(CDA.encode()).value,
        "fhir": codec.decode(FHIR).value,
    }


def _keys(fmt: str, tree: object) -> dict[str, Key]:
    form = FORMS[fmt]
    found: dict[str, Key] = {}
    for part in form.parts(tree):
        for key in form.keys(part):
            known = found.get(key.name)
            found[key.name] = key._replace(times=key.times + (known.times if known else 0))
    return found


@pytest.mark.parametrize(
    ("fmt", "name", "parent", "times"),
    [
        ("hl7v2", ALL, "", 1),
        ("hl7v2", "type ORU^R01", ALL, 1),
        ("hl7v2", "segment ORU^R01 OBX", "type ORU^R01", 1),
        ("hl7v2", "segments OBX", "", 2),
        ("hl7v2", "field OBX-5", "segments OBX", 2),
        ("hl7v2", "field OBX-8", "segments OBX", 1),
        ("hl7v2", "field MSH-9", "segments MSH", 1),
        ("hl7v2", "component PID-3.4", "field PID-3", 1),
        ("hl7v2", "component PID-3.5", "field PID-3", 1),
        ("hl7v2", "code OBX-2 NM", "field OBX-2", 1),
        ("hl7v2", "code OBX-2 ST", "field OBX-2", 1),
        ("hl7v2", "code OBX-8 A", "field OBX-8", 1),
        ("hl7v2", "code PID-8 F", "field PID-8", 1),
        ("hl7v2", "code MSH-3 LAB", "field MSH-3", 1),
        ("ccda", "type 34133-9", ALL, 1),
        ("ccda", "section 34133-9 30954-2", "type 34133-9", 1),
        ("ccda", "entry 30954-2 observation 1.2.3", "statements 30954-2", 1),
        ("ccda", "element observation 1.2.3 statusCode", "statements observation 1.2.3", 1),
        ("ccda", "code observation 1.2.3 statusCode completed", "element observation 1.2.3 statusCode", 1),
        ("ccda", "code observation 1.2.3 value PQ", "element observation 1.2.3 value", 1),
        ("fhir", "type Bundle", ALL, 1),
        ("fhir", "resource Observation", "resources", 1),
        ("fhir", "element Observation.code", "resource Observation", 1),
        ("fhir", "code Observation.status final", "element Observation.status", 1),
    ],
)
def test_what_is_counted(fmt: str, name: str, parent: str, times: int) -> None:
    """Each key has its parent, of which it is a share."""
    key = _keys(fmt, _trees()[fmt])[name]
    assert (key.parent, key.times) == (parent, times)


def test_no_value_of_a_patient_is_counted() -> None:
    """Names, numbers and results are in no key."""
    said = " ".join(name for fmt, tree in _trees().items() for name in _keys(fmt, tree))
    assert not any(word in said for word in ("DOE", "JANE", "12345", "5.4", "19700101", "words", "mmol"))


def test_lengths_and_delimiters_do_not_matter() -> None:
    """Only which places are valued counts, whatever the delimiters are and however long the values."""
    long = V2.replace("JANE", "J" * 70_000).replace("5.4", "123456.7")
    other = V2.translate(str.maketrans("|^~&", "!@*$"))
    plain = _keys("hl7v2", hl7v2.parse(V2.encode()).value)
    assert _keys("hl7v2", hl7v2.parse(long.encode()).value) == plain
    assert _keys("hl7v2", hl7v2.parse(other.encode()).value) == plain
    umlaut = V2.replace("JANE", "JÄNE")
    assert _keys("hl7v2", hl7v2.parse(umlaut.encode(), charset="UTF-8").value) == plain


def test_a_segment_that_goes_on_over_lines_can_be_counted() -> None:
    """As the parser lets it through: the fields of the other segments are counted as ever."""
    tree = hl7v2.parse((V2 + "PID\r12^^^M||Roe\rPV1|1|I\r").encode()).value
    assert "field PV1-2" in _keys("hl7v2", tree)
    assert "code PV1-2 I" in _keys("hl7v2", tree)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("AZ19^~&|\\", max_size=12).map(lambda t: "OBX|" + t), max_size=4))
def test_any_message_can_be_counted(lines: list[str]) -> None:
    """Every field with text is a key and no other: checked against the tree's own fields."""
    tree = hl7v2.parse((V2.split("\r", 1)[0] + "\r" + "\r".join(lines) + "\r").encode()).value
    assert tree is not None
    wanted = set()
    for segment in tree.segments[1:]:
        wanted |= {f"field {segment.name}-{n}" for n, f in enumerate(segment.fields) if n and f}
    assert {key for key in _keys("hl7v2", tree) if key.startswith("field OBX")} == wanted


@pytest.mark.parametrize(
    "content",
    [b"{}", b'{"resourceType":5,"entry":{}}', b'{"resourceType":"Bundle","entry":[1,{"resource":[]},{"x":1}]}', b"[]"],
)
def test_odd_json_can_be_counted(content: bytes) -> None:
    """Whatever the format's parser lets through."""
    tree = codec.decode(content).value
    if tree is not None:
        assert ALL in _keys("fhir", tree)


class _Clock:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def _told(watch: Watch, times: int) -> Iterator[Delta]:
    tree = _trees()["hl7v2"]
    for n in range(times):
        watch.note("lab", "hl7v2", f"m{n}", tree)
        delta = watch.take("lab")
        if delta is not None:
            yield delta


def test_news_are_told_at_once_and_the_rest_from_time_to_time() -> None:
    """The first message tells its keys with its id; then counts come by 500 messages or 5 seconds; none is lost."""
    clock = _Clock()
    watch = Watch(clock)
    told = list(_told(watch, 1200))
    assert [delta.counts[ALL][0] for delta in told] == [1, 500, 500]
    assert told[0].first["field PID-8"] == "m0"
    assert told[1].first == {}
    assert told[1].counts["field OBX-5"] == (1000, "segments OBX")
    clock.at += 6
    assert [delta.counts[ALL][0] for delta in _told(watch, 1)] == [200]
    assert watch.take("nobody") is None
    watch.note("lab", "hl7v2", "new", hl7v2.parse((V2 + "ZPI|1|gold\r").encode()).value)
    delta = watch.take("lab")
    assert delta is not None
    assert set(delta.first) == {"segment ORU^R01 ZPI", "segments ZPI", "field ZPI-1", "field ZPI-2"}
    assert set(delta.first.values()) == {"new"}
