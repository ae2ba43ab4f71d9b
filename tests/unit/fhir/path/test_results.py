"""Functions and operators, one line each: expression and result over a small Patient."""

from decimal import Decimal
from typing import Any

import pytest

from unsilo.fhir.path import Context, Path, PathError, compile_path

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "name": [
        {"use": "official", "family": "Chalmers", "given": ["Peter", "James"]},
        {"use": "usual", "given": ["Jim"], "_given": [{"extension": [{"url": "http://e/x", "valueString": "v"}]}]},
    ],
    "birthDate": "1974-12-25",
    "_birthDate": {"id": "b", "extension": [{"url": "http://e/time", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "deceasedBoolean": False,
    "multipleBirthInteger": 2,
    "contact": [{"name": {"text": "A"}, "gender": "female"}],
    "extension": [{"url": "http://e/q", "valueQuantity": {"value": Decimal("1.50"), "unit": "kg",
                   "system": "http://unitsofmeasure.org", "code": "kg"}}],
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Org"}],
    "managingOrganization": {"reference": "#o"},
}  # fmt: skip


def result(expression: str) -> list[Any]:
    """Evaluate over the Patient."""
    path: Path = compile_path(expression)
    return [value if isinstance(value, dict | bool | int | Decimal) else str(value) for value in path(PATIENT)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # navigation
        ("Patient.name.given", ["Peter", "James", "Jim"]),
        ("DomainResource.id | Resource.id", ["p"]),
        ("name[1].given[0]", ["Jim"]),
        ("name[9]", []),
        ("name[-1]", []),
        ("nothing", []),
        ("Observation.value", []),
        ("deceased", [False]),
        ("multipleBirth + 1", [3]),
        ("contact.name.text", ["A"]),
        ("contained.name", ["Org"]),
        ("birthDate.extension.value", ["1974-12-25T14:35:45-05:00"]),
        ("birthDate.id", ["b"]),
        ("birthDate.extension('http://e/time').exists()", [True]),
        ("name.given.extension.value", ["v"]),
        ("extension('http://e/q').value.value", [Decimal("1.50")]),
        ("managingOrganization.resolve().name", ["Org"]),
        ("managingOrganization.resolve() is Organization", [True]),
        # existence
        ("name.exists()", [True]),
        ("link.exists()", [False]),
        ("link.empty()", [True]),
        ("name.exists(use = 'usual')", [True]),
        ("name.all(given.exists())", [True]),
        ("name.all(family.exists())", [False]),
        ("{}.all(false)", [True]),
        ("(true | false).anyTrue()", [True]),
        ("(true | false).allTrue()", [False]),
        ("(true | false).anyFalse()", [True]),
        ("(false).allFalse()", [True]),
        ("{}.allTrue()", [True]),
        ("(1 | 2).subsetOf(1 | 2 | 3)", [True]),
        ("(1 | 4).subsetOf(1 | 2 | 3)", [False]),
        ("(1 | 2 | 3).supersetOf(1 | 2)", [True]),
        ("name.given.count()", [3]),
        ("(1 | 1).count()", [1]),
        ("1.combine(1).distinct().count()", [1]),
        ("1.combine(1).isDistinct()", [False]),
        ("{}.not()", []),
        ("false.not()", [True]),
        # filtering
        ("name.where(use = 'usual').given", ["Jim"]),
        ("name.where($index = 1).given", ["Jim"]),
        ("name.select(given.first())", ["Peter", "Jim"]),
        ("name.select($index)", [0, 1]),
        ("repeat(contact | name).count()", [4]),
        ("name.given.where($this.startsWith('J'))", ["James", "Jim"]),
        ("(deceased | multipleBirth).ofType(integer)", [2]),
        ("(deceased | multipleBirth).ofType(FHIR.boolean)", [False]),
        ("(1 | 'a' | 2.5).ofType(System.String)", ["a"]),
        # parts
        ("name.given.first()", ["Peter"]),
        ("name.given.last()", ["Jim"]),
        ("name.given.tail()", ["James", "Jim"]),
        ("name.given.skip(1).take(1)", ["James"]),
        ("name.given.take(-1)", []),
        ("(1 | 2 | 3).intersect(3 | 2)", [2, 3]),
        ("(1 | 2 | 3).exclude(2)", [1, 3]),
        ("1.union(2).combine(1)", [1, 2, 1]),
        # conversion
        ("iif(true, 1, 2)", [1]),
        ("iif({}, 1, 2)", [2]),
        ("iif(false, 1)", []),
        ("photo.iif(empty(), 1, 2)", [1]),
        ("photo.iif($this.exists(), 1, 2)", [2]),
        ("photo.iif(url.exists(), 1, url)", []),
        ("name.first().iif(empty(), 1, 2)", [2]),
        ("'1'.toInteger()", [1]),
        ("'1.5'.toInteger()", []),
        ("'1.50'.toDecimal()", [Decimal("1.50")]),
        ("true.toDecimal()", [Decimal(1)]),
        ("'YES'.toBoolean()", [True]),
        ("'2'.toBoolean()", []),
        ("1.50.toString()", ["1.50"]),
        ("birthDate.toString()", ["1974-12-25"]),
        ("name.first().convertsToString()", [False]),
        ("'2015-02-30'.convertsToDate()", [False]),
        ("'2015-02-04T14'.toDate()", ["2015-02-04"]),
        ("@2015-02.toDateTime()", ["2015-02"]),
        ("'14:34'.toTime()", ["14:34"]),
        ("'1 week'.toQuantity()", ["1 week"]),
        ("'14 days'.toQuantity('wk').value", [Decimal(2)]),
        ("7 days.toQuantity('wk')", ["1 'wk'"]),
        ("37 'Cel'.toQuantity('[degF]')", ["98.6 '[degF]'"]),
        ("'1 wk'.convertsToQuantity()", [False]),
        # texts
        ("'abc'.indexOf('c')", [2]),
        ("'abcabc'.lastIndexOf('c')", [5]),
        ("'abc'.substring(1)", ["bc"]),
        ("'abc'.substring(1, 1)", ["b"]),
        ("'abc'.substring(3)", []),
        ("'abc'.substring(0, -1)", [""]),
        ("'abc'.upper() & 'D'.lower()", ["ABCd"]),
        ("'a.b'.matches('a.b')", [True]),
        ("'xaby'.matches('ab')", [True]),
        ("'xaby'.matchesFull('ab')", [False]),
        (r"'11/30/1972'.replaceMatches('(?P<m>\\d+)/(?P<d>\\d+)/(\\d+)', '${d}-${m}-$3')", ["30-11-1972"]),
        ("'a,b,,c'.split(',').count()", [4]),
        ("name.given.join('+')", ["Peter+James+Jim"]),
        ("' a '.trim().length()", [1]),
        ("'ab'.toChars()", ["a", "b"]),
        ("'<a&b>'.escape('html').unescape('html')", ["<a&b>"]),
        ("'hi'.encode('hex').decode('hex')", ["hi"]),
        ("'a' & {}", ["a"]),
        ("'a' + {}", []),
        # numbers
        ("1 / 3 * 3 = 1", [False]),
        ("0.1 + 0.2 = 0.3", [True]),
        ("7 div 2", [3]),
        ("-7 div 2", [-3]),
        ("-7 mod 2", [-1]),
        ("5.5 mod 0.7", [Decimal("0.6")]),
        ("1 / 0", []),
        ("2147483647 + 1", []),
        ("(-5).abs()", [5]),
        ("1.5.ceiling() + 1.5.floor() + (-1.5).truncate()", [2]),
        ("2.power(10)", [1024]),
        ("2.power(-1)", [Decimal("0.5")]),
        ("9.sqrt()", [Decimal(3)]),
        ("(-1).sqrt()", []),
        ("100.log(10)", [Decimal(2)]),
        ("0.ln()", []),
        ("2.345.round(2)", [Decimal("2.35")]),
        ("(-2.5).round()", [Decimal(-3)]),
        # logic
        ("{} and false", [False]),
        ("{} and true", []),
        ("{} or true", [True]),
        ("{} xor true", []),
        ("{} implies true", [True]),
        ("true implies {}", []),
        ("'x' and true", [True]),
        # comparison
        ("1 = 1.0", [True]),
        ("1 = '1'", [False]),
        ("'a' ~ ' A '", [True]),
        ("(1 | 2) ~ (2 | 1)", [True]),
        ("1.49 ~ 1.5", [True]),
        ("birthDate < @1975", [True]),
        ("birthDate = @1974", []),
        ("name.first() = name.first()", [True]),
        ("name = name.first()", [False]),
        ("extension.value = 1500 'g'", [True]),
        ("extension.value > 1 'm'", []),
        ("2 in (1 | 2)", [True]),
        ("{} in (1 | 2)", []),
        ("(1 | 2) contains 3", [False]),
        # types
        ("active.is(boolean)", [True]),
        ("active.is(System.Boolean)", [False]),
        ("Patient is DomainResource", [True]),
        ("1 is System.Integer", [True]),
        ("(multipleBirth as integer) + 1", [3]),
        ("multipleBirth as string", []),
        ("(active.as(boolean) | contact.gender.as(code)).count()", [2]),
        ("contact.gender.as(string)", []),
        ("contact.gender.ofType(string)", []),
        ("contact.gender is string", [True]),
        ("contact.gender.as(System.String).type().namespace", ["System"]),
        ("birthDate.ofType(System.Date) is System.Date", [True]),
        ("active.as(System.String)", []),
        ("extension.value.ofType(Quantity).count()", [1]),
        ("birthDate.type().name", ["date"]),
        ("contact.type().name", ["BackboneElement"]),
        ("'a'.type().namespace", ["System"]),
        ("gender.type().baseType | 1.type().baseType", ["System.Any"]),
        ("birthDate.type().baseType", ["FHIR.Element"]),
        # values
        ("birthDate.hasValue()", [True]),
        ("name.given.hasValue()", [False]),
        ("birthDate.getValue() is System.Date", [True]),
        ("%ucum & '|' & %`vs-a`", ["http://unitsofmeasure.org|http://hl7.org/fhir/ValueSet/a"]),
        ("%`ext-b`", ["http://hl7.org/fhir/StructureDefinition/b"]),
        ("%vs-a", ["http://hl7.org/fhir/ValueSet/a"]),
        ('%"vs-a"', ["http://hl7.org/fhir/ValueSet/a"]),
        ("%resource.id", ["p"]),
        ("contact.select(%context.id)", ["p"]),
        # aggregate, sort
        ("(1 | 2 | 3).aggregate($this + $total, 0)", [6]),
        ("(3 | 1 | 2).sort()", [1, 2, 3]),
        ("name.given.sort(-$this)", ["Peter", "Jim", "James"]),
        ("name.given.sort($this desc)", ["Peter", "Jim", "James"]),
        ("name.sort(family).given.first()", ["Jim"]),
        ("name.sort(-family).given.last()", ["Jim"]),
        # bounds
        ("1.0.lowBoundary()", [Decimal("0.95000000")]),
        ("@2014.highBoundary()", ["2014-12-31"]),
        ("@2016-02.highBoundary(8)", ["2016-02-29"]),
        ("@T10:30.lowBoundary()", ["10:30:00.000"]),
        ("@2014-01-05T10:30.precision()", [12]),
        # the tree
        ("contact.children().count()", [2]),
        ("contact.descendants().count()", [3]),
        ("name.given.children().count()", [1]),
        # FHIR
        ("conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')", [True]),
        ("conformsTo('http://hl7.org/fhir/StructureDefinition/Group')", [False]),
        ("name.checkModifiers().count()", [2]),
        ("hasExtension('http://e/q')", [True]),
        ("gender.memberOf('http://x')", []),
    ],
)  # fmt: skip
def test_results(expression: str, expected: list[Any]) -> None:
    """The result is what the standard says, with the digits as they are."""
    found = result(expression)
    assert found == expected
    assert [str(each) for each in found] == [str(each) for each in expected]


@pytest.mark.parametrize(
    "expression",
    [
        "name.single()",
        "name.given + 'a'",
        "name < name",
        "1 < 'a'",
        "@T10:00 < @2014",
        "1 + 'a'",
        "'a' - 'b'",
        "@2014 + 1",
        "@1974-12-25 + 1 'mo'",
        "@1974-12-25 + 1 'cm'",
        "@T10:00 + 1 day",
        "-'a'",
        "name['a']",
        "name.skip('a')",
        "(true | false).not()",
        "(1 | 2) and true",
        "('a' | 1).allTrue()",
        "'a'.matches('[')",
        r"'a'.matches('(?=a)')",
        "'a'.encode('rot13')",
        "'x'.decode('base64')",
        "name.join(',')",
        "name.as(HumanName)",
        "name is HumanName",
        "active is Nothing",
        "active is FHIR.Nothing",
        "%nothing",
        "iif('a', 1)",
        "name.startsWith('a')",
        "conformsTo('http://nowhere')",
        "1.round(-1)",
        "'a'.lowBoundary()",
        "name.slice('http://x', 'y')",
        "elementDefinition()",
    ],
)
def test_what_does_not_fit_is_an_error(expression: str) -> None:
    """A fault of execution names the place, and no value of the data."""
    with pytest.raises(PathError) as caught:
        result(expression)
    assert caught.value.fault == "execution"
    assert caught.value.at >= 0
    assert "Peter" not in str(caught.value)


@pytest.mark.parametrize("expression", ["name.foo()", "name.first(1)", "name.where()", "iif(true)", "1.is()"])
def test_unknown_functions_and_wrong_counts_are_refused_when_compiled(expression: str) -> None:
    """Functions and the number of their arguments are looked at before anything runs."""
    with pytest.raises(PathError) as caught:
        compile_path(expression)
    assert caught.value.fault == "semantic"


@pytest.mark.parametrize(
    ("kind", "one", "other", "alike"),
    [
        ("Coding", {"system": "s", "code": "c", "display": "x"}, {"system": "s", "code": "c", "version": "1"}, True),
        ("Coding", {"system": "s", "code": "c"}, {"system": "t", "code": "c"}, False),
        ("CodeableConcept", {"coding": [{"code": "a"}, {"code": "b"}]}, {"coding": [{"code": "b"}], "text": "t"}, True),
        ("CodeableConcept", {"coding": [{"code": "a"}]}, {"coding": [{"code": "b"}], "text": "t"}, False),
        ("CodeableConcept", {"text": "A"}, {"text": "a"}, True),
        ("HumanName", {"id": "1", "given": ["A", "b"]}, {"id": "2", "given": ["B", "a"]}, True),
        ("HumanName", {"given": ["a"]}, {"given": ["a"], "family": "c"}, False),
        ("HumanName", {"period": {"start": "2012"}}, {"period": {"start": "2012-01"}}, False),
        ("contact", {"relationship": [{"coding": [{"code": "a", "display": "x"}]}]},
         {"relationship": [{"coding": [{"code": "a"}]}]}, True),
    ],
)  # fmt: skip
def test_nodes_are_equivalent_as_fhir_says(kind: str, one: Any, other: Any, alike: bool) -> None:
    """Ids do not count, of codings only system and code, of concepts any coding (fhirpath.html 2.9.1.6)."""
    holder = {"Coding": "meta.tag", "CodeableConcept": "maritalStatus", "HumanName": "name"}.get(kind, kind)
    first, _, second = holder.partition(".")
    node = {"resourceType": "Patient", first: {second: [one, other]} if second else [one, other]}
    assert compile_path(f"{holder}[0] ~ {holder}[1]")(node) == [alike]


def test_a_search_expression_may_cast_a_collection() -> None:
    """`lenient` makes `as` a filter, as the expressions of R4's SearchParameters take it."""
    assert compile_path("name.as(HumanName).given", lenient=True)(PATIENT) == ["Peter", "James", "Jim"]
    assert compile_path("(name as HumanName).count()", lenient=True)(PATIENT) == [2]


def test_types_come_with_the_values() -> None:
    """`typed` says for each value its type of FHIR or of System."""
    path = compile_path("name.first() | birthDate | deceased | contact | 1 | @2014")
    assert [kind for _, kind in path.typed(PATIENT)] == [
        "HumanName", "date", "boolean", "Patient.contact", "System.Integer", "System.Date",
    ]  # fmt: skip


def test_shapes_that_fhir_does_not_have_are_left_out() -> None:
    """Wrong JSON gives fewer items, never an exception."""
    wrong: dict[str, Any] = {
        "resourceType": "Patient",
        "name": ["x", {"given": "Jim", "family": {"a": 1}}, [1]],
        "birthDate": ["1974"],
        "_birthDate": "x",
        "contact": {"name": []},
        "gender": {"a": 1},
        "extension": "x",
        "deceasedBoolean": [],
        "contained": [{"resourceType": ["x"]}, {"resourceType": 5}, None],
    }
    expressions = (
        "name.given", "name.family", "birthDate", "contact.name", "gender", "extension.value", "deceased",
        "descendants().count()", "contained.id", "birthDate.extension", "extension('x')",
    )  # fmt: skip
    assert [compile_path(e)(wrong) for e in expressions[:2]] == [["Jim"], []]
    for expression in expressions:
        compile_path(expression)(wrong, Context())
    assert compile_path("name")({"resourceType": 5}) == []
    assert compile_path("birthDate < @2020")({"resourceType": "Patient", "birthDate": "1974"}) == [True]
    with pytest.raises(PathError):
        compile_path("birthDate < @2020")({"resourceType": "Patient", "birthDate": "not a date"})
