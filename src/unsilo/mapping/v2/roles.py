"""Who has a part in the care of a person, where the message speaks of no visit yet: ROL behind PID."""

from __future__ import annotations

from typing import Any

from unsilo.kernel import Json, Row
from unsilo.mapping.v2.run import V2Run

__all__ = ["ROLES"]

Place = tuple[int, int, int, int, int]


def role_of_person(run: V2Run, node: Any, at: Place, path: str, rule: str, rows: list[Row], body: Json) -> None:
    """A ROL that comes before the visit, or in a message without one: a care team of the person."""
    del path, rows, body
    person = run.draft
    frame = person.frame if person is not None else None
    if person is None or frame is None or frame.find("enc") is not None:
        return
    team = run.start("CareTeam", rule, person)
    run.program.function("ROL[CareTeam]")(run, node, at[0], team)
    if "participant" in team.body:
        team.body["subject"] = run.refer(person)
        team.rows.append(Row("subject.reference", rule, None))
        run.drafts.append(team)


ROLES: dict[str, Any] = {"role_of_person": role_of_person}
