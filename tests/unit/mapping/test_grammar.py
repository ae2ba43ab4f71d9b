"""Target paths, sources and the files of tables: what is read, what is refused with its place."""

from pathlib import Path

import msgspec
import pytest

from unsilo.mapping.overlay import read_overlay
from unsilo.mapping.paths import Step, parse_target
from unsilo.mapping.rows import KINDS
from unsilo.mapping.sources import Literal, Ref, parse_v2, parse_xml
from unsilo.mapping.tables import layered, read_tables
from unsilo.mapping.v2.functions import FUNCTIONS

MAPS = "id,map,source,when,target,type,vocab,const\n"


def test_targets() -> None:
    """Single elements, list items by label, new items and nested resources."""
    assert parse_target("birthDate") == (Step("birthDate", None),)
    assert parse_target("name[].given[]") == (Step("name", ""), Step("given", ""))
    assert parse_target("location[now].location(Location).status")[1] == Step("location", None, "Location")
    assert parse_target("_birthDate.extension[time].url")[0].name == "_birthDate"
    assert parse_target("$this") == ()
    with pytest.raises(ValueError, match="no target path"):
        parse_target("a..b")
    with pytest.raises(ValueError, match="no target path"):
        parse_target("[1].value")


def test_v2_sources() -> None:
    """References with repetition, component and subcomponent; texts side by side are a join."""
    assert parse_v2("PID-3.4.2") == (Ref("PID", 3, None, 4, 2),)
    assert parse_v2("PID-11[1].9") == (Ref("PID", 11, 1, 9, 0),)
    assert parse_v2("CX.4") == (Ref("", 0, None, 4, 0),)
    assert parse_v2('"+" XTN.5 " " XTN.6') == (
        Literal("+"),
        Ref("", 0, None, 5, 0),
        Literal(" "),
        Ref("", 0, None, 6, 0),
    )
    with pytest.raises(ValueError, match="no source"):
        parse_v2("PID")[0] and parse_v2("pid-5")


def test_xml_sources() -> None:
    """Child paths with predicates; a join of paths."""
    walk = parse_xml('participant[@typeCode="CSM"]/playingEntity[templateId="2.16"]/code/@code')[0]
    assert not isinstance(walk, Literal)
    assert [step.names for step in walk.steps] == [("participant",), ("playingEntity",), ("code",), ("@code",)]
    assert walk.steps[0].predicates[0][:2] == ("@typeCode", "CSM")
    assert len(parse_xml('low/@value "-" high/@value')) == 3


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"maps/a.csv": MAPS + "x,A[Patient],PID-5,,name,,,\nx,A[Patient],PID-5,,name,,,\n"}, "a.csv:3: id x"),
        ({"maps/a.csv": "id,map,colour\nx,A,red\n"}, "unknown column colour"),
        ({"maps/a.csv": MAPS + "x,A,B,C,D,E,F,G,H\n"}, "9 cells under 8 columns"),
        ({"patch.csv": "op,id\ndrop,none\n"}, "unknown row none"),
    ],
)
def test_wrong_tables_name_file_and_line(files: dict[str, str], message: str) -> None:
    """A row that cannot be read is refused with its place."""
    with pytest.raises(ValueError, match=message):
        read_tables("v2", files)


def test_patch_and_overlay_lay_over_standard_rows() -> None:
    """Patch rows replace, add and drop; the site's overlay does the same after them, and changes the digest."""
    files = {
        "maps/a.csv": MAPS
        + "a,P[Patient],PID-7,,birthDate,date,,\nb,P[Patient],PID-8,,gender,code,,\nc,P[Patient],PID-5,,x,,,\n",
        "patch.csv": "op,id,type,map,source,target\nreplace,a,dateTime,,,\ndrop,c,,,,\nadd,d,,P[Patient],PID-9,y\n",
    }
    layers = read_tables("v2", files)
    plain = layered(layers, b"", {}).value
    assert plain is not None
    assert [(r.id, r.type) for r in plain.maps["P[Patient]"]] == [("a", "dateTime"), ("b", "code"), ("d", "")]
    overlay = b"""
drop = ["b"]
[replace.d]
target = "z"
[[add]]
id = "e"
before = "a"
map = "P[Patient]"
target = "q"
const = 1
[systems]
LN = "urn:x"
"""
    own = layered(layers, overlay, {"SCT": "urn:y"})
    assert own.value is not None
    assert [(r.id, r.target) for r in own.value.maps["P[Patient]"]] == [("e", "q"), ("a", "birthDate"), ("d", "z")]
    assert own.value.systems == {"LN": "urn:x", "SCT": "urn:y"}
    assert own.value.digest != plain.digest
    assert own.issues == []


def test_overlay_faults_are_issues() -> None:
    """Unknown rows, taken ids, unknown columns and broken TOML are named, and the rest still counts."""
    layers = read_tables("v2", {"maps/a.csv": MAPS + "a,P[Patient],PID-7,,birthDate,date,,\n"})
    overlay = b"""
drop = ["zz"]
[replace.yy]
target = "q"
[[add]]
id = "a"
target = "q"
map = "P[Patient]"
[[add]]
id = "n"
target = "q"
colour = "red"
"""
    own = layered(layers, overlay, {})
    assert [issue.rule for issue in own.issues] == ["mapping.overlay"] * 4
    said = {issue.where.path for issue in own.issues}
    assert said == {f"overlay, line {line}" for line in ("2, zz", "3, yy", "5, a", "9, n")}
    for text in (b"= broken", b"\xff\xfe", b"drop = 5", b"colour = 1"):
        assert read_overlay(text).value is None
        assert layered(layers, text, {}).value is not None


def test_documented_functions_and_columns() -> None:
    """The reference names every function that v2 tables may call, and every column."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "mapping-tables.md").read_text("utf-8")
    assert [name for name in FUNCTIONS if f"`{name}`" not in page] == []
    columns = {f.encode_name for kind in KINDS.values() for f in msgspec.structs.fields(kind)}
    assert [name for name in columns if name not in page] == []
