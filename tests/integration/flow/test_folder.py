"""The folder source: files at rest are taken once, and end in `done` or `failed` with what was said about them."""

import asyncio
import json
from pathlib import Path

from flow_node import Node, adt, replace, settings, with_node

from unsilo.config import Settings
from unsilo.sources.folder import FolderWatch


def watching(tmp_path: Path, **feed: object) -> Settings:
    """Return settings whose feed watches a folder."""
    config = settings(tmp_path, **feed)
    watched = replace(config.feeds["adt"], transport="folder", folder=str(tmp_path / "in"))
    return replace(config, feeds={"adt": watched})


async def finish(watch: FolderWatch, node: Node, looks: int = 3) -> None:
    """Look until everything that lies there was put away."""
    working = Path(node.service.settings.feeds["adt"].folder) / "working"
    for n in range(600):
        await asyncio.to_thread(watch.look)
        await asyncio.sleep(0.05)
        await node.settled()
        if n >= looks and not (working.is_dir() and any(working.iterdir())):
            break
    await asyncio.to_thread(watch.look)


def opened(node: Node) -> FolderWatch:
    """Return a watch that only looks when told."""
    watch = FolderWatch(node.service, node.service.settings.feeds["adt"], seconds=3600)
    watch.start()
    return watch


def test_a_good_file_ends_in_done_and_a_bad_one_in_failed(tmp_path: Path) -> None:
    """Each file becomes a message; the bad one is put away with its Issues beside it."""

    async def scenario(node: Node) -> None:
        watch = opened(node)
        inbox = Path(node.service.settings.feeds["adt"].folder)
        (inbox / "good.hl7").write_bytes(adt("1"))
        (inbox / "bad.hl7").write_bytes(b"no message")
        (inbox / "empty.hl7").write_bytes(b"")
        (inbox / "two.hl7").write_bytes(adt("2", "7") + adt("3", "8"))
        await finish(watch, node)
        assert sorted(file.name for file in (inbox / "done").iterdir() if file.suffix == ".hl7") == [
            "good.hl7",
            "two.hl7",
        ]
        failed = {file.name for file in (inbox / "failed").iterdir()}
        assert failed == {"bad.hl7", "bad.hl7.issues.json", "empty.hl7", "empty.hl7.issues.json"}
        report = json.loads((inbox / "failed" / "bad.hl7.issues.json").read_text())
        assert report["state"] == "dead"
        assert report["issues"]
        assert (inbox / "failed" / "bad.hl7").read_bytes() == b"no message"
        assert node.service.store.counts().resources["Patient"] == 3
        watch.stop()

    with_node(watching(tmp_path), scenario, workers=True)


def test_a_file_that_still_grows_or_is_hidden_is_left_alone(tmp_path: Path) -> None:
    """Only what has the same size at two looks is taken; unfinished names and links never are."""

    async def scenario(node: Node) -> None:
        watch = opened(node)
        inbox = Path(node.service.settings.feeds["adt"].folder)
        growing = inbox / "growing.hl7"
        growing.write_bytes(adt("1")[:40])
        (inbox / "x.hl7.part").write_bytes(adt("2"))
        (inbox / ".hidden").write_bytes(adt("3"))
        (inbox / "link.hl7").symlink_to("/etc/hostname")
        await asyncio.to_thread(watch.look)
        growing.write_bytes(adt("1"))
        await asyncio.to_thread(watch.look)
        assert growing.exists()
        await finish(watch, node)
        assert [row.control_id for row in node.service.store.search_messages()] == ["1"]
        assert (inbox / "link.hl7").is_symlink()
        watch.stop()

    with_node(watching(tmp_path), scenario, workers=True)


def test_what_a_former_run_left_in_work_is_taken_again(tmp_path: Path) -> None:
    """A file in `working` at the start was not finished; taking it twice has one effect."""

    async def scenario(node: Node) -> None:
        inbox = Path(node.service.settings.feeds["adt"].folder)
        (inbox / "working").mkdir(parents=True)
        (inbox / "working" / "left.hl7").write_bytes(adt("1"))
        await asyncio.wrap_future(node.service.take(node.service.settings.feeds["adt"], adt("1")))
        watch = opened(node)
        await finish(watch, node)
        assert (inbox / "done" / "left.hl7").exists()
        assert len(node.service.store.search_messages()) == 1
        watch.stop()

    with_node(watching(tmp_path), scenario, workers=True)


def test_names_are_never_overwritten_and_long_files_are_refused(tmp_path: Path) -> None:
    """The same name again gets a number; a file over the limit is not read."""

    async def scenario(node: Node) -> None:
        watch = opened(node)
        inbox = Path(node.service.settings.feeds["adt"].folder)
        for n in (1, 2):
            (inbox / "a.hl7").write_bytes(adt(str(n)))
            await finish(watch, node)
        assert {file.name for file in (inbox / "done").glob("*.hl7")} == {"a.hl7", "a-1.hl7"}
        (inbox / "long.hl7").write_bytes(adt("3") + b" " * 5000)
        await finish(watch, node)
        assert (inbox / "failed" / "long.hl7").exists()
        watch.stop()

    with_node(watching(tmp_path, limit_bytes=4096), scenario, workers=True)
