"""The parts of C-CDA mapping by themselves: paths, units, narrative, timing, recognition, overlays."""

# ruff: noqa: E501 - an XML element on one line is easier to read

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from unsilo.formats import ccda
from unsilo.formats.ccda.grow import from_elements
from unsilo.kernel import seal
from unsilo.mapping import Mapped, Site, load
from unsilo.mapping.ccda.functions import FUNCTIONS
from unsilo.mapping.ccda.narrative import plain, text_of, xhtml
from unsilo.mapping.ccda.recognise import recognise
from unsilo.mapping.ccda.units import is_ucum
from unsilo.mapping.ccda.walk import path_of, valued_node
from unsilo.mapping.ccda.writer import types_of

V3 = 'xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
MEDICATIONS = "2.16.840.1.113883.10.20.22.2.1.1"


def node(text: str) -> ccda.Node:
    """One CDA element; its start tag gets the namespaces."""
    root = etree.fromstring(re.sub(r"^<(\w+)", rf"<\1 {V3}", text))
    return from_elements(root, [root])[0]


TREE = node(
    '<act><id root="1" extension="x"/><id root="2"/><code nullFlavor="UNK"/><code code=" c "/><text> a <b>b</b>\n</text>'
    '<value xsi:type="cda:PQ" value="5"/><sdtc:note code="s"/><templateId root="9.9"/>'
    '<entry><templateId root="7"/><obs v="1"/></entry><entry><obs v="2"/></entry></act>'
)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("id/@root", ["1", "2"]),
        ("id[2]/@root", ["2"]),
        ("id[@extension]/@root", ["1"]),
        ("id[not(@extension)]/@root", ["2"]),
        ("code/@code", ["c"]),
        ("text/text()", ["a b"]),
        ('value[@xsi:type="PQ"]/@value', ["5"]),
        ('value[@xsi:type="ST"]/@value', []),
        ("value/@xsi:type", ["PQ"]),
        ("sdtc:note/@code", ["s"]),
        ("note/@code", []),
        ('entry[templateId="7"]/obs/@v', ["1"]),
        ('entry[obs/@v="2"]/obs/@v', ["2"]),
        ("*/obs/@v", ["1", "2"]),
        ("//obs/@v", ["1", "2"]),
        ('//obs[@v="2"]/@v', ["2"]),
        ("id|value/@value", ["5"]),
        ("nothing/below/@x", []),
    ],
)
def test_paths(path: str, found: list[str]) -> None:
    """Steps, predicates, positions, namespaces and alternatives of the tables' paths."""
    compiled = path_of(path)
    assert [compiled.read(n) for n in compiled.all(TREE)] == found
    assert compiled.says(TREE) == (found[0] if found else "")
    assert compiled.valued(TREE) is bool(found)
    assert compiled.count(TREE) == len(found)


def test_valued_nodes() -> None:
    """A node with a nullFlavor and a type only says nothing."""
    assert not valued_node(node('<value xsi:type="CD" nullFlavor="UNK"/>'))
    assert valued_node(node('<value xsi:type="CD" code="1"/>'))
    assert valued_node(node("<title>t</title>"))
    assert path_of(".").valued(TREE)
    assert not path_of("code[@nullFlavor]").valued(TREE)


@pytest.mark.parametrize("path", ["@a/b", "text()/x", "/Other/id", "a b", "a[", "a/../b"])
def test_wrong_paths_are_refused(path: str) -> None:
    """A path that cannot be read is a ValueError that a table's fault shows."""
    with pytest.raises(ValueError, match=r"."):
        path_of(path)


@pytest.mark.parametrize(
    "unit",
    ["mg", "mg/dL", "mm[Hg]", "/min", "10*3/uL", "10*9/L", "%", "{score}", "[in_i]", "kg/m2", "1", "mL/min/{1.73_m2}",
     "g/(24.h)", "Cel", "[degF]", "m[iU]/mL", "ug/kg/min", "10^3/uL", "mg/mg{creat}", "/[HPF]", "cm[H2O]", "meq/L", "[pH]"],
)  # fmt: skip
def test_ucum_units(unit: str) -> None:
    """Units of UCUM, with prefixes, exponents, products and annotations."""
    assert is_ucum(unit)


