"""Checks the store against itself: files, indexes, versions, links, figures, and the bytes against their hashes."""

import sqlite3
from hashlib import sha256
from pathlib import Path

import zstandard

from unsilo.kernel import Issue, Where
from unsilo.storage.connect import connect
from unsilo.storage.days import day_path
from unsilo.storage.packing import unsqueeze
from unsilo.storage.statements import load

__all__ = ["CHECKS", "MOST", "issue", "verify"]

_SQL = load("verify")
_CONTENT = load("content")
MOST = 20
"""Issues of a kind that are told."""

CHECKS: dict[str, tuple[str, str]] = {
    "index_without_resource": ("{0} row {1} has no live resource", "rebuild the store from the journal"),
    "patient_without_person": ("Patient/{0} is linked to {1} persons", "link it by hand"),
    "link_without_resource": ("a link names the missing record {0}", "restore a backup"),
    "link_without_person": ("record {0} is linked to the missing person {1}", "restore a backup"),
    "edge_against_history": ("record {0} is linked to person {1}, its history says {2}", "restore a backup"),
    "effect_without_version": ("message {0} made version {2} of record {1}, which is missing", "replay the message"),
    "done_without_effect": ("message {0} is done with {1} entries and has none", "replay the message"),
    "done_without_outcome": ("message {0} is done and has no outcome", "replay the message"),
    "version_gap": ("record {0} has {1} versions, its highest number is {2}", "restore a backup"),
    "late_is_current": ("record {0} has a history version {1} above its numbers", "restore a backup"),
    "figures": ("feed {0}, day {1}, state {2}: counted {3}, recorded {4}", "the figures are wrong, the data is not"),
    "totals": ("feed {0}, state {1}: the days say {2}, the total {3}", "the figures are wrong, the data is not"),
    "type_totals": ("{0}: counted {1}, recorded {2}", "the figures are wrong, the data is not"),
    "message_without_key": ("message {0} cannot be found by its control id", "restore a backup"),
}
"""Statement -> text of the issue and what to do; every row that the statement gives is an issue."""
_HERE: dict[str, tuple[str, str]] = {
    "audit_of": ("run {0} of the audit trail tells of persons {1} times, gathered are {2}", "restore a backup"),
}
"""The same of what only a store in files has."""


def issue(rule: str, text: str, hint: str = "", path: str = "") -> Issue:
    """Return what a check found."""
    return Issue("error", "exception", text, Where(path), hint, f"storage.verify.{rule}")


def _sound(path: Path) -> tuple[sqlite3.Connection | None, list[Issue]]:
    """Open a file and let SQLite check it."""
    try:
        connection = connect(path, read_only=True)
        rows = [row[0] for row in connection.execute("PRAGMA integrity_check(20)").fetchall()]
    except sqlite3.Error as error:
        return None, [issue("file", f"{path.name} cannot be read: {error}", "restore a backup", path.name)]
    if rows == ["ok"]:
        return connection, []
    connection.close()
    return None, [issue("file", f"{path.name}: {row}", "restore a backup", path.name) for row in rows]


def _tables(connection: sqlite3.Connection) -> list[Issue]:
    found: list[Issue] = []
    for name, (text, hint) in (CHECKS | _HERE).items():
        rows = connection.execute(_SQL[name]).fetchmany(MOST)
        found += [issue(name, text.format(*row), hint) for row in rows]
    return found


def _contents(connection: sqlite3.Connection, directory: Path) -> list[Issue]:
    """Read every stored byte and compare it with the hash in its message row."""
    found: list[Issue] = []
    for (day,) in connection.execute(_SQL["days"]).fetchall():
        path = day_path(directory, day)
        if not path.exists():
            found.append(issue("content", f"{path.name} is missing", "restore a backup", path.name))
            continue
        file, issues = _sound(path)
        found += issues
        if file is None:
            continue
        expected = {row[0]: (row[1], row[2]) for row in connection.execute(_SQL["of_day"], (day,)).fetchall()}
        try:
            for slot, id_, _feed, _digest, codec, body in file.execute(_CONTENT["all"]):
                wanted = expected.pop(slot, None)
                if wanted is None:
                    continue  # bytes that were durable before a crash and never acknowledged
                try:
                    same = sha256(unsqueeze(body) if codec else body).digest() == wanted[1] and id_ == wanted[0]
                except zstandard.ZstdError:
                    same = False
                if not same:
                    found.append(issue("content", f"the bytes of message {wanted[0]} are damaged", "restore a backup"))
        finally:
            file.close()
        found += [issue("content", f"the bytes of message {id_} are missing") for id_, _ in expected.values()]
    return found


def verify(directory: Path, *, contents: bool = True) -> list[Issue]:
    """Return what is wrong with the store in a directory; at most twenty issues of a kind."""
    path = directory / "unsilo.db"
    if not path.exists():
        return [issue("file", f"there is no store in {directory}", path=str(directory))]
    connection, found = _sound(path)
    if connection is None:
        return found
    try:
        connection.execute("BEGIN")  # one moment of a store that goes on being written
        found += _tables(connection)
        if contents:
            found += _contents(connection, directory)
        connection.execute("COMMIT")
    finally:
        connection.close()
    return found
