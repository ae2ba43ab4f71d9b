"""FHIR XML: equal to JSON both ways, strict on what comes in, whole whatever goes out."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.unit.fhir.made import resource
from unsilo.fhir import xml
from unsilo.kernel.limits import Limits
from unsilo.spec.model import types

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'


def read(inner: str, kind: str = "Patient") -> Any:
    """Return what decoding a resource around `inner` gives."""
    return xml.decode(f'<{kind} xmlns="http://hl7.org/fhir">{inner}</{kind}>'.encode())


def rules(inner: str, kind: str = "Patient") -> list[str]:
    """Return the rules of the issues found."""
    return [issue.rule.removeprefix("fhir.xml.") for issue in read(inner, kind).issues]


@given(st.integers(0, 2**32))
def test_json_and_xml_say_the_same(seed: int) -> None:
    """Any resource of any type comes back equal, and writing it twice gives the same bytes."""
    made = resource(Random(seed))
    written = xml.encode(made)
    back = xml.decode(written)
    assert back.issues == []
    assert back.value == made
    assert xml.encode(back.value) == written
    pretty = xml.decode(xml.encode(made, pretty=True))
    assert pretty.value == made


@pytest.mark.parametrize("kind", sorted(types.resources))
def test_every_resource_type_is_written_and_read(kind: str) -> None:
    """The round trip holds for each type, at some depth."""
    for seed in range(3):
        made = resource(Random(seed), kind, depth=2)
        assert xml.decode(xml.encode(made)).value == made


def test_a_resource_in_xml_looks_as_the_standard_says() -> None:
    """Order, attributes, companions, contained resources, narrative, digits."""
    patient = {
        "resourceType": "Patient",
        "name": [{"given": ["A", None], "_given": [None, {"id": "g", "extension": [{"url": "u", "valueCode": "c"}]}]}],
        "text": {"div": DIV, "status": "generated"},
        "contained": [{"id": "o", "resourceType": "Organization", "active": True}],
        "extension": [{"valueDecimal": Decimal("1.00"), "url": "http://x", "id": "e"}],
        "id": "p",
    }
    assert xml.encode(patient).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"><id value="p"/>'
        f'<text><status value="generated"/>{DIV}</text>'
        '<contained><Organization><id value="o"/><active value="true"/></Organization></contained>'
        '<extension id="e" url="http://x"><valueDecimal value="1.00"/></extension>'
        '<name><given value="A"/><given id="g"><extension url="u"><valueCode value="c"/></extension></given></name>'
        "</Patient>"
    )
    assert xml.encode({"resourceType": "Patient", "active": True}, pretty=True).decode().splitlines()[1:] == [
        '<Patient xmlns="http://hl7.org/fhir">', '  <active value="true"/>', "</Patient>",
    ]  # fmt: skip


def test_prefixes_comments_and_schema_locations_are_taken() -> None:
    """Another prefix for FHIR's namespace is the same document; a narrative is made whole where it borrows a prefix."""
    content = (
        '<?xml version="1.0"?><!-- c --><?p i?><f:Patient xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"><f:text><!-- x -->'
        '<f:status value="generated"/><h:div><h:p>a</h:p></h:div></f:text></f:Patient>'
    )
    found = xml.decode(content.encode())
    assert found.issues == []
    assert found.value == {
        "resourceType": "Patient",
        "text": {
            "status": "generated",
            "div": '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>a</h:p></h:div>',
        },
    }