@pytest.mark.parametrize(
    "unit", ["", "Tablet", "bpm", "lb", "x10E3/uL", "mm Hg", "mcg", "pH", "degrees C", "mg//dL", "(mg", "mg/", "{", "é"]
)
def test_words_are_no_ucum(unit: str) -> None:
    """A local word never gets UCUM's name."""
    assert not is_ucum(unit)


@given(st.text(alphabet="mgdLu/.()[]{}0123456789*^-+ kH", max_size=90))
def test_units_never_raise(unit: str) -> None:
    """Any text is a unit or not."""
    assert is_ucum(unit) in (True, False)


def test_narrative_is_safe_xhtml() -> None:
    """Tables, lists and styles become XHTML; scripts, styles and odd links do not."""
    text = node(
        '<text><paragraph>a &lt;b&gt; <content styleCode="Bold" ID="x">c</content><br/>d</paragraph>'
        '<list listType="ordered"><item>one</item></list><table onclick="x()"><tbody><tr><td colspan="2">t</td></tr></tbody></table>'
        '<linkHtml href="javascript:alert(1)">bad</linkHtml><linkHtml href="https://a.b">good</linkHtml>'
        "<renderMultiMedia/><script>s</script></text>"
    )
    div = xhtml(text)
    assert div.startswith('<div xmlns="http://www.w3.org/1999/xhtml">')
    assert "<b>c</b>" in div
    assert "a &lt;b&gt; " in div
    assert "<ol><li>one</li></ol>" in div
    assert '<td colspan="2">t</td>' in div
    assert "javascript" not in div
    assert "onclick" not in div
    assert "<script" not in div
    assert '<a href="https://a.b">good</a>' in div
    etree.fromstring(div)


def test_narrative_references() -> None:
    """A reference gives the text it points to, cells apart; a dangling one gives nothing."""
    root = node(
        '<text><table><tr ID="r"><td>Peanut</td><td>Hives</td></tr></table><list><item ID="i">a\n b</item></list></text>'
    )
    ids = ccda.Document(b"", root, [root], "utf-8", 0).ids()
    assert plain(ids["r"]) == "Peanut Hives"
    assert text_of(node('<text><reference value="#i"/></text>'), ids)[0] == "a b"
    assert text_of(node('<text><reference value="#none"/></text>'), ids)[0] == ""
    assert text_of(node("<text>own</text>"), ids)[0] == "own"


def test_deep_narrative_does_not_overflow() -> None:
    """Nesting costs no stack."""
    deep = node("<text>" + "<content>" * 190 + "x" + "</content>" * 190 + "</text>")
    assert xhtml(deep).count("<span>") == 190
    assert plain(deep) == "x"


def document(section: str, kind: str = MEDICATIONS) -> bytes:
    """A document with one section of a kind."""
    return (
        f'<ClinicalDocument {V3}><id root="1.2.3" extension="d"/><recordTarget><patientRole><id root="1.2" extension="1"/>'
        f'</patientRole></recordTarget><component><structuredBody><component><section><templateId root="{kind}"/>'
        f"{section}</section></component></structuredBody></component></ClinicalDocument>"
    ).encode()


def run(content: bytes, site: Site | None = None) -> Mapped:
    """Map a document."""
    parsed = ccda.parse(content)
    assert parsed.value is not None, parsed.issues
    return load("ccda", site or Site(feed="f", organisation="o")).run(parsed.value, seal("f", "ccda", content, 0))


def medication(times: str) -> dict[str, Any]:
    """The MedicationRequest of an activity with these times."""
    entry = (
        f'<entry><substanceAdministration moodCode="INT"><id root="1.9" extension="m"/><statusCode code="active"/>{times}'
        '<consumable><manufacturedProduct><manufacturedMaterial><code code="1" codeSystem="2.16.840.1.113883.6.88"/>'
        "</manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry>"
    )
    found = [e.resource for e in run(document(entry)).entries if e.resource["resourceType"] == "MedicationRequest"]
    assert len(found) == 1
    return found[0]


