"""$validate: what is wrong with a resource, or with what somebody means to do with it (FHIR R4 resource-validate)."""

from __future__ import annotations

from typing import Any

import msgspec

from unsilo.flow.doubt import about, each_in
from unsilo.flow.judge import Judge
from unsilo.kernel import Issue, Json, Where
from unsilo.validation.plausibility import person_of

__all__ = ["MODES", "Wanted", "doubtful", "outcome_of", "wanted"]

MODES = ("create", "update", "delete", "profile")


class Wanted(msgspec.Struct):
    """What a $validate asks: the resource (None: the stored one), a profile, what is meant to be done, and whether what
    can hardly be true is wanted too."""

    resource: Json | None = None
    profiles: list[str] = []
    mode: str = ""
    plausibility: bool = False


def _wrong(text: str, where: str, hint: str = "") -> Issue:
    return Issue("error", "value", text, Where(where), hint, "validate.input")


def _parameters(body: Json, found: Wanted, issues: list[Issue]) -> None:
    rows = body.get("parameter")
    for n, row in enumerate(rows if isinstance(rows, list) else []):
        where = f"Parameters.parameter[{n}]"
        name = row.get("name") if isinstance(row, dict) else None
        if name == "resource" and isinstance(row.get("resource"), dict):
            found.resource = row["resource"]
        elif name == "mode" and isinstance(said := row.get("valueCode", row.get("valueString")), str):
            found.mode = said
        elif name == "plausibility" and isinstance(said := row.get("valueBoolean"), bool):
            found.plausibility = said
        elif name == "profile":
            said = row.get("valueUri") or row.get("valueCanonical") or row.get("valueUrl") or row.get("valueString")
            if isinstance(said, str):
                found.profiles.append(said)
        else:
            shown = f"{name[:40]!r}" if isinstance(name, str) else "this parameter"
            issues.append(_wrong(f"{shown} is not understood", where, "resource, mode, profile and plausibility are"))


def wanted(kind: str, body: Json | None, pairs: list[tuple[str, str]]) -> tuple[Wanted, list[Issue]]:
    """Read a request: a bare resource or a Parameters, and `mode`, `profile` and `plausibility` of the query."""
    found, issues = Wanted(), list[Issue]()
    if body is not None and body.get("resourceType") == "Parameters" and kind != "Parameters":
        _parameters(body, found, issues)
    elif body is not None:
        found.resource = body
    for name, value in pairs:
        if name == "mode":
            found.mode = value
        elif name == "profile":
            found.profiles.append(value)
        elif name == "plausibility":
            found.plausibility = value == "true"
    if found.mode and found.mode not in MODES:
        issues.append(_wrong(f"there is no mode {found.mode[:40]!r}", "http.mode", ", ".join(MODES)))
    return found, issues


def doubtful(resource: Json, patient: Json | None, now: int) -> list[Issue]:
    """Return what in a resource can hardly be true; `patient` is whom it is about, where that is known."""
    persons = {about(resource): person_of([patient])} if patient is not None else None
    return [issue for _, issue in each_in([resource], now, persons)]


def outcome_of(judge: Judge, kind: str, id_: str, asked: Wanted, stored: Json | None) -> list[Issue]:
    """Return what is wrong; `stored` is the resource under `id_`, where there is one."""
    if asked.mode == "delete":
        text = f"there is no {kind}/{id_}" if stored is None else ""
        return [Issue("error", "not-found", text, Where(kind), rule="validate.delete")] if text else []
    resource: Any = asked.resource if asked.resource is not None else stored
    if resource is None:
        return [Issue("error", "required", "there is no resource to validate", Where(kind), rule="validate.nothing")]
    said = resource.get("resourceType")
    issues: list[Issue] = []
    if said != kind:
        shown = f"a {said[:64]}" if isinstance(said, str) else "something without resourceType"
        issues.append(
            Issue("error", "value", f"{shown} was sent to {kind}", Where("resourceType"), rule="validate.type")
        )
    if asked.mode == "update" and id_ and resource.get("id") != id_:
        text = "an update must say the id of the resource"
        issues.append(Issue("error", "value", text, Where(f"{kind}.id"), rule="validate.id"))
    if asked.mode == "create" and stored is not None:
        issues.append(
            Issue("error", "duplicate", f"there is a {kind}/{id_} already", Where(kind), rule="validate.create")
        )
    return [*issues, *judge.issues(resource, asked.profiles)]
