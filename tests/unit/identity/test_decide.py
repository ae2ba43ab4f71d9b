"""The first matcher links what is certain, refuses what contradicts, and says why in words."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from unsilo.identity import Candidate, Decision, Record, Review, decide, default, keys, record, settles
from unsilo.identity.rules import Comparison

NORTH, BRIGID, SSN = "urn:oid:1.2.3.4", "urn:oid:1.2.3.5", "http://hl7.org/fhir/sid/us-ssn"


def person(
    number: str = "", system: str = NORTH, *, family: str = "Rivera", first: str = "Ana", born: str = "1980-05-17",
    sex: str = "female", ssn: str = "", suffix: str = "", pid: str = "",
) -> Record:  # fmt: skip
    """A record as a feed would give it."""
    identifier = [{"system": system, "value": number, "type": {"coding": [{"code": "MR"}]}}] if number else []
    if ssn:
        identifier.append({"system": SSN, "value": ssn, "type": {"coding": [{"code": "SS"}]}})
    raw = {
        "id": pid or f"{system[-1]}{number}",
        "identifier": identifier,
        "name": [{"family": family, "given": first.split(), "suffix": [suffix] if suffix else []}],
        "birthDate": born,
        "gender": sex,
    }
    return record({key: value for key, value in raw.items() if value})


def against(mine: Record, *others: Record) -> Decision:
    """Decide with each other record being a person of its own, numbered from 1."""
    return decide(mine, [Candidate(other.patient_id, n, other) for n, other in enumerate(others, 1)])


def test_nobody_alike_is_a_new_person() -> None:
    """Without candidates the record stands alone and the reason says so."""
    found = against(person("1"))
    assert (found.person, found.rule, found.confidence) == (None, "none", "single")
    assert found.reason.endswith(".")


def test_same_identifier_of_the_same_authority_links() -> None:
    """R1: a shared social security number links in spite of a new family name."""
    found = against(
        person("1", ssn="412-55-1234", family="Rivera"), person("9", BRIGID, ssn="412551234", family="Stone")
    )
    assert (found.person, found.rule, found.confidence) == (1, "R1", "certain")
    assert "social security number 412551234" in found.reason


def test_same_number_of_another_authority_is_nothing() -> None:
    """Record number 1 of one hospital is not record number 1 of the other."""
    found = against(person("1"), person("1", BRIGID, family="Okafor", first="Chidi", born="1955-01-02", sex="male"))
    assert (found.person, found.review) == (None, [])


def test_same_identifier_with_contradicting_particulars_is_refused() -> None:
    """R1 with another birth date, sex or an entirely different name is given for review, not linked."""
    mine = person("1", ssn="412551234")
    for other, word in [
        (person("9", BRIGID, ssn="412551234", born="1951-02-03"), "birth dates"),
        (person("9", BRIGID, ssn="412551234", sex="male"), "male"),
        (person("9", BRIGID, ssn="412551234", family="Okonkwo", first="Bede", born=""), "nothing in common"),
    ]:
        found = against(mine, other)
        assert found.person is None
        assert [r.rule for r in found.review] == ["R1-conflict"]
        assert word in found.review[0].reason


def test_same_name_birth_date_and_sex_links() -> None:
    """R2: spelling, case, accents and a middle initial do not matter."""
    found = against(person("1", family="Šimić", first="Ana"), person("9", BRIGID, family="SIMIC", first="ANA M"))
    assert (found.person, found.rule, found.confidence) == (1, "R2", "probable")
    assert "1980-05-17" in found.reason
    assert "female" in found.reason


def test_two_numbers_of_one_authority_are_not_linked() -> None:
    """The same person twice in one hospital's index, or two people: somebody must look."""
    found = against(person("1"), person("2"))
    assert found.person is None
    assert "medical record number" in found.review[0].reason


def test_twins_and_generations_stay_apart() -> None:
    """Same family and birth date but another first name, or Jr beside Sr, never link."""
    assert against(person("1", first="Ana"), person("9", BRIGID, first="Eva")).person is None
    jr, sr = person("1", suffix="Jr"), person("9", BRIGID, suffix="Sr")
    assert against(jr, sr).person is None
    shared = against(person("1", first="Ana", ssn="412551234"), person("9", BRIGID, first="Eva", ssn="412551234"))
    assert shared.person is None
    assert "twins" in shared.review[0].reason


