"""One value of each kind of parameter, with every prefix and modifier of FHIR R4."""

from decimal import Decimal

import msgspec
import pytest

from unsilo.fhir.dates import range_of
from unsilo.fhir.index import IDENTIFIER, token_hash
from unsilo.fhir.index.keys import string_key, typed
from unsilo.kernel import Issue
from unsilo.search import Search, Vocabulary, parse
from unsilo.search.numbers import measure, moment
from unsilo.search.text import pieces, plain
from unsilo.spec import r4
from unsilo.spec.parameters import parameter
from unsilo.storage import plan as p

VOCABULARY = Vocabulary()


def sp(kind: str, code: str) -> tuple[int, ...]:
    found = parameter(kind, code)
    assert found is not None
    return (found.number,)


def ask(kind: str | None, *pairs: tuple[str, str], **more: object) -> Search:
    found, issues = parse(kind, list(pairs), VOCABULARY, **more)  # type: ignore[arg-type]
    assert found is not None, issues
    return found


def one(kind: str, name: str, value: str, **more: object) -> p.Node:
    (node,) = ask(kind, (name, value), **more).clauses
    return node


def refused(kind: str | None, *pairs: tuple[str, str]) -> list[Issue]:
    found, issues = parse(kind, list(pairs), VOCABULARY)
    assert found is None
    assert issues
    return issues


@pytest.mark.parametrize(
    ("text", "lo", "hi"),
    [
        ("100", "99.5", "100.5"), ("100.00", "99.995", "100.005"), ("1e2", "95", "105"), ("5.4", "5.35", "5.45"),
        ("-3", "-3.5", "-2.5"), ("0", "-0.5", "0.5"), ("+7", "6.5", "7.5"), ("5.40e-3", "0.005395", "0.005405"),
    ],
)  # fmt: skip
def test_implicit_precision(text: str, lo: str, hi: str) -> None:
    """Equality spans half a unit of the last digit on each side (search.html#number)."""
    assert measure(text) == ("eq", Decimal(lo), Decimal(hi))
    assert measure(f"ne{text}") == ("ne", Decimal(lo), Decimal(hi))


@pytest.mark.parametrize("how", ["gt", "lt", "ge", "le", "sa", "eb"])
def test_other_prefixes_are_exact(how: str) -> None:
    """They ignore how many digits were written."""
    assert measure(f"{how}100") == (how, Decimal(100), Decimal(100))


def test_about_is_a_tenth() -> None:
    """`ap` is a tenth of the number, or of the time between a date and now."""
    assert measure("ap-20") == ("ap", Decimal(-22), Decimal(-18))
    lo, hi = range_of("2020-01-01") or (0, 0)
    now = hi + 1000
    assert moment("ap2020-01-01", now) == ("ap", lo - 100, hi + 100)
    assert moment("ap2020-01-01", lo - 50) == ("ap", lo - 5, hi + 5)
    assert moment("ap2020-01-01", lo + 5) == ("ap", lo, hi)


@pytest.mark.parametrize("text", ["", "eq", "abc", "1.", ".5", "1e", "0x1", "१", "1e9999", "--1", "NaN", "1" * 50])
def test_what_is_no_number(text: str) -> None:
    """Other forms are refused, also digits of other scripts and exponents that fill the memory."""
    assert measure(text) is None
    refused("RiskAssessment", ("probability", text or "x"))


@pytest.mark.parametrize(
    ("text", "first"), [("2020", "2020-01-01"), ("2020-02", "2020-02-01"), ("2020-02-29", "2020-02-29")]
)
def test_dates_are_ranges(text: str, first: str) -> None:
    """A date is as long as its precision says."""
    node = one("Observation", "date", f"le{text}")
    assert isinstance(node, p.Date)
    assert (node.how, node.lo) == ("le", (range_of(first) or (0, 0))[0])


def test_a_plus_that_became_a_space() -> None:
    """A time zone's plus sign that nobody escaped is still one."""
    assert one("Observation", "date", "2020-01-01T10:00:00 02:00") == one(
        "Observation", "date", "2020-01-01T10:00:00+02:00"
    )


