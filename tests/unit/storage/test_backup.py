"""Backups are consistent while the store is written; only sound ones are restored, only into empty places."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from unsilo.fhir.index import IndexRows
from unsilo.storage import Incoming, Receipt, Store, backup, open_store, restore, verify


def test_a_backup_while_writing_restores_to_a_sound_store(
    store: Store, piece: Callable[..., Incoming], tmp_path: Path
) -> None:
    """Everything acknowledged before it began is in it; what is in it fits together."""
    before = [store.receive(piece(f"MSH|{n}")).result(10) for n in range(20)]
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            mid = store.receive(piece(f"MSH|during {n}")).result(10).mid
            store.submit(
                lambda tx, n=n, mid=mid: (
                    tx.put("Basic", f"b{n}", b"{}", index=IndexRows(), lineage=[], mid=mid, at=1),
                    tx.finish(mid, "done", entries=1),
                )
            ).result(10)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        manifest = backup(store, tmp_path / "copy")
    finally:
        stop.set()
        thread.join()
    assert manifest.last_message >= 20
    assert restore(tmp_path / "copy", tmp_path / "back") == []
    with open_store(tmp_path / "back") as restored:
        assert [restored.content(r.id) for r in before] == [f"MSH|{n}".encode() for n in range(20)]
        assert len(restored.search_messages(limit=10_000)) == manifest.last_message
        assert restored.receive(piece("MSH|1")).result(10).duplicate


def test_a_backup_is_not_written_over_anything(store: Store, tmp_path: Path) -> None:
    """A directory with anything in it is refused, and so is what is no store."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("mine")
    with pytest.raises(FileExistsError):
        backup(store, tmp_path / "full")
    with pytest.raises(FileNotFoundError):
        backup(tmp_path / "full", tmp_path / "other")


def test_a_restore_is_not_written_over_anything(store: Store, tmp_path: Path) -> None:
    """A target that is not empty is left as it is."""
    backup(store, tmp_path / "copy")
    [issue] = restore(tmp_path / "copy", store.directory)
    assert issue.rule == "storage.restore.target"
    assert "not empty" in issue.text


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "manifest", "outside"])
def test_a_damaged_backup_is_not_restored(
    store: Store, receive: Callable[..., Receipt], tmp_path: Path, damage: str
) -> None:
    """A changed, short or missing file, or a manifest that is no manifest, is named, and nothing is written."""
    receive("MSH|1")
    copy = tmp_path / "copy"
    backup(store.directory, copy)
    file = copy / "unsilo.db"
    content = file.read_bytes()
    if damage == "flip":
        file.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    elif damage == "cut":
        file.write_bytes(content[:-1])
    elif damage == "remove":
        file.unlink()
    elif damage == "manifest":
        (copy / "manifest.json").write_text("{")
    else:
        text = (copy / "manifest.json").read_text()
        (copy / "manifest.json").write_text(text.replace('"unsilo.db"', '"../unsilo.db"'))
    issues = restore(copy, tmp_path / "back")
    assert issues
    assert not (tmp_path / "back").exists()


def test_a_backup_of_a_closed_store(store: Store, receive: Callable[..., Receipt], tmp_path: Path) -> None:
    """A path does as well as an open store."""
    receive("MSH|1")
    store.close()
    backup(store.directory, tmp_path / "copy")
    assert verify(tmp_path / "copy") == []