def every(value: str, unit: str, begin: str = "", more: str = "") -> str:
    """A time that repeats, perhaps from a moment on."""
    phase = f'<phase><low value="{begin}"/></phase>' if begin else ""
    return f'<effectiveTime xsi:type="PIVL_TS" {more}>{phase}<period value="{value}" unit="{unit}"/></effectiveTime>'


@pytest.mark.parametrize(
    ("times", "timing"),
    [
        ('<effectiveTime value="20200102"/>', {"event": ["2020-01-02"]}),
        (
            '<effectiveTime xsi:type="IVL_TS"><low value="2020"/><high value="202103"/></effectiveTime>',
            {"repeat": {"boundsPeriod": {"start": "2020", "end": "2021-03"}}},
        ),
        (
            '<effectiveTime xsi:type="PIVL_TS"><period value="6" unit="h"/></effectiveTime>',
            {"repeat": {"frequency": 1, "period": 6, "periodUnit": "h"}},
        ),
        (
            '<effectiveTime xsi:type="PIVL_TS"><period><low value="4" unit="h"/><high value="6" unit="h"/></period></effectiveTime>',
            {"repeat": {"frequency": 1, "period": 4, "periodUnit": "h", "periodMax": 6}},
        ),
        (
            '<effectiveTime xsi:type="EIVL_TS"><event code="ACM"/><offset><low value="1" unit="h"/></offset></effectiveTime>',
            {"repeat": {"when": ["ACM"], "offset": 60}},
        ),
        (
            '<effectiveTime xsi:type="SXPR_TS"><comp xsi:type="EIVL_TS"><event code="HS"/></comp></effectiveTime>',
            {"repeat": {"when": ["HS"]}},
        ),
        (
            '<effectiveTime xsi:type="EIVL_TS"><event code="AC"/><offset><low value="-1" unit="h"/></offset></effectiveTime>',
            {"repeat": {"when": ["AC"], "offset": 60}},
        ),
        (
            every("1", "wk", "20240304", 'alignment="DW"') + every("12", "h", more='operator="A"'),
            {"repeat": {"frequency": 1, "period": 12, "periodUnit": "h", "dayOfWeek": ["mon"]}},
        ),
        (
            every("1", "wk", "20240304") + every("7", "d", "20240307"),
            {"repeat": {"frequency": 2, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "thu"]}},
        ),
        (
            every("1", "d", "202403040800") + every("24", "h", "202403042030"),
            {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d", "timeOfDay": ["08:00:00", "20:30:00"]}},
        ),
        (every("8", "h") * 2, {"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}}),
        (every("8", "h") + every("2", "d"), None),
        (every("1", "wk", "20249999") + every("1", "wk", "20240304"), None),
        ('<effectiveTime xsi:type="PIVL_TS"><period value="1" unit="fortnight"/></effectiveTime>', None),
        ('<effectiveTime nullFlavor="UNK"/>', None),
    ],
)
def test_timing(times: str, timing: Any) -> None:
    """Each shape of effectiveTime becomes what FHIR's Timing has for it, or nothing."""
    request = medication(times)
    found = request.get("dosageInstruction", [{}])[0].get("timing")
    assert found == timing


RESULTS = "2.16.840.1.113883.10.20.22.2.3.1"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('<value xsi:type="PQ" value="5.40" unit="mmol/L"/>', ("valueQuantity", "5.40")),
        ('<value xsi:type="n1:PQ" value="5" unit="mmol/L"/>', ("valueQuantity", "5")),
        ('<value xsi:type="INT" value="7"/>', ("valueInteger", "7")),
        ('<value xsi:type="REAL" value="7.10"/>', ("valueQuantity", "7.10")),
        ('<value xsi:type="ST">pos</value>', ("valueString", "pos")),
        ('<value xsi:type="ED">long text</value>', ("valueString", "long text")),
        ('<value xsi:type="CD" code="1" displayName="x"/>', ("valueCodeableConcept", "1")),
        ('<value xsi:type="CO" code="2"/>', ("valueCodeableConcept", "2")),
        ('<value xsi:type="BL" value="false"/>', ("valueBoolean", "False")),
        ('<value xsi:type="TS" value="2020"/>', ("valueDateTime", "2020")),
        ('<value xsi:type="IVL_PQ"><low value="3" unit="g"/></value>', ("valueQuantity", ">=")),
        ('<value xsi:type="IVL_PQ"><low value="3" unit="g" inclusive="false"/></value>', ("valueQuantity", "'>'")),
        ('<value xsi:type="IVL_PQ"><low value="3" unit="g"/><high value="4" unit="g"/></value>', ("valueRange", "4")),
        ('<value value="3.0"/>', ("valueQuantity", "3.0")),
        ("<value>free</value>", ("valueString", "free")),
        ('<value xsi:type="PQ" nullFlavor="NASK"/>', ("dataAbsentReason", "not-asked")),
        ('<value xsi:type="PQ" nullFlavor="OTH"><translation value="9"><originalText>tabs</originalText></translation></value>',
         ("valueQuantity", "tabs")),
        ('<value xsi:type="PQ" value="many" unit="g"/>', ("valueString", "many g")),
        ('<value xsi:type="PQ" nullFlavor="OTH"><translation value="3+"/></value>', ("valueString", "3+")),
        ('<value xsi:type="PQ" value="&lt;0.01" unit="g"/>', ("valueQuantity", "'<'")),
        ('<value xsi:type="PQ" value="1,234.5" unit="g"/>', ("valueQuantity", "1234.5")),
        ('<value xsi:type="PQ" value="1,5" unit="g"/>', ("valueQuantity", "1.5")),
        ('<value xsi:type="PQ" value="0,0" unit="g"/>', ("valueQuantity", "0.0")),
        ('<value xsi:type="PQ" value="1,500" unit="g"/>', ("valueString", "1,500 g")),
        ('<value xsi:type="PQ" value="1,234" unit="g"/>', ("valueString", "1,234 g")),
        ('<value xsi:type="INT" value="5.5"/>', ("valueQuantity", "5.5")),
        ('<value xsi:type="REAL" value=">10"/>', ("valueQuantity", "10")),
        ('<value xsi:type="RTO_INT_INT"><numerator value="1"/><denominator value="64"/></value>', ("valueRatio", "64")),
        ('<value xsi:type="TM" value="0930"/>', ("valueTime", "09:30:00")),
        ('<value xsi:type="URL" value="http://a.b"/>', ("valueString", "http://a.b")),
        ('<value xsi:type="CS" code="POS"/>', ("valueCodeableConcept", "POS")),
        ('<value xsi:type="TM" value="2575"/>', None),
    ],
)  # fmt: skip
def test_result_values(value: str, expected: Any) -> None:
    """Every data type of a result has its place; a number that is none is left out and said, never guessed."""
    entry = (
        '<entry><organizer><id root="1.9" extension="o"/><code code="p"/><statusCode code="completed"/><component><observation>'
        f'<id root="1.9" extension="r"/><code code="c"/><statusCode code="completed"/>{value}'
        "</observation></component></organizer></entry>"
    )
    mapped = run(document(entry, RESULTS))
    [found] = [e.resource for e in mapped.entries if e.resource["resourceType"] == "Observation"]
    if expected is None:
        assert not [k for k in found if k.startswith("value")]
        assert any("is no time" in i.text for i in mapped.issues)
        return
    key, part = expected
    assert part in repr(found[key]) or part in str(found[key])
    assert sum(k.startswith(("value", "dataAbsent")) for k in found) == 1