@pytest.mark.parametrize("text", ["2020-13", "2020-02-30", "20", "gt", "yesterday", "2020-1-1", "xx2020", "2020\n"])
def test_what_is_no_date(text: str) -> None:
    """It is refused with the place and an example."""
    (issue,) = refused("Observation", ("date", text))
    assert issue.where.path == "http.date"
    assert issue.hint


def test_tokens() -> None:
    """code, system|code, |code and system| are four questions."""
    numbers = sp("Observation", "code")
    assert one("Observation", "code", "AbC") == p.Token(numbers, token_hash("abc"), None)
    assert one("Observation", "code", "s|a") == p.Token(numbers, token_hash("a"), "s")
    assert one("Observation", "code", "|a") == p.Token(numbers, token_hash("a"), "")
    assert one("Observation", "code", "s|") == p.Token(numbers, None, "s")
    assert one("Observation", "code", "a\\|b") == p.Token(numbers, token_hash("a|b"), None)
    assert one("Observation", "code", "a,s|b") == p.Codes(numbers, ((token_hash("a"), None), (token_hash("b"), "s")))
    assert one("Observation", "code:not", "a") == p.Not(p.Token(numbers, token_hash("a"), None))
    for wrong in ("|", "a|b|c"):
        refused("Observation", ("code", wrong))


def test_token_modifiers() -> None:
    """:text, :of-type and :missing; those that need a terminology say that it is not loaded."""
    numbers = sp("Patient", "identifier")
    assert one("Patient", "identifier:text", "Médical Rec") == p.Words(numbers, "medical rec")
    assert one("Patient", "identifier:of-type", "s|MR|7") == p.Token(numbers, token_hash("7"), typed("s", "mr"))
    refused("Patient", ("identifier:of-type", "MR|7"))
    missing = one("Patient", "identifier:missing", "true")
    assert isinstance(missing, p.All)
    assert all(isinstance(part, p.Missing) and part.absent for part in missing.parts)
    assert isinstance(one("Patient", "identifier:missing", "false"), p.Any)
    refused("Patient", ("identifier:missing", "yes"))
    for name, value in (("in", "http://x/vs"), ("not-in", "http://x/vs"), ("above", "s|a"), ("below", "s|a")):
        (issue,) = refused("Observation", (f"code:{name}", value))
        assert "not loaded" in issue.text
        assert issue.code == "not-supported"


def test_the_standards_own_value_sets() -> None:
    """R4's ValueSets and hierarchies are known without any terminology."""
    node = one("Patient", "gender:in", "http://hl7.org/fhir/ValueSet/administrative-gender")
    assert isinstance(node, p.Codes)
    assert len(node.codes) == 4
    assert isinstance(one("Patient", "gender:not-in", "http://hl7.org/fhir/ValueSet/administrative-gender"), p.Not)
    system = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    below = one("Encounter", "class:below", f"{system}|_ActEncounterCode")
    assert isinstance(below, p.Codes)
    assert (token_hash("AMB"), system) in below.codes
    above = one("Encounter", "class:above", f"{system}|AMB")
    assert isinstance(above, p.Codes)
    assert (token_hash("_ActEncounterCode"), system) in above.codes
    refused("Condition", ("code:below", "http://snomed.info/sct|73211009"))


def test_terminology_answers_through_the_port() -> None:
    """A port that knows a value set gives its codes."""

    class Known:
        def expand(self, value_set: str) -> list[tuple[str, str]] | Issue:
            return [("s", "a"), ("s", "b")] if value_set == "http://x/vs" else []

        def related(self, system: str, code: str, *, below: bool) -> list[tuple[str, str]] | Issue:
            return [(system, code), (system, f"{code}{'1' if below else '0'}")]

    vocabulary = Vocabulary(terminology=Known())
    numbers = sp("Observation", "code")
    found, _ = parse("Observation", [("code:in", "http://x/vs")], vocabulary)
    assert found is not None
    assert found.clauses == [p.Codes(numbers, tuple(sorted([(token_hash("a"), "s"), (token_hash("b"), "s")])))]
    found, _ = parse("Observation", [("code:not-in", "http://x/empty")], vocabulary)
    assert found is not None
    assert found.clauses == [p.Not(p.NEVER)]
    found, _ = parse("Observation", [("code:below", "s|a")], vocabulary)
    assert found is not None
    assert isinstance(found.clauses[0], p.Codes)


