"""FHIRPath expressions and patches of any bytes, over a Patient and over hostile JSON of the same bytes."""

import json
from collections.abc import Callable, Hashable
from typing import Any

__all__ = ["EXPRESSIONS", "PATCHES", "PATCH_WORDS", "WORDS", "expression", "patch"]

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "name": [{"use": "official", "family": "A", "given": ["B", "C"], "_given": [None, {"id": "c"}]}, {"family": "D"}],
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "u", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "multipleBirthInteger": 2,
    "contact": [{"gender": "male", "period": {"start": "2012", "end": "2012-03-01"}}],
    "extension": [
        {"url": "q", "valueQuantity": {"value": 5, "system": "http://unitsofmeasure.org", "code": "mg"}},
        {"url": "x", "valueString": "x"},
    ],
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Org"}],
    "managingOrganization": {"reference": "#o"},
}


def expression() -> Callable[[bytes], Hashable]:
    """Make the target: an expression ends in a result or in a PathError with a place inside of it."""
    from unsilo.fhir.path import Context, PathError, compile_once
    from unsilo.fhir.path.answering import shown
    from unsilo.fhir.path.checking import check
    from unsilo.kernel import json as lossless

    def run(content: bytes) -> Hashable:
        text = content.decode("utf-8", "replace")
        before = lossless.encode(PATIENT)
        seen: list[Hashable] = []
        for lenient, placed in ((False, False), (True, True)):
            try:
                path = compile_once(text, lenient=lenient, placed=placed)
                found = path.typed(PATIENT, Context(budget=20_000))
                for value, kind in found:
                    assert kind
                    assert value is not None
                    lossless.encode(_encodable(shown(value)))
                seen.append((len(found), tuple(sorted({kind for _, kind in found}))[:3]))
                truth = path.truth(PATIENT, Context(budget=20_000)) if len(found) < 2 else None
                assert truth is None or found
            except PathError as fault:
                placed_well = 0 <= fault.at <= len(text) or (fault.fault == "costly" and fault.at == -1)
                seen.append((fault.fault, fault.text[:12], placed_well))
        try:
            check(text, "Patient")
        except PathError as fault:
            seen.append((fault.fault, fault.text[-12:]))
        assert lossless.encode(PATIENT) == before
        assert all(each[-1] is not False for each in seen if isinstance(each, tuple)), seen
        return tuple(seen)

    return run


