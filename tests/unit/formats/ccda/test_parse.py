"""Clinical documents are read safely from any bytes, and every value is found again in the original bytes."""

import html
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.formats import ccda
from unsilo.kernel import Limits

WHOLE = """<?xml version="1.0" encoding="{encoding}"?>
<!-- a comment with <tags> -->
<n1:ClinicalDocument xmlns:n1="urn:hl7-org:v3" xmlns:s="urn:hl7-org:sdtc" xmlns:x="http://www.w3.org/2001/XMLSchema-instance">
  <n1:id root="1.2.3" extension="doc &amp; 1"/>
  <n1:code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/>
  <n1:effectiveTime value="20200102030405+0100"/>
  <n1:recordTarget><n1:patientRole>
    <n1:id extension='A"1' root="1.2.3.4"/><n1:id root="1.2.3.5" extension="2"/>
    <n1:patient><n1:name><n1:given>Zoë</n1:given><n1:family>Müller</n1:family></n1:name>
      <n1:birthTime value="19700203"/><s:raceCode code="r"/></n1:patient>
  </n1:patientRole></n1:recordTarget>
  <n1:custodian><n1:assignedCustodian><n1:representedCustodianOrganization><n1:name>North &lt;1&gt;</n1:name>
  </n1:representedCustodianOrganization></n1:assignedCustodian></n1:custodian>
  <n1:component><n1:structuredBody><n1:component><n1:section>
    <n1:text>one <n1:content ID="c1">two <![CDATA[<three>]]></n1:content> four</n1:text>
    <n1:entry><n1:observation><n1:value x:type="PQ" value="5.40"/></n1:observation></n1:entry>
  </n1:section></n1:component></n1:structuredBody></n1:component>
</n1:ClinicalDocument>
"""


def read(content: bytes) -> ccda.Document:
    """Parse and insist on a value."""
    result = ccda.parse(content)
    assert result.value is not None, result.issues
    return result.value


def holds(document: ccda.Document) -> int:
    """Check that each value stands in the bytes of its span; return how many there are."""
    count = 0
    for locator, value in ccda.valued(document):
        found = ccda.span(document, locator)
        assert found is not None, locator
        raw = html.unescape(document.raw[found[0] : found[1]].decode(document.codec))
        if "/@" in locator:
            assert raw.split() == value.split(), locator
        else:
            assert all(word in raw for word in value.split()), locator
        count += 1
    return count


@pytest.mark.parametrize("encoding", ["UTF-8", "iso-8859-1", "windows-1252", "UTF-16"])
def test_values_are_found_in_the_bytes(encoding: str) -> None:
    """Prefixes, quotation marks, references, CDATA and encodings do not move a span."""
    content = WHOLE.format(encoding=encoding).encode(encoding)
    document = read(content)
    assert document.raw == content
    assert holds(document) == 18
    family = ccda.span(document, "/ClinicalDocument/recordTarget[1]/patientRole[1]/patient[1]/name[1]/family[1]/text()")
    assert family is not None
    assert content[family[0] : family[1]].decode(document.codec) == "Müller"
    root = ccda.span(document, "/ClinicalDocument/recordTarget[1]/patientRole[1]/id[2]/@root")
    assert root is not None
    assert content[root[0] : root[1]].decode(document.codec) == "1.2.3.5"
    kind = ccda.span(
        document,
        "/ClinicalDocument/component[1]/structuredBody[1]/component[1]/section[1]/entry[1]/observation[1]/value[1]/@xsi:type",
    )
    assert kind is not None
    assert content[kind[0] : kind[1]].decode(document.codec) == "PQ"
    assert ccda.span(document, "/ClinicalDocument/nothing[1]") is None
    assert ccda.span(document, "") is None


def test_byte_order_mark_and_element_span() -> None:
    """A UTF-8 mark is skipped, and an element's span has its tags."""
    content = b"\xef\xbb\xbf" + WHOLE.format(encoding="utf-8").encode()
    document = read(content)
    assert holds(document) == 18
    where = ccda.span(document, "/ClinicalDocument/effectiveTime[1]")
    assert where is not None
    assert content[where[0] : where[1]] == b'<n1:effectiveTime value="20200102030405+0100"/>'
    assert document.root.kids[1].path == "/ClinicalDocument/code[1]"