def test_strings() -> None:
    """A beginning, folded; :exact as it stands; :contains anywhere; escapes are text."""
    numbers = sp("Patient", "family")
    assert one("Patient", "family", "MÜLL") == p.Text(numbers, "starts", "mull")
    folded, raw = string_key("Müller")
    assert one("Patient", "family:exact", "Müller") == p.Text(numbers, "exact", folded, raw)
    assert one("Patient", "family:contains", "ÜL") == p.Text(numbers, "contains", "ul")
    assert one("Patient", "family", "a\\,b\\$c\\\\d") == p.Text(numbers, "starts", "a,b$c\\d")
    both = one("Patient", "family", "a,b")
    assert both == p.Any((p.Text(numbers, "starts", "a"), p.Text(numbers, "starts", "b")))
    refused("Patient", ("family", "x" * 500))
    refused("Patient", ("family", " "))
    refused("Patient", ("family:below", "x"))


def test_uris() -> None:
    """Equal, below as a beginning, above as any beginning that ends at a slash."""
    numbers = sp("ValueSet", "url")
    assert one("ValueSet", "url", "http://x/a") == p.Uri(numbers, "is", ("http://x/a",))
    assert one("ValueSet", "url:below", "http://x/a") == p.Uri(numbers, "below", ("http://x/a",))
    above = one("ValueSet", "url:above", "http://x/a/b")
    assert isinstance(above, p.Uri)
    assert set(above.values) == {"http://x/a/b", "http://x", "http://x/", "http://x/a", "http://x/a/"}
    assert one("ValueSet", "url:above", "urn:oid:1.2") == p.Uri(numbers, "is", ("urn:oid:1.2",))


def test_references() -> None:
    """id, Type/id, this server's address, another's, a canonical, a type modifier, an identifier."""
    numbers = sp("Observation", "subject")
    patient = (r4.type_number("Patient"),)
    wanted = p.Reference(numbers, patient, ("1",), True)
    assert one("Observation", "subject", "Patient/1") == wanted
    assert one("Observation", "subject:Patient", "1") == wanted
    assert one("Observation", "subject", "http://here/fhir/Patient/1", base="http://here/fhir/") == wanted
    away = one("Observation", "subject", "http://away/fhir/Patient/1", base="http://here/fhir")
    assert away == p.Uri(numbers, "is", ("http://away/fhir/Patient/1",))
    assert one("Observation", "subject", "urn:uuid:1") == p.Uri(numbers, "is", ("urn:uuid:1",))
    several = one("Observation", "subject", "1")
    assert isinstance(several, p.Reference)
    assert len(several.types) == 4
    assert one("Observation", "subject:identifier", "s|1") == p.Token((numbers[0] + IDENTIFIER,), token_hash("1"), "s")
    assert one("Observation", "subject:Patient", "1,2") == p.Reference(numbers, patient, ("1", "2"), True)
    assert one("Observation", "subject", "Patient/1", kin=False) == p.Reference(numbers, patient, ("1",), False)
    for wrong in ("Patient/1/_history/2", "Nonsense/1", "Patient/a b", "#x", "Patient/", "/", "Patient/é"):
        refused("Observation", ("subject", wrong))
    refused("Observation", ("subject:Patient", "Group/1"))
    refused("Observation", ("subject:Nonsense", "1"))


