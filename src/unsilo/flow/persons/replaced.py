"""What `Patient.link` of type replaced-by does to the person, whoever says it (FHIR R4 patient.html#dup-records)."""

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from unsilo.kernel import Issue, Json, Where, json
from unsilo.policy import Predicate
from unsilo.search import Vocabulary, parse, plan
from unsilo.storage import Tx
from unsilo.storage.plan import Plan

__all__ = [
    "Identifier", "by_identifiers", "escaped", "follow", "join", "kept_apart", "leads_back", "part", "replaced_by",
    "replaced_links",
]  # fmt: skip

Identifier = tuple[str, str]
"""System ("" for any) and value."""
Finding = tuple[Predicate, Vocabulary]
"""What a search for an identifier needs."""

_MERGED = "The record says that another one replaced it."
_MOST_STEPS = 100
"""Records of one chain of merges that are looked at."""
_PARTED = "The record no longer says that another one replaced it."


def escaped(text: str) -> str:
    """Return a text as a token search takes it literally (FHIR R4 search.html#escaping)."""
    return "".join(f"\\{sign}" if sign in "\\,|$" else sign for sign in text)


def by_identifiers(identifiers: Sequence[Identifier], predicate: Predicate, vocabulary: Vocabulary) -> Plan | None:
    """Return a search for at most two live Patients that have all of these identifiers; None when it asks nothing.

    A Patient stands for itself alone here.
    """
    pairs = [
        ("identifier", f"{escaped(system)}|{escaped(value)}" if system else escaped(value))
        for system, value in identifiers
        if value
    ]
    if not pairs or len(pairs) != len(identifiers):
        return None
    search, issues = parse("Patient", pairs, vocabulary, kin=False)
    if search is None or issues:
        return None
    made = plan(search, predicate, vocabulary)
    return msgspec.structs.replace(made, count=2, sort=(), includes=(), total="none", only_count=False, after=None)


def replaced_links(patient: Json) -> list[Json]:
    """Return the links of type replaced-by."""
    links = patient.get("link")
    return [
        item
        for item in (links if isinstance(links, list) else ())
        if isinstance(item, dict) and item.get("type") == "replaced-by"
    ]


def replaced_by(patient: Json) -> list[str]:
    """Return the ids of the Patients here that replaced a record."""
    found = [_other(item) for item in replaced_links(patient)]
    return [id_ for id_, _ in found if id_]


def _other(link: Json) -> tuple[str, Identifier | None]:
    """Return the id that a link's reference names here, and the identifier that it carries."""
    other = link.get("other")
    if not isinstance(other, dict):
        return "", None
    said = other.get("reference")
    path = urlsplit(said).path if isinstance(said, str) and "://" in said else said
    parts = path.strip("/").split("/") if isinstance(path, str) else []
    id_ = parts[-1] if len(parts) >= 2 and parts[-2] == "Patient" else ""
    named = other.get("identifier")
    if not isinstance(named, dict) or not isinstance(named.get("value"), str):
        return id_, None
    system = named.get("system")
    return id_, (system if isinstance(system, str) else "", named["value"])


def _survivor(tx: Tx, link: Json, predicate: Predicate, vocabulary: Vocabulary) -> str | None:
    id_, identifier = _other(link)
    if id_:
        now = tx.current("Patient", id_)
        return id_ if now is not None and now.state == 0 and tx.sees(predicate, now) else None
    asked = by_identifiers([identifier], predicate, vocabulary) if identifier is not None else None
    rows = tx.search(asked).rows if asked is not None else []
    return rows[0].id if len(rows) == 1 else None