def test_recognition_changes_no_bytes_and_no_places() -> None:
    """What is noted beside nodes is neither listed nor located, and entries of another kind stay what they are."""
    content = document(
        '<entry><substanceAdministration moodCode="EVN"><id root="1" extension="2"/></substanceAdministration></entry>'
        '<entry><substanceAdministration moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.52"/>'
        "</substanceAdministration></entry>"
    )
    parsed = ccda.parse(content).value
    assert parsed is not None
    before = list(ccda.valued(parsed))
    first = recognise(parsed)
    assert recognise(parsed) == first
    assert list(ccda.valued(parsed)) == before
    assert parsed.raw == content
    assert {kind: len(nodes) for kind, nodes in first.items()} == {"medication": 1, "immunization": 1}


def test_a_negated_observation_never_shows_as_one() -> None:
    """What was denied is not made a result: it is listed and said."""
    entry = '<entry><observation negationInd="true"><id root="1.9" extension="r"/><code code="c"/><value xsi:type="CD" code="x"/></observation></entry>'
    mapped = run(document(entry, RESULTS))
    assert "Observation" not in {e.resource["resourceType"] for e in mapped.entries}
    assert [i.rule for i in mapped.issues if i.code == "not-supported"] == ["ccda.result.negated"]
    assert any(place.endswith("/value[1]/@code") for place, _, _ in mapped.unconsumed if isinstance(place, str))


