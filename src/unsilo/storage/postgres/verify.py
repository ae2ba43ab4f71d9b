"""Checks the store against itself: indexes, versions, links, figures, and the bytes against their hashes."""

from hashlib import sha256

import psycopg
import zstandard

from unsilo.kernel import Issue
from unsilo.storage.packing import unsqueeze
from unsilo.storage.postgres.session import Session
from unsilo.storage.postgres.translate import own
from unsilo.storage.statements import load
from unsilo.storage.verify import CHECKS, MOST, issue

__all__ = ["verify"]

_SQL, _CONTENT = load("verify"), own("content")


def _contents(session: Session) -> list[Issue]:
    """Read every stored byte and compare it with the hash in its message row."""
    found: list[Issue] = []
    for (day,) in session.execute(_SQL["days"]).fetchall():
        expected = {row[0]: (row[1], row[2]) for row in session.execute(_SQL["of_day"], (day,)).fetchall()}
        last = 0
        while rows := session.run(_CONTENT["of_day"], (day, last)).fetchall():
            for slot, id_, codec, body in rows:
                wanted = expected.pop(slot, None)
                if wanted is None:
                    continue
                try:
                    same = sha256(unsqueeze(body) if codec else body).digest() == wanted[1] and id_ == wanted[0]
                except zstandard.ZstdError:
                    same = False
                if not same:
                    found.append(issue("content", f"the bytes of message {wanted[0]} are damaged", "restore a backup"))
            last = rows[-1][0]
        found += [issue("content", f"the bytes of message {id_} are missing") for id_, _ in expected.values()]
    return found


def verify(dsn: str, *, contents: bool = True) -> list[Issue]:
    """Return what is wrong with the store in a database; at most twenty issues of a kind.

    The database's own pages are checked by PostgreSQL (data checksums, pg_amcheck), not here.
    """
    try:
        session = Session(dsn, reading=True)
    except psycopg.Error as error:
        return [issue("database", f"the database cannot be read: {type(error).__name__}", "see its own log")]
    found: list[Issue] = []
    try:
        session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")  # one moment of a store that is being written
        for name, (text, hint) in CHECKS.items():
            rows = session.execute(_SQL[name]).fetchmany(MOST)
            found += [issue(name, text.format(*row), hint) for row in rows]
        if contents:
            found += _contents(session)
        session.run("COMMIT")
    finally:
        session.close()
    return found
