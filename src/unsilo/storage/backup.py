"""Copies a store while it is written, with a manifest of hashes, and brings such a copy back."""

import os
import shutil
import sqlite3
from hashlib import sha256
from pathlib import Path

import msgspec

from unsilo.kernel import Issue, Where, clock
from unsilo.storage.connect import connect
from unsilo.storage.days import day_path, sync_directory
from unsilo.storage.migrate import version_of
from unsilo.storage.statements import load
from unsilo.storage.store import Store
from unsilo.storage.verify import verify

__all__ = ["Manifest", "backup", "restore"]

_VERIFY, _MSG, _RES = load("verify"), load("message"), load("resource")
_PAGES = 2000
_MANIFEST = "manifest.json"


class Manifest(msgspec.Struct):
    """What a backup holds: `at` in microseconds, the schema's number, the last message and transaction, file hashes."""

    at: int
    schema: int
    last_message: int
    last_transaction: int
    files: dict[str, str]


def _issue(rule: str, text: str, hint: str = "", path: str = "") -> Issue:
    return Issue("error", "exception", text, Where(path), hint, f"storage.{rule}")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        digest = sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _copy(source: sqlite3.Connection, path: Path) -> None:
    """Copy a database as it is at the source's open snapshot, and make the copy durable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    target = sqlite3.connect(path)
    try:
        source.backup(target, pages=_PAGES)
        # One file without a log: what is hashed is all there is.
        target.execute("PRAGMA journal_mode = DELETE").fetchone()
    finally:
        target.close()
    _sync(path)


def _empty(directory: Path) -> bool:
    return not directory.exists() or (directory.is_dir() and not any(directory.iterdir()))


def backup(store: Store | Path, target: Path) -> Manifest:
    """Write a consistent copy of a store, which may be written meanwhile, into an empty directory.

    The main database is copied first, at one moment; every message in it was durable in its day file before, so the
    day files that are copied after it hold at least its bytes. FileExistsError when the directory is not empty.
    """
    directory = store.directory if isinstance(store, Store) else store
    if not (directory / "unsilo.db").exists():
        raise FileNotFoundError(f"there is no store in {directory}")
    if not _empty(target):
        raise FileExistsError(f"{target} is not empty")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    main = connect(directory / "unsilo.db", read_only=True)
    try:
        main.execute("BEGIN")
        last = int(main.execute(_MSG["top_mid"]).fetchone()[0])
        manifest = Manifest(clock.now(), version_of(main), last, int(main.execute(_RES["top_t"]).fetchone()[0]), {})
        days = [row[0] for row in main.execute(_VERIFY["days"]).fetchall()]
        _copy(main, target / "unsilo.db")
        main.execute("COMMIT")
    finally:
        main.close()
    for day in days:
        file = connect(day_path(directory, day), read_only=True)
        try:
            file.execute("BEGIN")
            file.execute("SELECT 1 FROM sqlite_master").fetchone()
            _copy(file, day_path(target, day))
        finally:
            file.close()
    for path in sorted(target.rglob("*.db")):
        manifest.files[path.relative_to(target).as_posix()] = _hash(path)
    text = msgspec.json.format(msgspec.json.encode(manifest))
    (target / _MANIFEST).write_bytes(text)
    _sync(target / _MANIFEST)
    for folder in (target / "journal", target):
        if folder.is_dir():
            sync_directory(folder)
    return manifest


def restore(source: Path, target: Path) -> list[Issue]:
    """Bring a backup back into an empty directory and verify it; return what is wrong, nothing when it is sound.

    A file that is missing or does not match its hash stops it before anything is written.
    """
    if not _empty(target):
        return [_issue("restore.target", f"{target} is not empty", "restore into an empty directory", str(target))]
    try:
        manifest = msgspec.json.decode((source / _MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        return [_issue("restore.manifest", f"there is no backup in {source}: it has no {_MANIFEST}", path=str(source))]
    except (OSError, msgspec.MsgspecError) as error:
        return [_issue("restore.manifest", f"{source / _MANIFEST} cannot be read: {error}", path=str(source))]
    bad = []
    for name, wanted in manifest.files.items():
        path = source / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            bad.append(_issue("restore.manifest", f"{name} leads out of the backup", path=name))
        elif not path.is_file():
            bad.append(_issue("restore.file", f"{name} is missing from the backup", "use another backup", name))
        elif _hash(path) != wanted:
            bad.append(_issue("restore.file", f"{name} does not match its hash", "use another backup", name))
    if bad:
        return bad
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in manifest.files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
        _sync(target / name)
    (target / "journal").mkdir(exist_ok=True)
    for folder in (target / "journal", target):
        sync_directory(folder)
    return verify(target)