def test_hierarchies() -> None:
    """`:below` and `:above` of references to what is part of its like; of others, and of addresses, it is said."""
    location = (r4.type_number("Location"),)
    up = sp("Location", "partof")
    wanted = p.Related(sp("Encounter", "location"), location, ("1",), up, True)
    assert one("Encounter", "location:below", "Location/1") == one("Encounter", "location:below", "1") == wanted
    above = ask("Encounter", ("location:above", "1"))
    assert above.clauses == [msgspec.structs.replace(wanted, below=False)]
    assert above.uses == {("Encounter", "location"), ("Location", "partof")}  # both may be masked
    several = one("Observation", "subject:below", "1")
    assert isinstance(several, p.Any)
    assert [len(part.types) for part in several.parts if isinstance(part, p.Related | p.Reference)] == [1, 3]
    (issue,) = refused("Encounter", ("subject:below", "1"))
    assert "no below" in issue.text
    refused("Encounter", ("location:below", "http://away/fhir/Location/1"))
    refused("Encounter", ("location:below", "Location/a b"))


def test_quantities() -> None:
    """In any unit, in a stated one, in UCUM converted, in another system."""
    numbers = sp("Observation", "value-quantity")
    exact = (Decimal("5.4"), Decimal("5.4"))
    assert one("Observation", "value-quantity", "gt5.4") == p.Quantity(
        numbers, p.Unit("any", "", "", exact), "gt", 5.4, 5.4
    )
    named = p.Unit("named", "", "mg", (Decimal("5.35"), Decimal("5.45")))
    assert one("Observation", "value-quantity", "5.4||mg") == p.Quantity(numbers, named, "eq", 5.35, 5.45)
    milli = one("Observation", "value-quantity", "gt5400|http://unitsofmeasure.org|mg")
    whole = one("Observation", "value-quantity", "gt5.4|http://unitsofmeasure.org|g")
    assert isinstance(milli, p.Quantity)
    assert isinstance(whole, p.Quantity)
    assert (milli.how, milli.lo, milli.hi) == (whole.how, whole.lo, whole.hi)
    assert whole.unit == p.Unit("ucum", "http://unitsofmeasure.org", "g", exact)
    own = one("Observation", "value-quantity", "gt1|urn:own|x")
    assert own == p.Quantity(numbers, p.Unit("coded", "urn:own", "x", (Decimal(1), Decimal(1))), "gt", 1.0, 1.0)
    for wrong in ("x", "1|2", "1|s|", "1|s|c|d", "|s|c", "gt"):
        refused("Observation", ("value-quantity", wrong))


def test_composites() -> None:
    """Parts in the order of the definition, all of which one row has to meet."""
    numbers = sp("Observation", "code-value-quantity")
    node = one("Observation", "code-value-quantity", "s|a$gt5||mg")
    unit = p.Unit("named", "", "mg", (Decimal(5), Decimal(5)))
    assert node == p.Composite(numbers, (token_hash("a"), "s"), unit=unit, span=("gt", 5.0, 5.0))
    dated = one("Observation", "code-value-date", "a$ge2020")
    assert isinstance(dated, p.Composite)
    assert dated.span is not None
    assert dated.span[0] == "dge"
    for wrong in ("a", "a$", "$1", "a$b$c", "a$xx"):
        refused("Observation", ("code-value-quantity", wrong))


def test_near() -> None:
    """Latitude, longitude, distance and a UCUM unit of length; without a distance, the docs' one."""
    numbers = sp("Location", "near")
    assert one("Location", "near", "48.2|-16.4|5|km") == p.Position(numbers, 48.2, -16.4, 5.0)
    metres = one("Location", "near", "48.2|16.4|5000|m")
    assert isinstance(metres, p.Position)
    assert metres.km == pytest.approx(5)
    assert one("Location", "near", "48.2|16.4") == p.Position(numbers, 48.2, 16.4, 50.0)
    for wrong in ("48.2", "91|0", "0|181", "0|0|-1", "0|0|1|kg", "a|b", "0|0|1|km|x"):
        refused("Location", ("near", wrong))


def test_escapes() -> None:
    """A guarded separator parts nothing; a backslash before anything else stays."""
    assert pieces("a\\,b,c", ",") == ["a\\,b", "c"]
    assert pieces("a\\\\,b", ",") == ["a\\\\", "b"]
    assert pieces("\\", ",") == ["\\"]
    assert plain("\\,\\|\\$\\\\\\x\\") == ",|$\\\\x\\"
