"""Makes the tables of the store in a database, and brings older ones forward, one process at a time."""

from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files

from unsilo.kernel import clock, hash64
from unsilo.spec.r4 import resource_types, type_number
from unsilo.storage.faults import StoreTooNewError
from unsilo.storage.postgres.names import BlockCounters, SharedNames
from unsilo.storage.postgres.session import Session
from unsilo.storage.postgres.translate import own
from unsilo.storage.renew import extract_anew, is_current

__all__ = ["migrate", "migrations", "refresh"]

_SQL = own("migration")
_LOCK = hash64("unsilo", "migration")


def migrations() -> list[tuple[int, str, str]]:
    """Return (number, name, script) of every migration, in order; they are numbered from 1 without a gap."""
    found = []
    for entry in files("unsilo.storage.postgres").joinpath("migrations").iterdir():
        if entry.name.endswith(".sql"):
            number, _, name = entry.name.removesuffix(".sql").partition("_")
            found.append((int(number), name, entry.read_text(encoding="utf-8")))
    return sorted(found)


def migrate(session: Session, steps: list[tuple[int, str, str]] | None = None) -> list[int]:
    """Apply what is missing, each migration in a transaction of its own; return the numbers applied.

    StoreTooNewError when the database has a migration that this version does not know.
    """
    steps = migrations() if steps is None else steps
    applied = []
    session.run(_SQL["lock_session"], (_LOCK,))
    try:
        session.run(_SQL["table"])
        have = int(session.run(_SQL["newest"]).fetchone()[0])
        if have > steps[-1][0]:
            raise StoreTooNewError(
                f"the database has schema {have}, this unsilo knows up to {steps[-1][0]}: install the newer unsilo"
            )
        for number, name, script in steps:
            if number <= have:
                continue
            session.run("BEGIN")
            try:
                session.script(script)
                if number == 1:
                    for kind in sorted(resource_types()):
                        session.run(_SQL["type"], (type_number(kind), kind))
                session.run(_SQL["record"], (number, name, clock.now(), sha256(script.encode()).hexdigest()))
                session.run("COMMIT")
            except BaseException:
                session.run("ROLLBACK")
                raise
            applied.append(number)
    finally:
        session.run(_SQL["unlock_session"], (_LOCK,))
    return applied


def refresh(session: Session, side: Callable[[], Session]) -> int:
    """Extract the search keys of all resources again when this version extracts others; return of how many.

    `side` gives a connection whose statements commit by themselves.
    """
    if is_current(session):
        return 0
    session.run(_SQL["lock_session"], (_LOCK,))
    try:
        session.begin("SELECT 0")
        done = 0 if is_current(session) else extract_anew(session, SharedNames(side), BlockCounters(side))
        session.run("COMMIT")
    except BaseException:
        if session.in_transaction:
            session.run("ROLLBACK")
        raise
    finally:
        if not session.closed:
            session.run(_SQL["unlock_session"], (_LOCK,))
    return done
