"""A worker as its dispatcher sees it: what is given together goes out together."""

import os
import sys
from pathlib import Path

import pytest

from unsilo.config import Feed, Settings
from unsilo.flow.work import pool
from unsilo.flow.work.wire import Job
from unsilo.kernel import seal


def test_jobs_that_are_given_together_go_out_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step gives up the interpreter lock, and to get it back may take as long as a message."""
    monkeypatch.setattr(pool, "COMMAND", [sys.executable, "-c", "import sys; sys.stdin.buffer.read()"])
    worker = pool.Worker(Settings(data=tmp_path, feeds={"adt": Feed("adt", "hl7v2")}))
    written: list[bytes] = []

    def write(_fd: int, data: bytes) -> int:
        written.append(bytes(data))
        return len(data)

    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", write)
            for mid in (1, 2, 3):
                worker.give(Job(mid, seal("adt", "hl7v2", b"MSH|%d" % mid, 1)))
            assert written == []
            assert worker.full
            worker.push()
        assert len(written) == 1
        assert [b"MSH|%d" % mid in written[0] for mid in (1, 2, 3)] == [True] * 3
        assert not worker.full
        assert list(worker.jobs) == [1, 2, 3]
    finally:
        worker.stop()
