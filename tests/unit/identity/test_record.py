"""A FHIR Patient becomes a record that can be compared, whatever was sent."""

from hypothesis import given
from hypothesis import strategies as st

from unsilo.identity import Record, claims, keys, pack, record, unpack
from unsilo.identity.record import fold

NORTH = "urn:oid:1.2.3.4"


def patient(**elements: object) -> dict[str, object]:
    """A Patient with one record number of North General."""
    base: dict[str, object] = {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": NORTH, "value": "0042", "type": {"coding": [{"code": "MR"}]}}],
        "name": [{"family": "O'Brien-Šimić", "given": ["Ana", "M."]}],
        "birthDate": "1980-05-17",
        "gender": "female",
    }
    return {**base, **elements}


def test_fold_drops_case_accents_and_punctuation() -> None:
    """Spellings of one name fold to one text; letters of other scripts stay."""
    assert fold("O'Brien-Šimić") == fold("OBRIEN SIMIC") == "obriensimic"
    assert fold("Łukasz Ødegård") == "lukaszodegard"
    assert fold("Straße") == fold("STRASSE")
    assert fold("田中") == "田中"
    assert fold("कमल") != fold("कमला")


def test_record_of_a_patient() -> None:
    """Identifiers, names, birth date and sex are standardised."""
    found = record(patient())
    assert [(i.system, i.value, i.kind) for i in found.identifiers] == [(NORTH, "0042", "MR")]
    assert found.names[0].family == "obriensimic"
    assert found.names[0].given == ("ana", "m")
    assert (found.birth_date, found.sex, found.patient_id) == ("1980-05-17", "female", "p1")


def test_visit_and_account_numbers_do_not_identify_a_person() -> None:
    """Only identifier types that name a person are kept, and none without its authority."""
    kinds = ["AN", "VN", "NPI", "PLAC", "EI"]
    listed = [{"system": NORTH, "value": "7", "type": {"coding": [{"code": kind}]}} for kind in kinds]
    assert record(patient(identifier=[*listed, {"value": "8"}])).identifiers == ()


def test_placeholder_and_ill_formed_identifiers_are_left_out_with_the_reason() -> None:
    """A social security number that cannot have been issued, and filler numbers, are said to be unusable."""
    ssn = "http://hl7.org/fhir/sid/us-ssn"
    wrong = ["000-12-3456", "666121234", "900121234", "123-45-6789", "999999999", "12345", "111111111"]
    listed = [{"system": ssn, "value": value} for value in wrong] + [{"system": NORTH, "value": "000000"}]
    found = record(patient(identifier=listed))
    assert found.identifiers == ()
    assert len(found.unusable) == len(wrong) + 1


def test_placeholder_names_and_dates_never_count() -> None:
    """Doe, Unknown, Baby Boy and 1900-01-01 are nobody's."""
    for family, given_name in [
        ("Doe", "Jane"), ("UNKNOWN", "Male"), ("Smith", "Baby Boy"), ("Test", "Ann"), ("Jones", "Newborn"),
        ("Patient", "Ann"), ("Brown", "Twin A"),
    ]:  # fmt: skip
        found = record(patient(name=[{"family": family, "given": [given_name]}]))
        assert found.names == (), family
        assert found.unusable
    assert record(patient(birthDate="1900-01-01")).birth_date == ""


def test_generation_is_read_from_suffix_or_family() -> None:
    """Jr in the suffix or at the end of the family name is the same thing; MD is no generation."""
    by_suffix = record(patient(name=[{"family": "King", "given": ["Al"], "suffix": ["Jr.", "MD"]}])).names[0]
    by_family = record(patient(name=[{"family": "King JR", "given": ["Al"]}])).names[0]
    assert by_suffix.generation == by_family.generation == "Jr"
    assert by_family.family == "king"


def test_keys_are_stable_and_found_again_by_another_spelling() -> None:
    """Two spellings of one person at two hospitals share a blocking key."""
    mine = record(patient())
    other = record(patient(identifier=[], name=[{"family": "OBRIEN SIMIC", "given": ["ANA"]}]))
    assert keys(mine) == sorted(keys(mine))
    assert set(keys(mine)) & set(keys(other))


def test_a_social_security_number_is_one_key_whoever_issued_it() -> None:
    """Two records with nothing else in common meet by it, and wait for each other when they arrive at once."""

    def of(system: str, given_name: str, value: str) -> Record:
        number = {"system": system, "value": value, "type": {"coding": [{"code": "SS"}]}}
        return record({"identifier": [number], "name": [{"family": f"Fa{given_name}", "given": [given_name]}]})

    official = of("http://hl7.org/fhir/sid/us-ssn", "Ann", "012-55-1234")
    other = of(NORTH, "Bea", "012551234")
    again = of("http://hl7.org/fhir/sid/us-ssn", "Cleo", "012551234")
    assert len(set(keys(official)) & set(keys(other))) == 1
    assert set(keys(official)) & set(keys(again)) == set(keys(official)) & set(keys(other))
    assert set(claims(official)) & set(claims(again))
    assert len(keys(official)) == len(set(keys(official)))


def test_packed_record_comes_back() -> None:
    """The store's bytes give the same record."""
    assert unpack(pack(record(patient()))) == record(patient())
    assert unpack(pack(Record())) == Record()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ELEMENTS = st.sampled_from(["id", "identifier", "name", "birthDate", "gender", "multipleBirthInteger"])
PARTS = st.sampled_from(["system", "value", "type", "coding", "code", "family", "given", "suffix", "text", "use"])


@given(st.dictionaries(ELEMENTS, JSON | st.lists(st.dictionaries(PARTS, JSON, max_size=6), max_size=4)))
def test_any_shape_of_patient_gives_a_record(raw: dict[str, object]) -> None:
    """Wrong types in any element are missing values, never an exception."""
    found = record(raw)
    assert unpack(pack(found)) == found
    keys(found)