def test_sections_in_sections_are_read() -> None:
    """A section of a mapped kind is found at any depth."""
    inner = f'<component><section><templateId root="{RESULTS}"/><entry><observation><id root="1.9" extension="r"/><code code="c"/></observation></entry></section></component>'
    mapped = run(document(inner, "1.2.3.4"))
    assert "Observation" in {e.resource["resourceType"] for e in mapped.entries}


def test_overlay_and_zone() -> None:
    """A site replaces a row and adds one; times without a zone get the feed's."""
    overlay = b"""drop = ["pt.telecom"]
[replace."pt.gender"]
const = "unknown"
[[add]]
id = "st.title"
map = "PatientRole[Patient]"
source = "patient/name/prefix/text()"
target = "extension[title].valueString"
"""
    content = (
        f'<ClinicalDocument {V3}><id root="1.2.3" extension="d"/><effectiveTime value="202001020304"/><recordTarget><patientRole>'
        '<id root="1.2" extension="1"/><telecom value="tel:1"/><patient><name><prefix>Dr</prefix><family>F</family></name>'
        '<administrativeGenderCode code="F"/></patient></patientRole></recordTarget></ClinicalDocument>'
    ).encode()
    mapped = run(content, Site(feed="f", organisation="o", zone="Europe/Rome", overlay=overlay))
    patient = mapped.entries[0].resource
    assert patient["gender"] == "unknown"
    assert "telecom" not in patient
    assert patient["extension"] == [{"valueString": "Dr"}]
    assert mapped.entries[-1].resource["occurredDateTime"] == "2020-01-02T03:04:00+01:00"


def test_fragments_give_what_they_hold() -> None:
    """A single entry without a document becomes its resource, with the locators of what was sent."""
    mapped = run(
        b'<organizer><templateId root="2.16.840.1.113883.10.20.22.4.1"/><id root="1.5" extension="7"/><code code="x"/>'
        b'<component><observation><templateId root="2.16.840.1.113883.10.20.22.4.2"/><id root="1.5" extension="8"/>'
        b'<code code="y"/><value xsi:type="PQ" value="1" unit="g"/></observation></component></organizer>'
    )
    assert [e.resource["resourceType"] for e in mapped.entries] == ["DiagnosticReport", "Observation", "Provenance"]
    sources = [r.source for r in mapped.entries[1].rows if r.path == "valueQuantity.value"]
    assert sources == ["/organizer/component[1]/observation[1]/value[1]/@value"]


@given(st.binary(max_size=60), st.integers(0, 40))
def test_damaged_documents_never_raise(junk: bytes, place: int) -> None:
    """Junk put anywhere into a document gives a refusal or resources."""
    content = document('<entry><substanceAdministration><effectiveTime value="x"/></substanceAdministration></entry>')
    at = place * len(content) // 40
    parsed = ccda.parse(content[:at] + junk + content[at:])
    if parsed.value is not None:
        load("ccda", Site(feed="f")).run(parsed.value, seal("f", "ccda", content, 0))


def _results(first: str, second: str, patient: str = "1") -> bytes:
    """Two results under one id, as careless senders do."""
    entry = (
        '<entry><observation><id root="5a7a0d10-0000-4000-8000-0000000000ff"/><code code="{}"/><statusCode code="completed"/>'
        '<effectiveTime value="{}"/><value xsi:type="PQ" value="{}" unit="g"/></observation></entry>'
    )
    content = document(entry.format(*first.split()) + entry.format(*second.split()), RESULTS)
    return content.replace(b'extension="1"', f'extension="{patient}"'.encode())