def test_nobody_is_asked_about_twins_who_are_known_as_two() -> None:
    """Other usual names with an own number of one hospital, or another place in one birth, are two people."""
    scorer = default().scorer()
    ella = twin("Ella", "3", NORTH)
    assert decide(ella, [Candidate("x", 1, twin("Emma", "4", NORTH))], scorer).review == []
    assert decide(twin("Ella", "3", NORTH, 1), [Candidate("x", 1, twin("Emma", "4", BRIGID, 2))], scorer).review == []
    [doubt] = decide(ella, [Candidate("x", 1, twin("Emma", "4", BRIGID))], scorer).review
    assert "twins" in doubt.reason
    [twice] = decide(ella, [Candidate("x", 1, twin("Ella", "5", NORTH))], scorer).review
    assert "own medical record number" in twice.reason


def twin(first: str, number: str, system: str, order: int = 0) -> Record:
    """A child as a hospital registers it, with its place in the birth when that is known."""
    raw = {
        "id": f"{system[-1]}{number}",
        "identifier": [{"system": system, "value": f"N{number}", "type": {"coding": [{"code": "MR"}]}}],
        "name": [{"family": "Brandt", "given": [first]}], "birthDate": "2019-06-02", "gender": "female",
        "telecom": [{"system": "phone", "value": "555-013-3777"}],
        "address": [{"line": ["77 Harbour Road"], "city": "Eastmere", "postalCode": "04103"}],
    }  # fmt: skip
    return record(raw | ({"multipleBirthInteger": order} if order else {}))


def test_different_social_security_numbers_part() -> None:
    """Name, birth date and sex agree, but each has an own number: a review, not a link."""
    found = against(person("1", ssn="412551234"), person("9", BRIGID, ssn="413551234"))
    assert found.person is None
    assert "social security number" in found.review[0].reason


def test_placeholders_never_match() -> None:
    """Two Does, two babies, two people born on a system's first day are nobody's match."""
    for extra in [{"family": "Doe", "first": "Jane"}, {"first": "Baby Girl"}, {"born": "1900-01-01"}]:
        assert against(person("1", **extra), person("9", BRIGID, **extra)).person is None
    assert "placeholder" in against(person("1", family="Doe", first="Jane")).reason


def test_missing_is_neutral() -> None:
    """A missing birth date or sex neither contradicts an identifier nor completes a name."""
    bare = person("9", BRIGID, ssn="412551234", born="", sex="")
    assert against(person("1", ssn="412551234"), bare).person == 1
    nosex = against(person("1"), person("9", BRIGID, sex=""))
    assert nosex.person is None
    assert nosex.review[0].rule == "near"


def test_one_contradicting_record_protects_the_whole_person() -> None:
    """A person whose other record contradicts is not joined through the record that fits."""
    mine = person("1")
    candidates = [Candidate("b9", 7, person("9", BRIGID)), Candidate("n2", 7, person("2"))]
    found = decide(mine, candidates)
    assert found.person is None
    assert found.review[0].person == 7


def test_two_persons_that_fit_alike_are_left_alone() -> None:
    """An ambiguous match links nothing and lists both."""
    found = decide(
        person("1"), [Candidate("b9", 7, person("9", BRIGID)), Candidate("c9", 8, person("9", "urn:oid:1.9"))]
    )
    assert found.person is None
    assert [r.person for r in found.review] == [7, 8]


def test_one_that_fits_a_hundred_times_better_is_linked() -> None:
    """Both would be linked were the other not there: the one of whom all agrees is it, the other is shown."""

    def form(id_: str, family: str, phone: str, street: str, city: str) -> Record:
        return record({
            "resourceType": "Patient", "id": id_, "gender": "female", "birthDate": "1980-05-17",
            "name": [{"family": family, "given": ["Ana"]}], "telecom": [{"system": "phone", "value": phone}],
            "address": [{"line": [street], "city": city}],
        })  # fmt: skip

    mine, near = (form(id_, "Rivera", "5551234567", "7 Mill Lane", "Northtown") for id_ in "ab")
    far = form("c", "Riviera", "5559870000", "90 Oak Road", "Southport")
    scorer = default().scorer()
    for other in (near, far):
        assert decide(mine, [Candidate("x", 1, other)], scorer).person == 1
    found = decide(mine, [Candidate("b", 1, near), Candidate("c", 2, far)], scorer)
    assert (found.person, [each.person for each in found.review]) == (1, [2])
    alike = decide(mine, [Candidate("b", 1, far), Candidate("c", 2, far)], scorer)
    assert (alike.person, [each.person for each in alike.review]) == (None, [1, 2])