@pytest.mark.parametrize(
    ("inner", "found"),
    [
        ("<nam/>", ["element"]),
        ('<name><text value="a"/><nick value="b"/></name>', ["element"]),
        ('<active value="1"/>', ["value"]),
        ('<active value="true" valuex="x"/>', ["attribute"]),
        ('<active value=""/>', ["empty"]),
        ("<active/>", ["empty"]),
        ("<name/>", ["empty"]),
        ("<contained/>", ["resource"]),
        ('<contained><Patient><id value="a"/></Patient><Patient><id value="b"/></Patient></contained>', ["resource"]),
        ("<contained><Alien/></contained>", ["type", "resource"]),
        ("<active>true</active>", ["text"]),
        ("text", ["text"]),
        ('<gender value="male"/><gender value="male"/>', ["many"]),
        ('<deceasedBoolean value="true"/><deceasedDateTime value="2020"/>', ["choice"]),
        ('<deceasedQuantity value="1"/>', ["element"]),
        ('<multipleBirthInteger value="1.0"/>', ["value"]),
        ('<multipleBirthInteger value="١"/>', ["value"]),
        ('<multipleBirthInteger value="+1"/>', ["value"]),
        ('<multipleBirthInteger value="01"/>', ["value"]),
        ('<multipleBirthInteger value="' + "9" * 500 + '"/>', ["value"]),
        ('<x:active xmlns:x="urn:x" value="true"/>', ["namespace"]),
        ('<text><status value="generated"/><div>x</div></text>', ["namespace"]),
        (DIV, ["namespace"]),
        ('<active value="true"><nothing/></active>', ["element"]),
        ('<name id=""><text value="x"/></name>', ["empty"]),
        ('<id value="a" id="b" extra="c"/>', ["attribute"]),
        ('<active value="true"', ["syntax"]),
        ("<active value='&x;'/>", ["syntax"]),
        ('<active value="true"/>&#0;', ["syntax"]),
    ],
)
def test_what_r4_does_not_have_is_refused_with_its_place(inner: str, found: list[str]) -> None:
    """Each fault has its rule, line and byte; nothing is passed over."""
    result = read(inner)
    assert result.value is None
    assert [issue.rule.removeprefix("fhir.xml.") for issue in result.issues] == found
    for issue in result.issues:
        assert "(line 1, column " in issue.text
        assert issue.where.span is not None
        assert issue.hint


def test_the_place_is_a_path() -> None:
    """The FHIRPath of a fault leads to the repetition that it is in."""
    names = "<name><given value='a'/></name><name><given value='b'/><given value='c' x='y'/></name>"
    (issue,) = read(names).issues
    assert issue.where.path == "Patient.name[1].given[1]"
    entries = (
        '<type value="batch"/><entry><resource><Patient><active value="true"/></Patient></resource></entry><entry>'
        '<resource><Patient><active value="maybe"/></Patient></resource></entry>'
    )
    (issue,) = read(entries, "Bundle").issues
    assert issue.where.path == "Bundle.entry[1].resource.active"
    assert issue.text == "The value is not of its type: boolean (line 1, column 161)."


def test_order_is_a_warning() -> None:
    """Elements out of R4's order are read; repetitions may be apart; duplicates are still found."""
    found = read('<active value="true"/><name><text value="b"/></name><identifier><value value="1"/></identifier>')
    assert found.value is not None
    assert [issue.severity for issue in found.issues] == ["warning"]
    assert rules('<name><text value="a"/></name><gender value="male"/><name><text value="b"/></name>') == ["order"]
    assert rules('<gender value="male"/><active value="true"/><gender value="male"/>') == ["order", "many"]


def test_a_validator_may_keep_what_was_understood() -> None:
    """With `keep` the value stands beside the errors."""
    content = b'<Patient xmlns="http://hl7.org/fhir"><active value="true"/><nam/></Patient>'
    found = xml.decode(content, keep=True)
    assert found.value == {"resourceType": "Patient", "active": True}
    assert [issue.rule for issue in found.issues] == ["fhir.xml.element"]


def test_a_byte_order_mark_is_passed_over() -> None:
    """A narrative is cut at the right place behind it."""
    inner = f'<text><status value="generated"/>{DIV}</text>'
    found = xml.decode(f'\ufeff<Patient xmlns="http://hl7.org/fhir">{inner}</Patient>'.encode())
    assert found.value == {"resourceType": "Patient", "text": {"status": "generated", "div": DIV}}


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "syntax"),
        (b"\x00", "charset"),
        (b"{}", "syntax"),
        (b"<Patient/>", "namespace"),
        (b'<Patient xmlns="urn:hl7-org:v3"/>', "namespace"),
        (b'<Alien xmlns="http://hl7.org/fhir"/>', "type"),
        (b'<DomainResource xmlns="http://hl7.org/fhir"/>', "type"),
        (b'<HumanName xmlns="http://hl7.org/fhir"/>', "type"),
        (f"{BOMB}<Patient xmlns='http://hl7.org/fhir'><id value='&b;'/></Patient>".encode(), "doctype"),
        (b'<!DOCTYPE Patient SYSTEM "file:///etc/passwd"><Patient xmlns="http://hl7.org/fhir"/>', "doctype"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><Patient xmlns="http://hl7.org/fhir"/>', "charset"),
        ('<Patient xmlns="http://hl7.org/fhir"/>'.encode("utf-16"), "charset"),
        (b'<Patient xmlns="http://hl7.org/fhir"><id value="\xff"/></Patient>', "charset"),
        (b'<Patient xmlns="http://hl7.org/fhir"><id value="a"/></Patient><Patient/>', "syntax"),
        (b'<Patient xmlns="http://hl7.org/fhir"><extension url="u">' * 5000, "depth"),
        (b'<Patient xmlns="http://hl7.org/fhir"><id value="' + b"a" * 1_000_000, "syntax"),
    ],
)
def test_hostile_documents_are_refused(content: bytes, rule: str) -> None:
    """No entity is expanded, no other encoding guessed; the rule says what it is."""
    found = xml.decode(content)
    assert found.value is None
    assert rule in [issue.rule.removeprefix("fhir.xml.") for issue in found.issues]


