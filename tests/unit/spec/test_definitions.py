"""Definitions by canonical: all there, versions told apart, copyright kept."""

import subprocess
import sys

import pytest

from unsilo.spec import definitions
from unsilo.spec.compartments import compartment, compartments
from unsilo.spec.definitions import pack
from unsilo.spec.parameters import parameters
from unsilo.spec.r4 import resource_types


def test_all_of_the_package_is_there() -> None:
    """The counts are those of the official package."""
    counts = {
        name: len(definitions.urls(name))
        for name in ("structures", "value_sets", "code_systems", "concept_maps", "operations", "search_parameters")
    }
    assert counts == {
        "structures": 655, "value_sets": 1316, "code_systems": 1062, "concept_maps": 80, "operations": 47,
        "search_parameters": 1400,
    }  # fmt: skip


def test_a_structure_is_found_by_type_url_and_version() -> None:
    """A snapshot has its constraints, bindings and types."""
    patient = definitions.structure("Patient")
    assert patient is not None
    assert patient == definitions.structure("http://hl7.org/fhir/StructureDefinition/Patient")
    assert patient == definitions.structure("http://hl7.org/fhir/StructureDefinition/Patient|4.0.1")
    assert definitions.structure("http://hl7.org/fhir/StructureDefinition/Patient|9.9") is None
    by_path = {e["path"]: e for e in patient["snapshot"]["element"]}
    assert by_path["Patient.contact"]["constraint"][-1]["key"] == "pat-1"
    assert by_path["Patient.gender"]["binding"]["strength"] == "required"
    assert by_path["Patient.link.other"]["type"][0]["targetProfile"]


def test_concepts_and_copyright_are_kept() -> None:
    """A code system has its concepts; what belongs to others says so."""
    gender = definitions.code_system("http://hl7.org/fhir/administrative-gender")
    assert gender is not None
    assert [c["code"] for c in gender["concept"]] == ["male", "female", "other", "unknown"]
    held = [definitions.value_set(url) for url in definitions.urls("value_sets")]
    assert sum("copyright" in found for found in held if found) == 230


def test_the_latest_of_two_versions_answers_without_version() -> None:
    """HL7 v2 table 0360 is published twice under one URL."""
    url = "http://terminology.hl7.org/CodeSystem/v2-0360"
    versions = [key for key in definitions.urls("code_systems") if key.startswith(f"{url}|")]
    assert len(versions) == 2
    found = definitions.code_system(url)
    assert found is not None
    assert found["url"] == max(versions)
    assert all(definitions.code_system(key) for key in versions)


def test_a_technical_correction_answers_for_what_it_corrects() -> None:
    """Guides for 4.0.0 are served by 4.0.1; other versions are not there."""
    url = "http://hl7.org/fhir/ValueSet/observation-status"
    assert definitions.value_set(f"{url}|4.0.0") == definitions.value_set(url)
    assert definitions.value_set(f"{url}|4.1.0") is None
    assert definitions.value_set(f"{url}x|4.0.0") is None


def test_an_answer_is_the_callers_own() -> None:
    """Changing what was answered changes nothing for others."""
    first = definitions.operation("http://hl7.org/fhir/OperationDefinition/Patient-everything")
    assert first is not None
    first.clear()
    assert definitions.operation("http://hl7.org/fhir/OperationDefinition/Patient-everything")


@pytest.mark.parametrize("canonical", ["", "|", "x|y", "http://hl7.org/fhir/StructureDefinition/", "../../etc/passwd"])
def test_what_is_not_there_is_none(canonical: str) -> None:
    """Foreign canonicals answer None."""
    assert definitions.structure(canonical) is None
    assert definitions.value_set(canonical) is None
    assert definitions.code_system(canonical) is None


def test_compartments_name_known_parameters() -> None:
    """All parameters that make membership exist for their type; `{def}` is the focus itself."""
    assert compartments() == ("Device", "Encounter", "Patient", "Practitioner", "RelatedPerson")
    assert compartment("Patient")["Observation"] == ["subject", "performer"]
    assert compartment("Nothing") == {}
    for name in compartments():
        for kind, codes in compartment(name).items():
            assert kind in resource_types()
            assert codes
            assert {code for code in codes if code != "{def}"} <= set(parameters(kind)), (name, kind)


def test_the_server_loads_only_what_it_needs() -> None:
    """Parameters, model and compartments read one pack, in a process of their own."""
    code = (
        "from unsilo.spec import compartments, definitions, model, parameters\n"
        "parameters.parameters('Patient'); compartments.compartment('Patient'); model.types.fields('Patient')\n"
        "assert definitions.capsule.cache_info().currsize == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_pack_gives_back_what_was_written(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Entries larger than a block and very small ones come back whole."""
    entries = {"a": {"x": "y" * 500_000}, "b": [], "ä|1": {"n": None}, "": "empty key"}
    pack.write(tmp_path / "t.zst", entries)
    opened = pack.Pack(tmp_path / "t.zst")
    assert {key: opened.get(key) for key in opened.index} == entries
    assert opened.get("missing") is None
