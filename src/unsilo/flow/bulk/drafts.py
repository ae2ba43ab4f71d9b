"""What a worker process makes of the lines of an import: resources ready for the store, or why they are none."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import msgspec

from unsilo.fhir import codec
from unsilo.flow.bulk.lines import Line
from unsilo.flow.fhir.checks import draft
from unsilo.flow.fhir.outcome import Written
from unsilo.flow.process import Piece
from unsilo.kernel import Issue, Where
from unsilo.validation import Options
from unsilo.validation.library import validator

__all__ = ["Drafted", "Drafts", "drafts"]

Check = Literal["off", "warn", "reject"]


class Drafted(msgspec.Struct, array_like=True):
    """One resource of a line, ready; it had an id of its own, or got one from its content."""

    line: int
    piece: Piece
    own_id: bool


class Drafts(msgspec.Struct, array_like=True):
    """What some lines became."""

    good: list[Drafted]
    issues: list[Issue]


_structure = Options(invariants=False)


def _told(name: str, line: int, issue: Issue) -> Issue:
    place = f"{name}:{line} {issue.where.path}".strip()
    return msgspec.structs.replace(issue, where=Where(place))


def drafts(name: str, lines: list[Line], check: Check) -> bytes:
    """Make the drafts of some lines of the file `name`; `check` looks at structure and bindings too. MessagePack."""
    good: list[Drafted] = []
    issues: list[Issue] = []
    for number, content in lines:
        read = codec.decode(content)
        if read.value is None:
            issues += [_told(name, number, issue) for issue in read.issues[:3]]
            continue
        resource = read.value
        kind, id_ = str(resource.get("resourceType")), resource.get("id")
        own = isinstance(id_, str)
        made = draft(kind, resource, id_ if isinstance(id_, str) else sha256(content.strip()).hexdigest()[:40])
        if isinstance(made, Written):
            issues += [_told(name, number, issue) for issue in made.issues[:3]]
            continue
        if check != "off":
            found = [i for i in validator().validate(resource, _structure) if i.severity in ("error", "fatal")]
            if found and check == "reject":
                issues += [_told(name, number, issue) for issue in found[:5]]
                continue
            issues += [_told(name, number, msgspec.structs.replace(i, severity="warning")) for i in found[:5]]
        good.append(Drafted(number, made.carried(), own))
    return msgspec.msgpack.encode(Drafts(good, issues))