@pytest.mark.parametrize(
    "step",
    [("<extension url='u'>", "</extension>"), ("<contained><Patient>", "</Patient></contained>"), ("<x>", "</x>")],
)
def test_depth_is_bounded(step: tuple[str, str]) -> None:
    """A thousand levels end at the limit, known elements or not; inside XHTML too."""
    opening, closing = step
    assert "depth" in rules(opening * 1000 + closing * 1000)
    inside = '<div xmlns="http://www.w3.org/1999/xhtml">' + "<b>" * 1000 + "</b>" * 1000 + "</div>"
    assert rules(f'<text><status value="generated"/>{inside}</text>') == ["depth"]


def test_size_and_number_of_issues_are_bounded() -> None:
    """What is larger than the limit is not parsed; a document of faults ends after the first hundred."""
    limits = Limits(message_bytes=100)
    content = b'<Patient xmlns="http://hl7.org/fhir"><id value="' + b"x" * 100 + b'"/></Patient>'
    assert [issue.rule for issue in xml.decode(content, limits).issues] == ["fhir.xml.size"]
    assert len(read("<x/>" * 10_000).issues) == 100


@pytest.mark.parametrize(
    "div",
    [
        "", "plain", "a < b & c", "<div>no namespace</div>", "<div>&nbsp;&eacute;&lt;</div>", "<div>open",
        '<!DOCTYPE div [<!ENTITY a "b">]><div>&a;</div>', "<p>x</p>", '<?xml version="1.0"?><div/>', "<div>\x01</div>",
        '</div></text><active value="true"/><text><div xmlns="http://www.w3.org/1999/xhtml">',
        '<div xmlns="http://hl7.org/fhir">x</div>',
    ],
)  # fmt: skip
def test_no_narrative_breaks_the_document(div: str) -> None:
    """Whatever stands in `div`, the document stays well-formed with one `div`, and nothing around it changes."""
    written = xml.encode({"resourceType": "Patient", "text": {"status": "generated", "div": div}, "gender": "male"})
    tree = etree.fromstring(written)
    assert [etree.QName(child).localname for child in tree] == ["text", "gender"]
    found = xml.decode(written)
    assert found.issues == []
    assert found.value is not None
    assert set(found.value) == {"resourceType", "text", "gender"}
    again = xml.decode(xml.encode(found.value))
    assert again.value == found.value


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from("id url div text name _name given _given contained resourceType < x".split())
        | st.text(max_size=4),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["id", "text", "name", "_active", "active", "contained", "zzz", "extension"]), ANYTHING
    )
)
def test_whatever_a_store_holds_is_written_well_formed(node: dict[str, Any]) -> None:
    """JSON of any shape below a resource type gives XML that parses; it is never an exception."""
    written = xml.encode({**node, "resourceType": "Patient"})
    etree.fromstring(written)
    xml.decode(written)


def test_what_r4_does_not_have_is_written_too() -> None:
    """Unknown elements go out by their shape, so that nobody loses them unseen; names that XML cannot have do not."""
    odd = {"resourceType": "Patient", "zzz": [{"a": 1}, "b"], "a b": 1, "gender": {"x": "y"}, "active": [True, False]}
    written = xml.encode(odd).decode()
    assert '<active value="true"/><active value="false"/><gender><x value="y"/></gender>' in written
    assert '<zzz><a value="1"/></zzz><zzz value="b"/>' in written
    assert "a b" not in written


@pytest.mark.parametrize("node", [{}, {"resourceType": 1}, {"resourceType": "<a"}, {"resourceType": "a b"}])
def test_what_is_no_resource_is_a_fault_of_the_caller(node: dict[str, Any]) -> None:
    """Without a type there is no document."""
    with pytest.raises(ValueError, match="resourceType"):
        xml.encode(node)
