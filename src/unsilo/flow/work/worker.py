"""A worker process: reads jobs from its standard input, answers on its standard output, ends when the input ends."""

import gc
import os
import signal
import sys
import traceback
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, BinaryIO

from unsilo.flow import process as steps
from unsilo.flow.live_feed import live
from unsilo.flow.shapes.watch import Watch
from unsilo.flow.work.wire import Fault, Ready, decode_hello, decode_job, done, encode
from unsilo.terminology.maps import NOTHING

__all__ = ["bound_memory", "main", "serve", "sweep", "word"]


_MEMORY = 3 * 1024**3
"""Address space of a worker in bytes."""
_SWEEP = 200
"""Messages between two searches for cycles among what is new since the last one."""
_SWEEP_ALL = 20 * _SWEEP
"""Messages between two searches of all that is held: each takes as long as thirty messages."""


def word(stream: IO[bytes]) -> bytes | None:
    """Read one word: its length (4 bytes, big end first), then itself; None when the stream ends before."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    size = int.from_bytes(head, "big")
    body = stream.read(size)
    return body if len(body) == size else None


def _place(fault: BaseException) -> str:
    """Return class and innermost place of an exception: enough to find the fault, nothing of the message."""
    last = traceback.extract_tb(fault.__traceback__)[-1:]
    where = f" in {Path(last[0].filename).name}:{last[0].lineno}" if last else ""
    return f"{type(fault).__name__}{where}"


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer every job in order until the source ends."""
    first = word(source)
    if first is None:
        return
    hello = decode_hello(first)
    if hello.cache:
        os.environ["UNSILO_CACHE"] = hello.cache
    feeds = {feed.name: live(feed, hello.overlays) for feed in hello.feeds}
    sink.write(encode(Ready(steps.warm(list(feeds.values())))))
    sink.flush()
    gc.collect()
    gc.freeze()
    # Trees and resources hold no cycles worth looking for at every turn; what there is goes between two messages.
    gc.disable()
    answered, maps, watch = 0, NOTHING, Watch()

    def seen(state: steps.State) -> None:
        watch.note(state.envelope.feed, state.envelope.format, state.envelope.id, state.tree)

    while (said := word(source)) is not None:
        job = decode_job(said)
        maps = maps if job.maps is None else job.maps
        if job.overlays is not None:
            feeds = {feed.name: live(feed, job.overlays) for feed in hello.feeds}
        feed = feeds.get(job.envelope.feed) or steps.orphan(job.envelope)
        try:
            made = steps.process(job.envelope, feed, job.mid, maps, None if job.again else seen)
            answer = encode(done(made, watch.take(job.envelope.feed)))
        except Exception as fault:  # noqa: BLE001 - whatever a message does to the program, the next one must run
            answer = encode(Fault(job.mid, _place(fault)))
        sink.write(answer)
        sink.flush()
        answered += 1
        sweep(answered)


def sweep(answered: int) -> None:
    """Collect cycles where it is time to, after so many words; nobody else does (`gc.disable`)."""
    if answered % _SWEEP == 0:
        gc.collect(2 if answered % _SWEEP_ALL == 0 else 0)


def bound_memory() -> None:
    """Let a message that eats memory without end fail here, and not take the machine with it."""
    if find_spec("resource") is not None:
        resource = import_module("resource")
        _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def main() -> None:
    """Run as `python -m unsilo.flow.work.worker`; when to end is the parent's business, whose pipe closes."""
    for each in (signal.SIGINT, signal.SIGTERM):  # they go to the whole group: a terminal, a service manager
        signal.signal(each, signal.SIG_IGN)
    bound_memory()
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not get between the words.
    os.dup2(2, 1)
    serve(source, sink)


if __name__ == "__main__":
    main()
