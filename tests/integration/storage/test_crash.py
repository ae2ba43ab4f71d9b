"""What an operator fears: power lost at any moment. A copy taken at each commit holds all that was acknowledged."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from unsilo.fhir.index import IndexRows
from unsilo.kernel import clock, seal
from unsilo.storage import Hooks, Incoming, Tx, open_store

NONE = IndexRows()

CHILD = """
import sys
from pathlib import Path
from unsilo.fhir.index import IndexRows
from unsilo.kernel import clock, seal
from unsilo.storage import Incoming, open_store
store = open_store(Path(sys.argv[1]))
def done(n):
    def tell(future):
        sys.stdout.write(f"{n} {future.result().id}\\n")
        sys.stdout.flush()
    return tell
rows = IndexRows(tok=[(1, 2, "s")])
for n in range(100_000):
    future = store.receive(Incoming(seal("f", "hl7v2", f"MSH|{sys.argv[2]}|{n}".encode() * 20, clock.now())))
    future.add_done_callback(done(n))
    if n % 7 == 0:
        mid = future.result().mid
        def job(tx, n=n, mid=mid):
            former = tx.current("Basic", f"b{n % 70}")
            tx.put("Basic", f"b{n % 70}", b"{}", index=rows, lineage=[], previous=former, mid=mid, at=clock.now())
            tx.finish(mid, "done", entries=1)
        store.submit(job)
"""


def test_a_copy_at_any_commit_holds_what_was_acknowledged(tmp_path: Path) -> None:
    """The files as they are at a commit, copied as a power loss would leave them, open, verify, and lost nothing."""
    acknowledged: list[str] = []
    clones: list[tuple[Path, list[str]]] = []
    turn = [0]
    source = tmp_path / "store"

    def clone(name: str) -> None:
        turn[0] += 1
        if turn[0] % 9 or len(clones) >= 8:
            return
        target = tmp_path / f"clone{len(clones)}-{name}"
        known = list(acknowledged)
        target.mkdir()
        # The log before the file that a checkpoint moves it into, so that nothing falls between the two copies.
        for path in sorted(source.rglob("*"), key=lambda p: not p.name.endswith("-wal")):
            if path.is_file() and not path.name.endswith("-shm"):
                (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target / path.relative_to(source))
        clones.append((target, known))

    hooks = Hooks(before_commit=lambda name: clone(f"before-{name}"), after_commit=lambda name: clone(f"after-{name}"))
    with open_store(source, hooks=hooks) as store:

        def send(who: int) -> None:
            for n in range(40):
                receipt = store.receive(Incoming(seal("f", "hl7v2", f"MSH|{who}|{n}".encode(), clock.now()))).result(20)
                acknowledged.append(receipt.id)

                def job(tx: Tx, n: int = n, mid: int = receipt.mid) -> None:
                    former = tx.current("Basic", f"b{n}")
                    tx.put("Basic", f"b{n}", b"{}", index=NONE, lineage=[], previous=former, mid=mid, at=1)
                    tx.finish(mid, "done", entries=1)

                store.submit(job).result(20)

        threads = [threading.Thread(target=send, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(clones) >= 6
    for target, known in clones:
        with open_store(target) as store:
            for id_ in known:
                assert store.content(id_) is not None
            assert store.verify() == []
            waiting = {item.mid for item in store.queued(0, 10_000)}
            finished = {m.mid for m in store.search_messages(state="done", limit=10_000)}
            assert waiting | finished == {m.mid for m in store.search_messages(limit=10_000)}


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    """SIGKILL in the middle of receipts and commits, several times over: all there, nothing twice, ready at once."""
    acknowledged: dict[str, str] = {}
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    for turn in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path / "store"), str(turn)],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        assert child.stdout is not None
        for _ in range(150 + 97 * turn):
            line = child.stdout.readline().split()
            if len(line) == 2:
                acknowledged[line[1]] = f"MSH|{turn}|{line[0]}" * 20
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
        for line in (text.split() for text in rest.splitlines(keepends=True) if text.endswith("\n")):
            if len(line) == 2:
                acknowledged[line[1]] = f"MSH|{turn}|{line[0]}" * 20
        child.stdout.close()
        child.wait()
        begun = clock.now()
        with open_store(tmp_path / "store") as store:
            assert store.queued(0, 1) is not None
            assert clock.now() - begun < 5_000_000
            assert store.verify() == []
            assert {id_: store.content(id_) for id_ in acknowledged} == {i: c.encode() for i, c in acknowledged.items()}
    assert len(acknowledged) > 600
