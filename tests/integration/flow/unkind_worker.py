"""A worker that dies, hangs, dawdles or fails on messages that say so."""

import os
import time
from typing import Any

from unsilo.flow.work import worker

kind = worker.steps.process


def process(envelope: Any, *rest: Any) -> Any:
    """Do what the message says, else the real thing."""
    if b"DIE" in envelope.content:
        os._exit(9)
    if b"HANG" in envelope.content:
        time.sleep(60)
    if b"SLOW" in envelope.content:
        time.sleep(0.05)
    if b"FAIL" in envelope.content:
        raise RuntimeError("as asked")
    return kind(envelope, *rest)


if __name__ == "__main__":
    worker.steps.process = process
    worker.main()