def test_keys() -> None:
    """What one searches a document for."""
    keys = ccda.keys(read(WHOLE.format(encoding="utf-8").encode()))
    assert keys.control_id == "1.2.3^doc & 1"
    assert keys.type == "ClinicalDocument^34133-9"
    assert keys.patient_ids == [('A"1', "1.2.3.4"), ("2", "1.2.3.5")]
    assert keys.name == "Müller^Zoë"
    assert keys.birth_date == "19700203"
    assert keys.sender == "North <1>"
    assert keys.event_time == 1577930645 * 1_000_000
    assert keys.order_key == '1.2.3.4^A"1'


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("20200102030405+0100", 1577930645_000000),
        ("20200102", 1577923200_000000),
        ("2020", 1577836800_000000),
        ("20200102030405.5-0530", 1577954045_000000 - 0 + 500000),
        ("202001021", 0),
        ("yesterday", 0),
        ("", 0),
        ("20201302", 0),
        ("20200102030405+9999", 0),
    ],
)
def test_times(text: str, at: int) -> None:
    """Any HL7 precision, with zone; nonsense is no time."""
    from unsilo.formats.ccda.keys import microseconds

    assert microseconds(text) == at


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;">]>
<ClinicalDocument xmlns="urn:hl7-org:v3"><title>&lol1;</title></ClinicalDocument>"""


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"not xml", "syntax"),
        (b"<a", "syntax"),
        (b"<ClinicalDocument xmlns='urn:hl7-org:v3'><id></ClinicalDocument>", "syntax"),
        (b"<ClinicalDocument xmlns='urn:hl7-org:v3'>&nbsp;</ClinicalDocument>", "syntax"),
        (b"<ClinicalDocument xmlns='urn:hl7-org:v3'>\x00</ClinicalDocument>", "syntax"),
        (LAUGHS, "doctype"),
        (b"<!DOCTYPE html><html/>", "doctype"),
        (b"\xef\xbb\xbf <!-- x --><?p?><!doctype html><html/>", "doctype"),
        (
            LAUGHS.decode().replace('?xml version="1.0"?', '?xml version="1.0" encoding="utf-16"?').encode("utf-16"),
            "doctype",
        ),
        (b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "doctype"),
        (LAUGHS.replace(b'"1.0"?', b'"1.0" encoding="utf-7"?'), "encoding"),
        ("<?xml version='1.0' encoding='cp037'?><a/>".encode("cp037"), "syntax"),
        ("<a/>".encode("utf-32"), "syntax"),
        (b"\xff\xfe<\x00a\x00\x00\xd8", "codec"),
        (b"<html/>", "foreign"),
        (b"<a xmlns='urn:hl7-org:v3'/><b/>", "foreign"),
    ],
)
def test_refused_with_an_issue(content: bytes, rule: str) -> None:
    """Everything that is no safe clinical document is refused by name, and nothing raises."""
    result = ccda.parse(content)
    assert result.value is None
    assert rule in {i.rule.rpartition(".")[2] for i in result.issues}


def test_doctype_place() -> None:
    """The Issue points at the DOCTYPE in the original bytes."""
    [issue] = ccda.parse(LAUGHS).issues
    assert issue.where.span is not None
    assert LAUGHS[issue.where.span[0] : issue.where.span[1]] == b"<!DOCTYPE"
    assert issue.code == "security"


def test_depth_size_and_number_are_bounded() -> None:
    """Deep, long and crowded documents are refused in bounded time."""
    start = time.process_time()
    opening = b"<ClinicalDocument xmlns='urn:hl7-org:v3'>"
    for depth in (250, 3000, 300_000):
        result = ccda.parse(opening + b"<a>" * depth + b"</a>" * depth + b"</ClinicalDocument>")
        assert result.issues[0].rule == ("ccda.xml.depth" if depth < 5000 else "ccda.xml.elements"), depth
    assert ccda.parse(opening + b"<a>" * 100_000).value is None
    crowded = ccda.parse(opening + b"<a/>" * 1_100_000 + b"</ClinicalDocument>")
    assert crowded.issues[0].rule == "ccda.xml.elements"
    assert ccda.parse(b"<" * 100, Limits(message_bytes=99)).issues[0].rule == "ccda.xml.size"
    attributes = b" ".join(b'a%d="1"' % i for i in range(100_000))
    wide = ccda.parse(opening + b"<a " + attributes + b"/></ClinicalDocument>")
    assert wide.issues[0].rule == "ccda.xml.attributes"
    dense = ccda.parse(opening + b"<a/>" * 20_000 + b"</ClinicalDocument>")
    assert dense.value is not None
    assert ccda.parse(opening + b"<a/>" * 100_000 + b"</ClinicalDocument>").issues[0].rule == "ccda.xml.elements"
    assert time.process_time() - start < 10


def test_huge_text_is_read() -> None:
    """One text of eleven megabytes (an embedded report) is within the limits."""
    content = b"<ClinicalDocument xmlns='urn:hl7-org:v3'><text>" + b"A" * 11_000_000 + b"</text></ClinicalDocument>"
    document = read(content)
    found = ccda.span(document, "/ClinicalDocument/text[1]/text()")
    assert found is not None
    assert found[1] - found[0] == 11_000_000


def test_wrong_encoding_name_is_read_with_a_warning() -> None:
    """Latin bytes under a UTF-8 declaration, and UTF-8 under a UTF-16 one, are read and said."""
    latin = '<?xml version="1.0" encoding="utf-8"?>'
    latin += '<ClinicalDocument xmlns="urn:hl7-org:v3"><title>Zoë</title></ClinicalDocument>'
    for content in (latin.encode("latin-1"), latin.replace("utf-8", "utf-16").encode()):
        result = ccda.parse(content)
        assert result.value is not None
        assert result.issues[0].rule == "ccda.xml.codec"
        assert result.issues[0].severity == "warning"
        assert dict(ccda.valued(result.value))["/ClinicalDocument/title[1]/text()"] == "Zoë"
        assert holds(result.value) == 1


@pytest.mark.parametrize(
    ("content", "path", "count"),
    [
        (b'<section><code code="1"/><entry><act><value xsi:type="CD" code="x"/></act></entry></section>', "section", 2),
        (
            b'<!-- x --><entry><observation sdtc:a="1"/></entry>\n<entry><act><id root="1"/></act></entry>',
            "entry[2]",
            2,
        ),
        (b'<organizer xmlns="urn:hl7-org:v3"><id root="1"/></organizer>', "organizer", 1),
        (b'<recordTarget><patientRole><id root="1"/></patientRole></recordTarget>', "recordTarget", 1),
        (b'<ClinicalDocument><id root="1"/></ClinicalDocument>', "ClinicalDocument", 1),
        (b'  <?xml version="1.0"?><component><section><title>t</title></section></component>', "component", 1),
        (b'<component><observation><id root="1"/></observation></component>', "component", 1),
        (b'<odd:section xmlns:odd="urn:hl7-org:v3"><odd:title>t</odd:title><foo:x y="1"/></odd:section>', "section", 2),
    ],
)
def test_fragments_find_their_place(content: bytes, path: str, count: int) -> None:
    """Sections, entries and header parts are put into an empty document, with the locators of what was sent."""
    result = ccda.parse(content)
    assert result.value is not None
    assert {i.severity for i in result.issues} <= {"warning", "information"}
    assert result.issues
    document = result.value
    assert document.root.name == "ClinicalDocument"
    assert holds(document) == count
    assert ccda.span(document, f"/{path}") is not None
    assert document.root.path == ("/ClinicalDocument" if path == "ClinicalDocument" else "")
    ccda.keys(document)


@given(st.binary(max_size=300) | st.text(alphabet="<>/!?&;='\"- aCDsection[]x:").map(str.encode))
def test_never_raises(content: bytes) -> None:
    """Any bytes give a document or an Issue."""
    result = ccda.parse(content)
    assert result.value is not None or result.issues
    if result.value is not None:
        holds(result.value)
        ccda.keys(result.value)


@given(st.integers(0, len(WHOLE)))
def test_cut_at_every_byte(end: int) -> None:
    """A document that ends too early is refused or read as far as it is whole."""
    result = ccda.parse(WHOLE.format(encoding="utf-8").encode()[:end])
    assert result.value is not None or result.issues


@pytest.mark.corpora
def test_real_documents() -> None:
    """Every value of real vendors' documents is found at its span."""
    root = os.environ.get("UNSILO_CORPORA")
    if not root:
        pytest.skip("UNSILO_CORPORA names no folder of test data")
    for path in sorted(Path(root, "ehr-ccda").rglob("*.xml"))[::8]:
        assert holds(read(path.read_bytes())) > 100
