"""Overlays in TOML, YAML and CSV say the same, faults name their line, and hostile texts are Issues."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsilo.mapping.faults import faults
from unsilo.mapping.model import Site
from unsilo.mapping.overlay import form_of, read_overlay
from unsilo.mapping.tables import layered, standard

TOML = b"""
drop = ["pid.19"]
[replace."pid.8"]
vocab = "site-sex"
[[add]]
id = "st.zpi.2"
map = "ZPI[Patient]"
source = "ZPI-2"
target = "maritalStatus.text"
[systems]
"99STM" = "urn:oid:1.2.3"
"""
YAML = b"""# a site
drop: [pid.19]
replace:
  pid.8: {vocab: site-sex}
add:
  - id: st.zpi.2
    map: ZPI[Patient]
    source: ZPI-2
    target: maritalStatus.text
systems: {99STM: urn:oid:1.2.3}
"""
CSV = b"""op,id,map,source,target,vocab,name,uri
#,a comment
drop,pid.19
replace,pid.8,,,,site-sex
add,st.zpi.2,ZPI[Patient],ZPI-2,maritalStatus.text
system,,,,,,99STM,urn:oid:1.2.3
"""


def _content(text: bytes) -> tuple[object, ...]:
    found = read_overlay(text).value
    assert found is not None
    return found.drop, found.replace, found.add, found.systems


def test_three_forms_say_the_same() -> None:
    """The form is known by the first words, whatever the file is called."""
    assert [form_of(text.decode()) for text in (TOML, YAML, CSV)] == ["toml", "yaml", "csv"]
    assert _content(TOML) == _content(YAML) == _content(CSV)
    assert _content(b"") == _content(b"# nothing\n") == ([], {}, [], {})


def test_plain_words_of_yaml_stay_text() -> None:
    """NO is Norway and 1.10 is a version: nothing is taken for a boolean or a number."""
    found = read_overlay(b"add:\n  - {id: a, const: NO, note: 1.10, when: ~}\n").value
    assert found is not None
    assert found.add == [{"id": "a", "const": "NO", "note": "1.10", "when": ""}]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"drop: &a [x]\nadd: *a\n", 1),
        (b"drop: [x]\nadd: !!python/object/apply:os.system [x]\n", 2),
        (b"drop: [a\n", 2),
        (b"drop: [a]\ndrop: [b]\n", 2),
        (b"drop: []\n---\ndrop: []\n", 2),
        (b"drop: [a]\nadd:\n  - {id: x}\n  - y\n", 4),
        (b"drop: []\ncolour: red\n", 2),
        (b"drop: " + b"[" * 100_000, 1),
        (b"drop: []\n? [a]\n: b\n", 2),
        (b'drop = []\nreplace = "x"\n', 2),
        (b"drop = []\nadd = [\n", 0),
        (b'drop = []\n[replace."a]\n', 2),
        (b"op,id\ndrop,a\nburn,b\n", 3),
        (b"op,id\ndrop,a,b\n", 2),
        (b"op,id\nreplace,a\nreplace,a\n", 3),
        (b"op,id,id\n", 1),
        (b"op,id\ndrop,\n", 2),
        (b'op,id\ndrop,"a\n', 2),
        (b"drop: []\n# \xff\n", 2),
        (b"[]", 0),
        (b"- a\n", 0),
    ],
)
def test_what_cannot_be_read_names_its_line(text: bytes, line: int) -> None:
    """One Issue, no value, no exception."""
    result = read_overlay(text)
    assert result.value is None
    [issue] = result.issues
    assert issue.where.path == (f"overlay, line {line}" if line else issue.where.path)
    assert issue.where.path.startswith("overlay")


def test_a_very_long_overlay_is_refused() -> None:
    """A text that no person wrote is not looked into."""
    assert read_overlay(b"#" * (4 * 1024 * 1024 + 1)).value is None


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text("drop:=[]{}\n\"'-,op#add ").map(str.encode))
def test_any_bytes_give_a_value_or_an_issue(text: bytes) -> None:
    """Reading never raises."""
    result = read_overlay(text)
    assert (result.value is None) == bool(result.issues)


def test_every_fault_of_a_row_has_its_line() -> None:
    """Unknown rows, vocabularies, maps, conditions and elements, and rows that do nothing."""
    text = b"""drop: [no.such]
replace:
  pid.8: {vocab: nonesuch}
  pid.5: {when: PID-5 FOO}
add:
  - {id: st.1, map: "ZPI[Patient]", source: ZPI-2, target: no.such}
  - {id: st.2, map: "ZPI[Patient]", source: ZPI-3, target: name.text}
  - {id: st.3, map: ADT_*, at: ZPI, as: pt, use: "ZQI[Patient]"}
"""
    found = faults("hl7v2", Site(overlay=text))
    said = [(issue.where.path, issue.severity) for issue in found]
    assert said == [
        ("overlay, line 1, no.such", "error"),
        ("overlay, line 3, pid.8", "error"),
        ("overlay, line 4, pid.5", "error"),
        ("overlay, line 6, st.1", "warning"),
        ("overlay, line 6, st.1", "error"),
        ("overlay, line 7, st.2", "error"),
        ("overlay, line 8, st.3", "error"),
    ]
    assert "Patient has no element no" in found[4].text
    assert "name[]" in found[5].text


def test_a_good_overlay_has_no_faults() -> None:
    """What works is not warned of, and a feed without tables says so."""
    text = b"""add:
  - {id: st.1, map: "ZPI[Patient]", source: ZPI-2, target: maritalStatus.text}
  - {id: st.2, map: ADT_*, at: ZPI, as: pt, use: "ZPI[Patient]"}
"""
    assert faults("hl7v2", Site(overlay=text)) == []
    assert faults("ccda", Site(overlay=b"")) == []
    assert [issue.code for issue in faults("fhir", Site(overlay=text))] == ["not-supported"]
    assert [issue.where.path for issue in faults("ccda", Site(overlay=b"drop: [x]"))] == ["overlay, line 1, x"]


def test_drop_takes_all_rows_of_a_field_at_once() -> None:
    """`pid.19.*` takes every row whose id begins so; a star alone takes nothing."""
    left = layered(standard("v2"), b'drop: ["pid.19.*"]', {})
    assert left.issues == []
    assert left.value is not None
    ids = {row.id for row in left.value.maps["PID[Patient]"]}
    assert not any(each.startswith("pid.19.") for each in ids)
    assert any(each.startswith("pid.15") for each in ids)
    for text in (b'drop: ["*"]', b'drop: ["no.such.*"]'):
        assert [issue.rule for issue in layered(standard("v2"), text, {}).issues] == ["mapping.overlay"]