def test_an_identifier_is_stronger_than_a_name() -> None:
    """R1 wins over R2 and the other person is mentioned for review."""
    mine = person("1", ssn="412551234")
    candidates = [
        Candidate("b9", 7, person("9", BRIGID)),
        Candidate("c9", 8, person("9", "urn:oid:1.9", ssn="412551234", family="Stone")),
    ]
    found = decide(mine, candidates)
    assert (found.person, found.rule) == (8, "R1")
    assert [r.person for r in found.review] == [7]


def test_a_known_record_stays_and_an_overlay_is_suspected() -> None:
    """The same record number with somebody else's particulars keeps its person and is flagged."""
    before, after = person("1"), person("1", family="Okonkwo", first="Bede", born="1951-02-03", sex="male")
    found = decide(after, [Candidate("41", 3, before)])
    assert before.patient_id == after.patient_id == "41"
    assert (found.person, found.rule) == (3, "same-record")
    assert found.review[0].rule == "overlay"


def test_a_record_that_stood_alone_may_join_once_it_says_enough() -> None:
    """A stub without particulars joins when a later version fits; a settled link never moves by itself."""
    stub = record({"id": "41", "identifier": [{"system": NORTH, "value": "1"}]})
    other = Candidate("b9", 7, person("9", BRIGID))
    assert decide(person("1"), [Candidate("41", 3, stub, settled=False), other]).person == 7
    stayed = decide(person("1"), [Candidate("41", 3, stub), other])
    assert stayed.person == 3
    assert stayed.review[0].rule == "R2-elsewhere"


FAMILY = st.sampled_from(["Rivera", "RIVERA", "Riviera", "Doe", "Okafor", "Šimić", "Simic"])
FIRST = st.sampled_from(["Ana", "Ana M", "Eva", "A", "Baby Boy", "Bede"])
BORN = st.sampled_from(["", "1980", "1980-05-17", "1980-05-18", "1900-01-01"])
SEX = st.sampled_from(["", "male", "female", "unknown"])
RECORDS = st.builds(
    person, st.sampled_from(["", "1", "2", "3"]), st.sampled_from([NORTH, BRIGID]), family=FAMILY, first=FIRST,
    born=BORN, sex=SEX, ssn=st.sampled_from(["", "412551234", "413551234", "000000000"]),
    suffix=st.sampled_from(["", "Jr", "Sr"]), pid=st.sampled_from(["a", "b", "c", "d"]),
)  # fmt: skip


@given(RECORDS, RECORDS)
def test_comparison_is_symmetric(a: Record, b: Record) -> None:
    """Which record came first changes nothing, wording included."""
    one, other = Comparison(a, b), Comparison(b, a)
    for part in ("same_identifier", "same_name", "same_birth_date", "same_sex", "conflicts", "hard"):
        assert getattr(one, part) == getattr(other, part)


@given(RECORDS, st.lists(st.tuples(RECORDS, st.integers(1, 3), st.booleans()), max_size=4))
def test_order_of_candidates_changes_nothing(mine: Record, drawn: list[tuple[Record, int, bool]]) -> None:
    """Every permutation of the candidates gives the same decision, each reason is a sentence."""
    candidates = [Candidate(f"{n}{r.patient_id}", p, r, s) for n, (r, p, s) in enumerate(drawn)]
    decisions = [decide(mine, list(order)) for order in permutations(candidates)]
    assert all(found == decisions[0] for found in decisions)
    for text in [decisions[0].reason, *(r.reason for r in decisions[0].review)]:
        assert text.endswith(".")
        assert text[0].isupper() or not text[0].isalpha()


@given(RECORDS, RECORDS)
def test_two_records_link_both_ways_or_not_at_all_and_share_a_key(a: Record, b: Record) -> None:
    """Linking does not depend on which of two records arrived first, and blocking never misses a link."""
    one = decide(a, [Candidate("x", 1, b)])
    other = decide(b, [Candidate("x", 1, a)])
    assert (one.person, one.rule) == (other.person, other.rule)
    if one.person is not None:
        assert set(keys(a)) & set(keys(b))


def test_a_decision_is_settled_where_one_is_found_for_certain() -> None:
    """Who is new, what is to be asked, what is only probable and a record that came before are looked at further."""
    assert settles(Decision(1, "R1", "", "certain"))
    assert settles(Decision(1, "scored", "", "probable", score=0.9995))
    assert not settles(Decision(1, "scored", "", "probable", score=0.99))
    assert not settles(Decision(1, "R1", "", "certain", [Review(2, "b", "R1-elsewhere", "")]))
    assert not settles(Decision(1, "same-record", "", "certain"))
    assert not settles(Decision(None, "none", "", "single"))
