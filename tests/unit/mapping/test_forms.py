"""Segments made from remembered forms are what their maps would have made."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.mapping.v2_bench import AT, MSH, parsed
from unsilo.kernel import seal
from unsilo.mapping import Mapped, Site, load
from unsilo.mapping.program import Program
from unsilo.mapping.v2 import forms, shapes

TESTS = (
    ("NM", "718-7^Hemoglobin^LN", "g/dL^^UCUM", "13.5-17.5"),
    ("NM", "2345-7^Glucose^LN^GLU^Glucose^L", "mg/dL", "70 - 99"),
    ("ST", "5778-6^Color^LN", "", ""),
    ("CWE", "883-9^ABO^LN", "", ""),
)


def report(draw: random.Random, number: int) -> str:
    """An ORU of a laboratory that repeats itself, with the odd value that does not fit."""
    stamp = f"202401{1 + number % 28:02}1030"
    sent = stamp if number % 9 else "tomorrow"
    lines = [
        MSH % "ORU^R01^ORU_R01",
        f"PID|1||{number % 5}^^^H^MR||Roe^Ann",
        f"ORC|RE|P{number}|F{number}|||||||||7^Good^Ada",
        f"OBR|1|P{number}|F{number}|58410-2^CBC^LN|||{sent}|||||||||7^Good^Ada||||||{stamp}||LAB|F",
    ]
    for at in range(6):
        kind, code, unit, normal = TESTS[draw.randrange(len(TESTS))]
        value = {"NM": draw.choice(["7.1", "13.50", "high", " 5 ", '""', "1~2", "4^5"]), "ST": "red\\T\\blue"}.get(kind)
        flag = draw.choice(["H", "N", "H", "??"])
        laboratory = draw.choice(["Lab One^L^^^^CLIA", "Lab One^L^^^^CLIA", "Lab Two"])
        lines.append(
            f"OBX|{at + 1}|{kind}|{code}||{value or 'A^A^L'}|{unit}|{normal}|{flag}|||F|||{sent}"
            f"||||||{stamp}||||{laboratory}|1 Way^^Town|9^Chief^Max"
        )
    return "\n".join(lines)


def said(mapped: Mapped) -> object:
    """All of an outcome, the order of lineage rows included, that of an object's keys not."""
    entries = [(e.resource, e.rows, e.clock, e.rank, e.cleared) for e in mapped.entries]
    return entries, mapped.unconsumed, mapped.issues, mapped.actions


