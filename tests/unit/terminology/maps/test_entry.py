"""Decisions move only as the table of moves says, and say only what may be said of a fact."""

import pytest

from tests.unit.terminology.maps.map_decisions import GLU, LOINC, entry
from unsilo.kernel import Row
from unsilo.terminology.maps import Snapshot, add_codings, local_codes, move
from unsilo.terminology.maps.apply import snapshot
from unsilo.terminology.maps.entry import RELATIONSHIPS, STATES, moves


def observation(code: str = "GLU", unit: str = "mg/dL", *more: dict[str, str]) -> dict[str, object]:
    """Return an Observation with a local coding and others."""
    return {
        "resourceType": "Observation", "code": {"coding": [{"system": "urn:lab", "code": code}, *more]},
        "valueQuantity": {"value": 5, "unit": unit},
    }  # fmt: skip


def test_only_the_moves_of_the_table_are_possible() -> None:
    """Every action from every state gives what the table says, or nothing."""
    for state in STATES:
        for action in ("propose", "approve", "refuse", "publish", "deprecate"):
            done = move(entry(state=state), action, "ben", 1)
            step = moves().get((action, state))
            assert (done.value.state if done.value else None) == (step.after if step else None), (state, action)


def test_each_move_counts_and_names_who_made_it() -> None:
    """Version, author and reviewer follow the moves."""
    proposed = move(GLU, "propose", "ann", 1, "why", known=False).value
    assert proposed is not None
    approved = move(proposed, "approve", "ben", 2, "yes").value
    assert approved is not None
    assert (approved.version, approved.author, approved.reviewer, approved.at, approved.reason) == (
        2, "ann", "ben", 2, "yes",
    )  # fmt: skip
    assert move(proposed, "approve", "ann", 2, second=True).value is None
    assert move(proposed, "approve", "ben", 2, second=True).value is not None


@pytest.mark.parametrize(
    "wrong", [{"code": ""}, {"target_code": ""}, {"relationship": "same"}, {"label": "a\x00b"}, {"unit": "x" * 501}]
)
def test_a_wrong_entry_is_never_moved(wrong: dict[str, str]) -> None:
    """What is missing, unknown, too long or has control characters is an Issue."""
    done = move(entry(**wrong), "approve", "ben", 1)
    assert done.value is None
    assert done.issues


def test_the_standard_coding_is_added_with_lineage_and_nothing_else_changes() -> None:
    """The local coding stays first; a second run adds nothing."""
    known = snapshot(7, [entry(state="published", version=3)])
    resource = observation()
    rows = [Row("code.coding[0].code", "obx-3", (3, 3, 0, 1, 0))]
    assert add_codings(resource, rows, "lab", known) == 1
    assert resource["code"] == {
        "coding": [
            {"system": "urn:lab", "code": "GLU"}, {"system": LOINC, "code": "2345-7", "display": "Glucose"},
        ]
    }  # fmt: skip
    assert {(row.path, row.rule, row.source) for row in rows[1:]} == {
        (f"code.coding[1].{name}", f"map:{entry().id}@3", (3, 3, 0, 1, 0)) for name in ("system", "code", "display")
    }
    assert add_codings(resource, rows, "lab", known) == 0
    assert list(local_codes(resource)) == []


@pytest.mark.parametrize("relationship", RELATIONSHIPS)
def test_only_what_is_true_of_the_fact_is_added(relationship: str) -> None:
    """Something narrower or merely near is never said of a fact."""
    known = snapshot(1, [entry(state="published", relationship=relationship)])
    assert add_codings(observation(), [], "lab", known) == (relationship in ("equivalent", "equal", "wider"))


@pytest.mark.parametrize("state", [state for state in STATES if state != "published"])
def test_what_is_not_in_use_adds_nothing(state: str) -> None:
    """Proposals and what was refused or taken out of use stay without effect."""
    assert add_codings(observation(), [], "lab", snapshot(1, [entry(state=state)])) == 0


def test_scope_is_kept_and_the_closer_decision_wins() -> None:
    """A decision for a feed or a unit holds there only, and comes before one for all."""
    rules = [
        entry(state="published"), entry(state="published", feed="north", target_code="2339-0"),
        entry(state="published", unit="mmol/L", target_code="14749-6"),
    ]  # fmt: skip
    known = snapshot(1, rules)

    def said(feed: str, unit: str, *more: dict[str, str]) -> list[str]:
        resource = observation("GLU", unit, *more)
        add_codings(resource, [], feed, known)
        return [c["code"] for c in resource["code"]["coding"]][1:]  # type: ignore[index]

    assert said("lab", "mg/dL") == ["2345-7"]
    assert said("north", "mg/dL") == ["2339-0"]
    assert said("lab", "mmol/L") == ["14749-6"]
    assert said("lab", "mg/dL", {"system": LOINC, "code": "1"}) == ["1"]


@pytest.mark.parametrize(
    "resource",
    [
        {}, {"resourceType": "Patient"}, {"resourceType": "Observation"}, {"resourceType": "Observation", "code": 1},
        {"resourceType": "Observation", "code": {"coding": "x"}}, {"resourceType": "Observation", "code": {}},
    ],
)  # fmt: skip
def test_odd_resources_are_left_alone(resource: dict[str, object]) -> None:
    """Nothing is added to what has no codings, and nothing fails."""
    before = dict(resource)
    assert add_codings(resource, [], "lab", Snapshot(1, {"urn:lab|GLU": []})) == 0
    assert resource == before
    assert list(local_codes(resource)) == []
