"""What messages say again and again is known to the node that wrote it; on PostgreSQL others write as well."""

from pathlib import Path
from typing import Any

import pytest

from unsilo.config import Feed
from unsilo.flow.commit import commit
from unsilo.flow.process import process
from unsilo.kernel import seal
from unsilo.storage import Incoming, Stored, open_store, tx


def test_what_is_said_again_is_known_without_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that repeats patient, visit and places reads no body of them."""
    feed = Feed("adt")
    content = (
        b"MSH|^~\\&|A|B|C|D|2026010%d||ADT^A08|%d|P|2.5\rEVN|A08|2026010%d\r"
        b"PID|1||7^^^KH^MR||Roe^Jane||19700101|F\rPV1|1|I|W^1^2||||7^Arzt^Eva||||||||||||V1^^^KH\r"
    )
    read: list[str] = []
    whole = tx.whole

    def noted(row: Any) -> Stored:
        read.append(row[1])
        return whole(row)

    monkeypatch.setattr(tx, "whole", noted)
    with open_store(tmp_path) as store:

        def take(n: int) -> list[str]:
            envelope = seal("adt", "hl7v2", content % (n, n, n), n)
            mid = store.receive(Incoming(envelope=envelope)).result(10).mid
            read.clear()
            return store.submit(commit(process(envelope, feed, mid), feed, n)).result(10).changed

        take(2)
        repeated = take(4)
        assert not {"Patient", "Encounter", "Location", "Organization"} & set(read)
        assert repeated