def _ids(content: bytes) -> dict[str, str]:
    """Value of each Observation -> its id."""
    found = [e.resource for e in run(content).entries if e.resource["resourceType"] == "Observation"]
    return {str(o["valueQuantity"]["value"]): o["id"] for o in found}


@pytest.mark.parametrize("second", ["b 20200101 2", "a 20200102 2", "a 20200101 2"])
def test_entries_that_share_an_id_are_never_mixed(second: str) -> None:
    """Another code, time or value under the same id is another resource, and the sharing is said."""
    mapped = run(_results("a 20200101 1", second))
    assert len(_ids(_results("a 20200101 1", second))) == 2
    assert "ccda.same-id" in {i.rule for i in mapped.issues}


def test_the_same_entry_twice_is_one() -> None:
    """Equal content under one id is one resource."""
    assert len(_ids(_results("a 20200101 1", "a 20200101 1"))) == 1


def test_ids_do_not_reach_over_patients_and_survive_order() -> None:
    """A sample id that two patients' documents carry names two resources; order in the document names none anew."""
    one = _ids(_results("a 20200101 1", "b 20200101 2"))
    assert one == _ids(_results("b 20200101 2", "a 20200101 1"))
    assert not set(one.values()) & set(_ids(_results("a 20200101 1", "b 20200101 2", patient="7")).values())


def test_an_author_cited_by_number_is_the_named_one() -> None:
    """An entry's author who is only a number is the practitioner whom the header names with that number."""
    author = '<author><time value="2020"/><assignedAuthor><id root="2.16.840.1.113883.4.6" extension="9999999992"/>{}</assignedAuthor></author>'
    named = author.format("<assignedPerson><name><family>Helm</family></name></assignedPerson>")
    entry = (
        '<entry><observation><id root="1.9" extension="r"/><code code="c"/>'
        + author.format("")
        + "</observation></entry>"
    )
    content = document(entry, RESULTS).replace(b"<recordTarget>", named.encode() + b"<recordTarget>")
    mapped = run(content)
    [practitioner] = [e.resource for e in mapped.entries if e.resource["resourceType"] == "Practitioner"]
    [observation] = [e.resource for e in mapped.entries if e.resource["resourceType"] == "Observation"]
    assert practitioner["name"] == [{"family": "Helm"}]
    assert observation["performer"] == [{"reference": f"Practitioner/{practitioner['id']}"}]


def test_the_page_names_every_function() -> None:
    """docs/reference/ccda.md lists the functions that the tables may call."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "ccda.md").read_text("utf-8")
    assert not [name for name in FUNCTIONS if f"`{name}`" not in page]


def test_values_are_found_by_their_type() -> None:
    """The first of each type, whatever its prefix; a value without a type stands under "" and is no other's."""
    act = node(
        '<act><value xsi:type="cda:PQ" value="1"/><value xsi:type=" PQ " value="2"/><value value="3"/>'
        '<value xsi:type="  " value="4"/><value xsi:type="cda:" value="5"/></act>'
    )
    found = types_of(act.by["value"])
    assert {kind: one.get("value") for kind, one in found.items()} == {"PQ": "1", "": "3", "cda:": "5"}
    untyped = path_of("value[not(@xsi:type)]").first(act)
    assert untyped is found[""]


def test_text_between_children_is_the_elements_own() -> None:
    """Read quickly or with care, an element says what stands around its children."""
    whole = f'<ClinicalDocument {V3}><title>a<b>in</b> c <b/>d</title><code code="x"> <b/> </code></ClinicalDocument>'
    for text in (
        whole,
        f'<?xml version="1.0"?><!-- c -->{whole.replace("xmlns=", "xmlns:x=").replace("<", "<x:").replace("<x:/", "</x:")}',
    ):
        tree = ccda.parse(text.encode()).value
        assert tree is not None
        title, code = tree.root.first("title"), tree.root.first("code")
        assert title is not None
        assert code is not None
        assert ccda.own_text(title) == "a c d"
        assert ccda.own_text(code) == ""
