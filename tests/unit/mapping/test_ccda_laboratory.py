"""Results of a clinical document that a laboratory made are found by specimen, code or unit, and no others."""

import pytest

from unsilo.formats import ccda
from unsilo.kernel import seal
from unsilo.mapping import Site, load

DOCUMENT = """<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<recordTarget><patientRole><id root="1.2.3" extension="P1"/></patientRole></recordTarget>
<component><structuredBody><component><section><code code="30954-2" codeSystem="2.16.840.1.113883.6.1"/>
<entry><organizer classCode="BATTERY" moodCode="EVN">
<templateId root="2.16.840.1.113883.10.20.22.4.1"/><id root="1.2.9"/>
<code code="X" codeSystem="1.2.7"/><statusCode code="completed"/>{}</organizer></entry>
</section></component></structuredBody></component></ClinicalDocument>"""
RESULT = """<component><observation classCode="OBS" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.2"/>
<id root="1.2.9.{}"/><code code="{}" codeSystem="{}"/><statusCode code="completed"/><effectiveTime value="2026"/>
<value xsi:type="PQ" value="1" unit="{}"/>{}</observation></component>"""
LOINC = "2.16.840.1.113883.6.1"
PLAYS = "<specimenPlayingEntity><code code='B'/></specimenPlayingEntity>"
SPECIMEN = f"<specimen><specimenRole>{PLAYS}</specimenRole></specimen>"


def categories(*results: tuple[str, str, str, str]) -> list[list[str]]:
    parts = [RESULT.format(n, *result) for n, result in enumerate(results)]
    content = DOCUMENT.format("".join(parts)).encode()
    parsed = ccda.parse(content)
    assert parsed.value is not None
    mapped = load("ccda", Site(feed="clinic")).run(parsed.value, seal("clinic", "ccda", content, 0))
    made = [e.resource for e in mapped.entries if e.resource["resourceType"] in ("Observation", "DiagnosticReport")]
    made.sort(key=lambda resource: str(resource["resourceType"]))
    return [[c["coding"][0]["code"] for c in resource["category"]] for resource in made]


@pytest.mark.parametrize("unit", ["mg/dL", "10*3/uL", "[IU]/mL", "mmol/L", "g/L{x}", "/mm3", "U/l"])
def test_a_unit_in_a_volume_is_a_laboratorys_and_its_neighbours_with_it(unit: str) -> None:
    """Concentrations make a whole battery a laboratory's."""
    found = categories(("A", "1.2.7", unit, ""), ("B", "1.2.7", "%", ""))
    assert found == [["30954-2", "LAB"], ["30954-2", "laboratory"], ["30954-2", "laboratory"]]


@pytest.mark.parametrize("unit", ["%", "mm[Hg]", "L/min", "mL/min", "cm", "m/s", "kg/m2", "mL/[lb_av]", "mm", ""])
def test_other_units_show_nothing(unit: str) -> None:
    """Pressures, flows, lengths and shares leave the category at the section's code."""
    assert categories(("A", "1.2.7", unit, "")) == [["30954-2"], ["30954-2"]]


def test_a_code_or_a_specimen_shows_it_without_a_unit() -> None:
    """A LOINC code of the table and a specimen are signs of their own; another system's code is none."""
    assert categories(("4548-4", LOINC, "%", "")) == [["30954-2", "LAB"], ["30954-2", "laboratory"]]
    assert categories(("4548-4", "1.2.7", "%", "")) == [["30954-2"], ["30954-2"]]
    assert categories(("A", "1.2.7", "%", SPECIMEN)) == [["30954-2", "LAB"], ["30954-2", "laboratory"]]