def _encodable(value: Any) -> Any:
    """A text may hold half of a surrogate pair, which no UTF-8 has."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def patch() -> Callable[[bytes], Hashable]:
    """Make the target: a patch gives another resource of the same type and id, or an Issue."""
    from unsilo.fhir import codec
    from unsilo.fhir.patch import fhirpath_patch, json_patch
    from unsilo.kernel import json as lossless

    def run(content: bytes) -> Hashable:
        read = codec.decode(b'{"x":' + content + b"}")
        if read.value is None:
            return None
        patched = read.value["x"]
        before = lossless.encode(PATIENT)
        seen: list[Hashable] = []
        for apply in (json_patch, fhirpath_patch):
            result = apply(PATIENT, patched)
            assert lossless.encode(PATIENT) == before
            if result.value is None:
                assert result.issues[0].where.path is not None
                seen.append(result.issues[0].rule)
            else:
                assert (result.value["resourceType"], result.value["id"]) == ("Patient", "p")
                again = codec.decode(codec.encode(result.value))
                assert again.value == result.value
                seen.append(len(result.value))
        return tuple(seen)

    return run


EXPRESSIONS = [
    b"Patient.name.where(use = 'official').given.first()",
    b"name.select(given | family).distinct().count() > 2 and birthDate < today()",
    b"extension('q').value + 3 'mg' = 8 'mg' or (1 | 2 | 3).aggregate($this + $total, 0) = 6",
    b"contact.period.all(start.empty() or end.empty() or start <= end)",
    b"iif(active, @2014-01-05T10:30:00.000+10:00 - 1 month, %resource.birthDate + 4 days).toString()",
    b"repeat(contact).gender.matches('^(m|f)') implies managingOrganization.resolve() is Organization",
    b"-multipleBirth.power(2) div 3 mod 5 / 1.50 * (2).sqrt().round(2) & 'x'",
    b"descendants().ofType(string).sort(-$this).skip(1).take(2).join(',').replace('A', '`') ~ 'b'",
    b"name.given.extension.exists() xor birthDate.lowBoundary() in (@1974 | @T10:00)",
    b"(name as HumanName).given[$index] !~ {} // comment",
    b"name.defineVariable('n', given.count()).select(%n + family.length()) | coalesce({}, (5 'mg' * 2 'mg').unit)",
    b"multipleBirth.repeatAll(iif($this < 4, $this + 1, {})) | birthDate.yearOf() | now().timezoneOffsetOf()",
]
WORDS = [
    b".", b"(", b")", b"[0]", b"$this", b"$total", b"$index", b"{}", b"|", b"&", b" and ", b" or ", b" is ", b" as ",
    b" in ", b" contains ", b" implies ", b"'", b"`", b"\\u0041", b"@2014", b"@T10:00", b"@2014-01-01T00:00:00Z",
    b" days", b" 'mg'", b" year", b"%resource", b"%x", b"1.5", b"2147483647", b".where(", b".select(", b".repeat(",
    b".aggregate(", b".children()", b".descendants()", b".type()", b".first()", b".ofType(string)", b".toInteger()",
    b".toQuantity('g')", b".toDateTime()", b".convertsToDate()", b".highBoundary()", b".precision()", b".matches(",
    b".substring(1,2)", b".split(',')", b".trace('x')", b".iif(true, 1)", b"/*", b"*/", b"//", b"-", b"+", b"\xff",
    b"(" * 70, b".name" * 200, b".extension('q').value", b".hasValue()", b".resolve()",
    b".defineVariable('v')", b"%v", b".repeatAll(", b"coalesce(", b".yearOf()", b".millisecondOf()", b".unit",
    b".exp()", b".log(2)",
]  # fmt: skip


def _operation(**parts: Any) -> dict[str, Any]:
    part = [{"name": n, **(v if isinstance(v, dict) else {"valueString": v})} for n, v in parts.items()]
    return {"name": "operation", "part": part}


def _parameters(*operations: dict[str, Any]) -> bytes:
    return json.dumps({"resourceType": "Parameters", "parameter": operations}).encode()


PATCHES = [
    json.dumps(
        [
            {"op": "add", "path": "/name/-", "value": {"family": "E"}},
            {"op": "move", "from": "/name/0", "path": "/name/1"},
            {"op": "copy", "from": "/contact", "path": "/x"},
            {"op": "test", "path": "/id", "value": "p"},
            {"op": "remove", "path": "/name/0"},
        ]
    ).encode(),
    _parameters(
        _operation(
            type="add",
            path="Patient",
            name="contact",
            value={"part": [{"name": "name", "valueHumanName": {"text": "a"}}]},
        ),
        _operation(type="delete", path="Patient.name[0].given[1]"),
    ),
    _parameters(
        _operation(type="move", path="Patient.name", source={"valueInteger": 0}, destination={"valueInteger": 1}),
        _operation(type="insert", path="Patient.name[0].given", index={"valueInteger": 1}, value="x"),
        _operation(type="replace", path="Patient.multipleBirth", value={"valueBoolean": True}),
    ),
]
PATCH_WORDS = [
    b'"add"', b'"remove"', b'"replace"', b'"move"', b'"copy"', b'"test"', b'"insert"', b'"delete"', b'"/id"', b'"/-"',
    b'"/name/0/given/1"', b'"/_birthDate/extension/0"', b'""', b"null", b"{}", b"[]", b"-1", b"1e3", b"true",
    b'"Patient.birthDate"', b'"Patient.extension(\'q\')"', b'"Patient.contact[0].gender"', b'"Patient.contained"',
    b'"Patient.name.given"', b'"Patient.deceased"', b'"extension"', b'"valueCode"', b'"valueQuantity"', b'"part"',
    b'"resource"', b'"Patient.birthDate.extension[0]"', b'"$this"', b'"_valueString"', b'"given"', b'"photo"',
]  # fmt: skip