def follow(
    tx: Tx, patient: Json, before: Json | None, actor: str, mid: int, predicate: Predicate, vocabulary: Vocabulary
) -> list[Issue]:  # fmt: skip
    """Let the person follow what a Patient that was just stored says: one that was replaced belongs to its survivor.

    `before` is the former content. A survivor that is not known here is a warning, a circle an error. A record that no
    longer says that it was replaced goes back to the person that it came from.
    """
    id_, issues = str(patient.get("id")), []
    links = replaced_links(patient)
    for link in links:
        survivor = _survivor(tx, link, predicate, vocabulary)
        if survivor is None:
            text = "the record that replaced this one is not known here, so nothing was merged"
            issues.append(Issue("warning", "not-found", text, Where("Patient.link"), rule="merge.survivor"))
        elif survivor != id_ and leads_back(tx, survivor, id_, (predicate, vocabulary)):
            text = f"Patient/{survivor} was itself replaced by Patient/{id_}: one of the two must stay"
            hint = "take the other merge back first"
            issues.append(Issue("error", "conflict", text, Where("Patient.link"), hint, "merge.circle"))
        elif survivor != id_:
            issues += join(tx, id_, survivor, actor, mid, _MERGED)
    if not links and before is not None:
        for link in replaced_links(before):
            survivor = _survivor(tx, link, predicate, vocabulary)
            if survivor is not None and survivor != id_:
                part(tx, id_, survivor, actor, mid)
    return issues


def kept_apart(tx: Tx, patient: str, person: int, but: str = "") -> str:
    """Return a source Patient of a person of which it was said that another one is somebody else; "" when none.

    `but` is not looked at: the one of which something is said just now.
    """
    said = tx.decided(patient)
    if "apart" not in said.values():
        return ""
    return next((other for other in tx.patients_of(person) if other != but and said.get(other) == "apart"), "")


def join(tx: Tx, source: str, target: str, actor: str, mid: int, reason: str) -> list[Issue]:
    """Put a replaced record with the person of its survivor, for ever unless that is taken back.

    Nobody comes to one person with a record of which it was said that it is somebody else's: that is asked of people.
    """
    at = tx.at
    person = tx.person_of(target)
    if person is None:
        person = tx.link(target, None, "new", "First record with this number.", actor, at, mid)
    if other := kept_apart(tx, source, person, target):
        text = (
            f"Patient/{source} was merged into Patient/{target}, who is one with Patient/{other}; of these two it was "
        )
        text += "decided that they are two persons, so nothing was merged"
        tx.ask(source, target, "merge-apart", text, 0.0, "", mid, at)
        hint = "take one of the two decisions back"
        return [Issue("error", "conflict", text, Where(f"Patient/{source}"), hint, "merge.apart")]
    tx.decide(target, source, "same", reason, actor, at)
    if tx.person_of(source) != person:
        tx.link(source, person, "merge", reason, actor, at, mid)
    return []


def part(tx: Tx, source: str, target: str, actor: str, mid: int) -> None:
    """Take such a merge back."""
    if tx.decided(source).get(target) == "same":
        tx.decide(target, source, "open", _PARTED, actor, tx.at)
    person = tx.person_of(source)
    if person is None or person != tx.person_of(target):
        return
    home = tx.came_from(source)
    if home is not None and home != person:
        tx.link(source, home, "unmerge", _PARTED, actor, tx.at, mid)
    else:
        tx.unlink(source, "unmerge", _PARTED, actor, tx.at, mid)


def leads_back(tx: Tx, start: str, wanted: str, finding: Finding | None = None) -> bool:
    """Tell whether a record was replaced by another, directly or over others.

    Links that name an identifier only are followed when `finding` is given.
    """
    seen, todo = {start}, [start]
    while todo and len(seen) < _MOST_STEPS:
        now = tx.current("Patient", todo.pop())
        if now is None or now.state != 0 or b"replaced-by" not in now.body:
            continue
        for link in replaced_links(json.decode(now.body)):
            id_ = _survivor(tx, link, *finding) if finding is not None else _other(link)[0] or None
            if id_ == wanted:
                return True
            if id_ is not None and id_ not in seen:
                seen.add(id_)
                todo.append(id_)
    return False
