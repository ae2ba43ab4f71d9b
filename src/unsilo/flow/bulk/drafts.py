"""What a worker process makes of the lines of an import: resources ready for the store, or why they are none."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Literal, NamedTuple

import msgspec

from unsilo.config.settings import Validation
from unsilo.fhir import codec
from unsilo.flow.bulk.lines import Line, Part, lines_of
from unsilo.flow.drafted import Gathering
from unsilo.flow.fhir.checks import draft, whole
from unsilo.flow.fhir.outcome import Written
from unsilo.flow.judge import Judge
from unsilo.flow.process import Draft
from unsilo.kernel import Issue, Json, Where
from unsilo.storage.bodies import Dictionary, pack_all
from unsilo.storage.packing import squeeze
from unsilo.validation import Options
from unsilo.validation.library import validator

__all__ = ["Check", "Drafts", "Order", "begin", "drafted", "drafted_of", "drafts"]

Check = Literal["off", "warn", "reject"]

_MOST_TOLD = 5
"""Faults of one line that are told."""
_BEHIND = 10
"""How far workers stand back: who writes, or a node that serves, then has a core whenever it wants one, so that at the
end of an import little is left to write while nothing is left to make."""
_WAITING = 1
"""How hard what waits for a commit is packed: a quarter of its size in two thirds of the time."""
_encode = msgspec.msgpack.Encoder().encode
_structure = Options(invariants=False)


class Order(NamedTuple):
    """What is asked of some lines: the file's name for reports, the check, the one type that is taken (or all), how
    strictly the node's own judge looks at what this client writes, and the store's dictionary (number, content) with
    which the resources are packed here, while whoever writes has enough to do."""

    name: str
    check: Check = "off"
    only: str = ""
    way: Check = "off"
    dictionary: tuple[int, bytes] | None = None


class Drafts(msgspec.Struct, array_like=True):
    """What some lines became: sheets of resources (`Drafted`, encoded and packed), and from which line each one is.

    `read` says how many lines there were, those that could not be read among them.
    """

    sheets: list[bytes]
    lines: list[list[int]]
    issues: list[Issue]
    read: int = 0


def _found(resource: Json, order: Order, judge: Judge | None) -> tuple[list[Issue], bool]:
    """Return what is wrong with a resource, and whether it must be refused for it."""
    issues: list[Issue] = []
    if order.way != "off" and judge is not None:
        issues = judge.issues(resource)
    elif order.check != "off":
        issues = validator().validate(resource, _structure)
    grave = [issue for issue in issues if issue.severity in ("error", "fatal")]
    return grave, bool(grave) and "reject" in (order.check, order.way)


def _drafted(content: bytes, order: Order, judge: Judge | None) -> tuple[Draft | None, list[Issue]]:
    """Return a resource ready for the store, and what is to be said; None when it is refused."""
    read, words = codec.read(content)
    if read.value is None:
        return None, read.issues
    resource = read.value
    kind, id_ = str(resource.get("resourceType")), resource.get("id")
    if order.only and kind != order.only:
        text = f"a {kind[:64]} in a file of {order.only}" if "resourceType" in resource else "resourceType is missing"
        return None, [Issue("error", "value", text, Where("resourceType"), rule="import.type")]
    made = draft(kind, resource, id_ if isinstance(id_, str) else sha256(content.strip()).hexdigest()[:40], words)
    part = whole(kind, resource) if not isinstance(made, Written) else made
    if part is not None or isinstance(made, Written):
        return None, part.issues if part is not None else []
    issues, refuse = _found(resource, order, judge)
    if refuse:
        return None, issues
    return made, [msgspec.structs.replace(issue, severity="warning") for issue in issues]


def drafts(
    order: Order, lines: Iterable[Line], judge: Judge | None = None, unread: Sequence[Issue] = ()
) -> bytes:  # fmt: skip
    """Make the drafts of some lines; their faults name file and line. MessagePack of `Drafts`.

    `unread` are the faults of lines beside these that could not be read.
    """
    sheets: list[tuple[Gathering, list[int]]] = []
    told = list(unread)
    read = len(told)
    for number, content in lines:
        read += 1
        made, issues = _drafted(content, order, judge)
        if made is not None:
            if not sheets or not sheets[-1][0].add(made):  # the first, or a later version of what was said already
                sheets.append((Gathering(), []))
                sheets[-1][0].add(made)
            sheets[-1][1].append(number)
        for issue in issues[:_MOST_TOLD]:
            place = f"{order.name}:{number} {issue.where.path}".strip()
            told.append(msgspec.structs.replace(issue, where=Where(place)))
    held = [one.drafted() for one, _ in sheets]
    if order.dictionary is not None:
        packer = _packer(*order.dictionary)
        for one in held:
            one.sheet.bodies = pack_all(one.sheet.bodies, packer)
    packed = [squeeze(_encode(one), _WAITING) for one in held]  # many wait for one commit
    return _encode(Drafts(packed, [places for _, places in sheets], told, read))


_here: list[Judge] = []
_packers: dict[int, Dictionary] = {}


def _packer(number: int, content: bytes) -> Dictionary:
    if number not in _packers:
        _packers.clear()
        _packers[number] = Dictionary(number, content)
    return _packers[number]


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def begin(settings: Validation) -> None:
    """Make a worker process ready. It ends when the import does, also when that is killed."""
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    gc.disable()  # drafts hold no cycles; what there is of them is little
    os.nice(_BEHIND)
    _here.append(Judge(settings))


def drafted(order: Order, numbers: Sequence[int], contents: Sequence[bytes], unread: Sequence[Issue]) -> bytes:
    """Make drafts in a worker process; the parts of the lines come apart, which a pipe carries for a third."""
    return drafts(order, map(Line, numbers, contents), _here[0], unread)


def drafted_of(order: Order, part: Part) -> bytes:
    """Make drafts in a worker process of lines that it reads itself."""
    lines, unread = lines_of(part, order.name)
    return drafts(order, lines, _here[0], unread)