def both(feed: str, messages: list[Any], monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[Program, list[Any]]:
    """A program that uses forms from the first message, and what one without them says of all messages."""
    monkeypatch.setattr(shapes, "_OFTEN", 1)
    quick = load("hl7v2", Site(feed=feed), folder / "quick")
    with monkeypatch.context() as plain:
        plain.setattr(shapes, "formed", lambda *_: None)
        slow = load("hl7v2", Site(feed=feed), folder / "slow")
        return quick, [said(slow.run(message, seal("lab", "hl7v2", content, AT))) for message, content in messages]


def test_forms_change_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is made from forms equals what a map compiled for the shape makes without them, message by message."""
    draw = random.Random(11)
    messages = [parsed(report(draw, number)) for number in range(70)]
    quick, expected = both("forms", messages, monkeypatch, tmp_path)
    for (message, content), wanted in zip(messages, expected, strict=True):
        assert said(quick.run(message, seal("lab", "hl7v2", content, AT))) == wanted


NAMES = (
    "Roe^Ann",
    "Roe^Ann^M^^Dr.^^L",
    "O\\T\\Neil^Bo",
    " Ärmel ^Zoë",
    "van&van&Berg^Jo",
    "^",
    '""',
    "Roe^ ^X",
    "A^B~C^D^^^^^M",
)
NUMBERS = (
    "{0}^^^H^MR",
    "{0}^^^H&1.2.3&ISO^MR~{0}9^^^SSA^SS",
    "{0}",
    "{0}^7^M10^H^PI^^20240101",
    "{0}^^^H^MR^^someday",
    " ",
)
PLACES = (
    "{0} Mill&Mill Way&{0}^^Town^IL^6270{0}^USA^H",
    "{0} Way^^Town",
    "x\\S\\y^^Town^^^^ZZ",
    "^^^^{0}",
    "A^B^C~D^E^F",
)
LINES = (
    "^PRN^PH^^^217^555{0}",
    "(217)555-{0}",
    "{0}@b.example",
    "^NET^Internet^{0}@b.example",
    "^PRN^PH^^1^ ^{0}",
    "{0}^PRN^CP~{0}1",
)


def admission(draw: random.Random, number: int) -> str:
    """An admission of another person each time, with what senders write into names, numbers and addresses."""
    who, code, home, line = (draw.choice(texts).format(number) for texts in (NAMES, NUMBERS, PLACES, LINES))
    kin, far, visit = (draw.choice(texts).format(number) for texts in (NAMES, LINES, NUMBERS))
    return "\n".join(
        [
            MSH % "ADT^A01^ADT_A01",
            f"EVN|A01|2024010{1 + number % 9}1030",
            f"PID|1||{code}||{who}||19{10 + number}0517|F|||{home}||{line}|||||{visit}",
            f"NK1|1|{kin}|{draw.choice(['SPO^Spouse^HL70063', 'DAU^Daughter^HL70063'])}|{home}|{far}",
            f"NK1|2|{who}|CHD^Child^HL70063",
            f"PV1|1|I|4E^12^{number % 4}^H|E|||7^Good^Ada||||||||||||{visit}{'|' * 25}20240101{number:02}",
            f"AL1|1|DA|91936005^Penicillin^SCT|MO|Rash {number}",
            f"GT1|1||{kin}||{home}|{far}|||||SPO^Spouse^HL70063",
            f"IN1|1|PPO^Preferred^L|77{number % 3}^^^NAIC|Blue|Box 1||||||||||||{kin}|SPO",
        ]
    )


def standing(draw: random.Random, number: int) -> str:
    """A stay to which segments add that come in any number and order: what stood before decides what is added."""
    kin = [
        f"NK1|{at + 1}|{draw.choice(NAMES)}|SPO^Spouse^HL70063|{draw.choice(PLACES).format(number)}"
        for at in range(draw.randrange(4))
    ]
    adds = [
        f"PD1|||Ward {number % 2}^^1|{draw.choice(['1^Lang^Peter^^^^^^NPI', '1^Lang~2^Long', ''])}||||||||N",
        f"PD1||||{draw.choice(['1^Lang^Peter^^^^^^NPI', '2^Long^Ada'])}",
        f"PV2|||R07^{draw.choice(['Pain', 'Ache'])}^I10C|||||2024010{number % 9 + 1}|2024011{number % 9}|{number % 3}",
        f"ROL||UP|PP^Primary^HL70443|{draw.choice(['1^Lang^Peter^^^^^^NPI', '3^New^Nan'])}",
    ]
    adds = [*kin, *draw.sample(adds, draw.randrange(len(adds) + 1))]
    draw.shuffle(adds)
    return "\n".join(
        [
            MSH % "ADT^A01^ADT_A01",
            f"EVN|A01|2024010{1 + number % 9}1030",
            f"PID|1||{number}^^^H^MR||{draw.choice(NAMES)}||19{10 + number}0517|F",
            f"PV1|1|I|4E^12^{number % 4}^H|E|||7^Good^Ada||||||||||||{number}^^^H^VN",
            *adds,
            "IN1|1|PPO^Preferred^L|77^^^NAIC|Blue",
            f"IN2|1||{draw.choice(['', '111-22-3333'])}|||{draw.choice(['', '1EG4'])}",
        ]
    )


ORDERS = ("{0}^H", "{0}^LAB^1.2.3^ISO", "{0}", "{0}&H^{0}&LAB", "H", "{0}^H~{0}1^H", "{0}^ ^1.2.3^ISO", "^H")


def order(draw: random.Random, number: int) -> str:
    """Results whose order numbers never come again, but are sometimes the same for placer and filler."""
    placer, filler, group, sample = (draw.choice(ORDERS).format(number // draw.choice((1, 2))) for _ in range(4))
    asked, again = (draw.choice(("7^Good^Ada", "8^Best^Bo", "")) for _ in range(2))
    return "\n".join(
        [
            MSH % "ORU^R01^ORU_R01",
            f"PID|1||{number}^^^H^MR||Roe^Ann",
            f"ORC|RE|{placer}|{filler}|{group}||||||||{asked}",
            f"OBR|1|{placer}|{filler}|58410-2^CBC^LN|||20240101|||||||||{again}||||||20240102||LAB|F",
            f"OBX|1|NM|718-7^Hb^LN||{number}|g/dL|||||F",
            f"SPM|1|{sample}||119297000^BLD^SCT|||||||||||||20240101",
        ]
    )


@pytest.mark.parametrize("made", [admission, standing, order])
def test_forms_of_opened_fields_change_nothing(
    made: Callable[[random.Random, int], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Names, numbers and addresses that never come again go through forms as they do through the maps."""
    draw = random.Random(12)
    messages = [parsed(made(draw, number)) for number in range(50)]
    quick, expected = both("opened", messages, monkeypatch, tmp_path)
    before = forms._kept[0]
    for _ in range(2):
        for (message, content), wanted in zip(messages, expected, strict=True):
            assert said(quick.run(message, seal("lab", "hl7v2", content, AT))) == wanted
    assert forms._kept[0] > before


def test_a_new_name_needs_no_form_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patients whose names lie alike share one form, which has nothing of any of them."""
    monkeypatch.setattr(shapes, "_OFTEN", 1)
    maps = load("hl7v2", Site(feed="forms", organisation="alike"))
    before = forms._kept[0]
    for number in range(30):
        text = "\n".join([MSH % "ADT^A08^ADT_A01", f"PID|1||{number}^^^H^MR||Roe{number}^Ann{number}"])
        message, content = parsed(text)
        mapped = maps.run(message, seal("lab", "hl7v2", content, AT))
        patient = next(e.resource for e in mapped.entries if e.resource["resourceType"] == "Patient")
        assert patient["name"] == [{"family": f"Roe{number}", "given": [f"Ann{number}"]}]
    assert forms._kept[0] - before < 4


def test_what_segments_add_comes_from_forms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A second next of kin is added by a form; one whose fields never come again leaves the place to the map."""
    monkeypatch.setattr(shapes, "_OFTEN", 1)
    monkeypatch.setattr(forms, "_IN_VAIN", 10)
    maps = load("hl7v2", Site(feed="forms", organisation="adds"), tmp_path / "adds")
    shaped = maps.program.function
    for number in range(30):
        kin = "\n".join(f"NK1|{at}|Roe^{name}{number}|SPO^Spouse^HL70063" for at, name in ((1, "Ann"), (2, "Bea")))
        text = "\n".join([MSH % "ADT^A08^ADT_A01", f"PID|1||{number}^^^H^MR||Roe^Ann", kin, f"PD1||||{number}^Lang"])
        message, content = parsed(text)
        mapped = maps.run(message, seal("lab", "hl7v2", content, AT))
        patient = next(e.resource for e in mapped.entries if e.resource["resourceType"] == "Patient")
        assert [one["name"]["given"] for one in patient["contact"]] == [[f"Ann{number}"], [f"Bea{number}"]]
    assert shaped("NK1[Patient]").segment == "NK1"
    used = [f for shape in maps.program.shape_of.values() for f in shape.functions.values()]
    added = [f.__globals__["known"] for f in used if "standing" in f.__globals__]
    assert any(len(known) == 2 for known in added), "a first and a second contact have a form each"
    assert all(known for known in added), "what never came again was left to the map"


def test_an_order_with_a_requester_is_added_to_by_forms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OBR adds to the order of ORC by a form where who requests it stands; what ORC does not touch is known, too."""
    monkeypatch.setattr(shapes, "_OFTEN", 1)
    maps = load("hl7v2", Site(feed="forms", organisation="requests"), tmp_path / "requests")
    for number in range(30):
        segments = [
            f"ORC|RE|P{number}^H|F{number}^L|||||||||7^Good^Ada",
            f"OBR|1|P{number}^H|F{number}^L|58410-2^CBC^LN",
        ]
        text = "\n".join([MSH % "ORU^R01^ORU_R01", f"PID|1||{number}^^^H^MR||Roe^Ann", *segments])
        message, content = parsed(text)
        mapped = maps.run(message, seal("lab", "hl7v2", content, AT))
        request = next(e.resource for e in mapped.entries if e.resource["resourceType"] == "ServiceRequest")
        assert request["code"]["coding"][0]["code"] == "58410-2"
        assert request["requester"]["reference"].startswith("Practitioner/")
    used = [f for shape in maps.program.shape_of.values() for f in shape.functions.values()]
    owners = [f.__globals__["owner"] for f in used if "owner" in f.__globals__]
    adds = [owner for owner in owners if (owner.facts.segment, owner.facts.fresh) == ("OBR", False)]
    assert any(form for owner in adds for form in owner.known.values())
    assert any(form is None for owner in owners for form in owner.known.values())


def test_forms_are_used_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that came before is made from its form; texts that never come again are not kept."""
    monkeypatch.setattr(shapes, "_OFTEN", 1)
    made = []
    whole = forms.formed

    def watched(*given: object) -> object:
        found = whole(*given)  # type: ignore[arg-type]
        made.append(found)
        return found

    monkeypatch.setattr(shapes, "formed", watched)
    maps = load("hl7v2", Site(feed="forms", organisation="bounded"))
    for number in range(40):
        text = "\n".join([MSH % "ORU^R01^ORU_R01", "PID|1||1^^^H^MR", "OBR|1||F1|1^a^LN"])
        text += f"\nOBX|1|NM|718-7^Hb^LN||{number}|g/dL|||||F|||202401011030"
        text += f"\nOBX|2|CWE|883-9^ABO^LN||V{number}^{number}^L||||||F"
        message, content = parsed(text)
        maps.run(message, seal("lab", "hl7v2", content, AT))
    known = [form.__globals__["known"] for form in made if form is not None]
    kept = [key for one in known for key in one if "718-7^Hb^LN" in key]
    assert len(kept) == 1
    assert not any("883-9^ABO^LN" in key for one in known for key in one)


def test_a_label_beside_a_known_form_is_cited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A confidentiality label from another segment (PD1-12) is consumed, however often the patient came before."""
    monkeypatch.setattr(shapes, "_OFTEN", 1)
    maps = load("hl7v2", Site(feed="forms", organisation="labels"))
    message, content = parsed("\n".join([MSH % "ADT^A08^ADT_A01", "PD1||||||||||||Y", "PID|1||1^^^H^MR||Roe^Ann"]))
    for _ in range(6):
        mapped = maps.run(message, seal("lab", "hl7v2", content, AT))
        cited = {row.source for entry in mapped.entries for row in entry.rows}
        assert (1, 12, 0, 1, 0) in cited
        assert "PD1-12" not in {path for _, path, _ in mapped.unconsumed}
