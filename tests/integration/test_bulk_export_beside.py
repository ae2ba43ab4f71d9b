"""An export with processes beside it: the same files as without, also after a stop; faults of them are its own."""

import json
import threading
from pathlib import Path

import pytest

from unsilo.config import Settings
from unsilo.flow.bulk import export as exporting
from unsilo.flow.bulk.beside import Span, hands
from unsilo.flow.bulk.export import export, lines_of
from unsilo.flow.bulk.imports import import_files
from unsilo.flow.bulk.job import Job, Jobs
from unsilo.flow.bulk.request import read
from unsilo.flow.fhir.outcome import Caller
from unsilo.flow.service import Service
from unsilo.policy import Predicate
from unsilo.storage import open_store


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A store with 301 resources of one type, some of them deleted, and 40 of another."""
    folder = tmp_path_factory.mktemp("node")
    lines = [{"resourceType": "Basic", "id": f"b{n}", "code": {"text": "x" * (n % 90)}} for n in range(301)]
    lines += [{"resourceType": "Organization", "id": f"o{n}", "name": f"{n}"} for n in range(40)]
    (folder / "in.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    service = Service(Settings(data=folder))
    try:
        caller = Caller("t", "t", Predicate(), "t")
        assert import_files(service, caller, [folder / "in.ndjson"]).stored == 341
        for n in range(0, 301, 9):

            def job(tx, n=n):
                tx.delete("Basic", f"b{n}", previous=tx.current("Basic", f"b{n}"), at=tx.at)

            service.store.submit(job).result(30)
    finally:
        service.store.close()
    return folder


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Let pieces and files be small, so that there are many."""
    monkeypatch.setattr(exporting, "_CHUNK", 7)
    monkeypatch.setattr(exporting, "_LARGEST", 3000)


class _StopAfter(threading.Event):
    """Is set when it has been asked so often."""

    def __init__(self, times):
        super().__init__()
        self.times = times

    def is_set(self):
        self.times -= 1
        return self.times < 0


def _prepare(data):
    return lambda: lines_of(open_store(data).view(), Predicate())


def _export(data, out, number, pairs=(), stops=(10**9,)):
    """Export with so many processes beside; return the files by name, and the job."""
    request, _ = read("system", list(pairs))
    jobs = Jobs(out, Job)
    with hands(number, _prepare(data)) as beside:
        assert len(beside) == number
        service = Service(Settings(data=data))
        try:
            job = jobs.start(Job(actor="t", url="", request=request))
            for times in stops:
                job = jobs.get(job.id)
                whole = export(
                    jobs, job, service.store.view(), Predicate(), service.parameters.vocabulary, _StopAfter(times),
                    beside,
                )  # fmt: skip
        finally:
            service.store.close()
    assert whole
    files = {file.name.partition(".")[2]: jobs.path(job, file.name).read_bytes() for file in job.files}
    return files, job


@pytest.mark.parametrize("pairs", [(), (("_elements", "Basic.code"),), (("_type", "Organization"),)])
def test_the_files_are_the_same_as_without(data, tmp_path, pairs):
    """One and two processes beside make the same files, to the byte, also where only some elements are asked for."""
    alone, job = _export(data, tmp_path / "0", 0, pairs)
    for number in (1, 2):
        files, also = _export(data, tmp_path / str(number), number, pairs)
        assert files == alone
        assert also.written == job.written
    if not pairs:
        assert sum(content.count(b"\n") for content in alone.values()) == job.written == 341 - 34
        assert len(alone) > 8


def test_it_goes_on_after_a_stop(data, tmp_path):
    """Stopped twice in the middle, the files are the same in the end."""
    alone, _ = _export(data, tmp_path / "0", 0)
    files, _ = _export(data, tmp_path / "1", 1, stops=(9, 14, 10**9))
    assert files == alone


def test_a_fault_beside_is_a_fault_of_the_export(data, tmp_path):
    """What cannot be written there, or made, or a process that is gone, ends the export with its fault."""
    with hands(1, _prepare(data)) as (hand,):
        made = hand.make(Span("Basic", 0, 50, 1 << 60))
        hand.hear(wait=True)
        assert hand.is_made(made)
        assert made.count == 44
        hand.write(Path(tmp_path / "no" / "file"), 0)
        with pytest.raises(FileNotFoundError):
            hand.hear(wait=True)
        hand.make(Span("NoSuchType", 0, 50, 1 << 60))
        with pytest.raises(KeyError):
            hand.hear(wait=True)
        hand.make(Span("Basic", 0, 50, 1 << 60))
        hand.hear(wait=True)
        hand._process.kill()
        hand._process.join()
        with pytest.raises(OSError, match="a process of the export ended"):
            hand.hear(wait=True)
        with pytest.raises(OSError, match="a process of the export ended"):
            hand.make(Span("Basic", 0, 50, 1 << 60))
