"""Receipts: durable bytes, one row each, resends answered from the record, control ids watched."""

from collections.abc import Callable

import pytest

from unsilo.kernel import Issue
from unsilo.storage import Incoming, Receipt, Store

POISON = Issue("fatal", "exception", "the program failed on this message", rule="flow.poison")

Receive = Callable[..., Receipt]


def test_what_came_in_is_there_to_the_byte(store: Store, receive: Receive, piece: Callable[..., Incoming]) -> None:
    """Bytes, hash, time, transport headers and keys are what was handed in."""
    content = bytes(range(256)) * 40
    sent = piece(content, keys=[("name", "Müller Ann"), ("order", "A1")], type="ADT^A08", control_id="7")
    receipt = store.receive(sent).result(10)
    assert store.content(receipt.id) == content
    assert store.envelope(receipt.id) == sent.envelope
    row = store.message(receipt.id)
    assert row is not None
    assert (row.sha256, row.size, row.keys, row.state) == (sent.envelope.sha256, len(content), sent.keys, "queued")
    assert store.message(row.mid) == row


def test_a_resend_is_answered_from_the_record(store: Store, receive: Receive) -> None:
    """The same bytes on the same feed give the first receipt again and no second row."""
    issue = Issue("warning", "charset", "not what MSH-18 said")
    first = receive("MSH|a", ack="MSA|AA|1", issues=[issue], control_id="1")
    again = receive("MSH|a", ack="MSA|AA|other", control_id="1")
    assert not first.duplicate
    assert again == Receipt(first.mid, first.id, True, False, "MSA|AA|1", [issue], "queued")
    assert len(store.search_messages()) == 1
    assert store.feeds()[0].resent == 1


def test_the_same_bytes_twice_in_one_group_are_one_message(store: Store, piece: Callable[..., Incoming]) -> None:
    """A resend that arrives before the first is acknowledged is a resend all the same."""
    first, second = store.receive_all([piece("MSH|a"), piece("MSH|a")]).result(10)
    assert (first.duplicate, second.duplicate, first.mid) == (False, True, second.mid)
    assert store.verify() == []


def test_the_same_bytes_on_another_feed_are_another_message(store: Store, receive: Receive) -> None:
    """Feeds do not answer for each other."""
    assert receive("MSH|a", feed="x").id != receive("MSH|a", feed="y").id


def test_a_control_id_with_other_bytes_is_flagged(store: Store, receive: Receive) -> None:
    """Reuse by the same sender on the same feed shows; other senders and feeds have their own numbers."""
    sender = [("sender", "LAB")]
    assert not receive("MSH|a", control_id="1", keys=sender).reused_control_id
    assert receive("MSH|b", control_id="1", keys=sender).reused_control_id
    assert not receive("MSH|c", control_id="1", keys=[("sender", "RAD")]).reused_control_id
    assert not receive("MSH|d", control_id="1", keys=sender, feed="other").reused_control_id
    assert not receive("MSH|e", control_id="", keys=sender).reused_control_id
    flagged = store.message(2)
    assert flagged is not None
    assert flagged.reused_control_id


def test_a_batch_comes_whole_or_not_at_all(store: Store, piece: Callable[..., Incoming]) -> None:
    """The file and its children are rows of their own and name each other."""
    batch = piece("FHS|\rMSH|1\rMSH|2", state="batch")
    children = [piece(f"MSH|{n}", parent=batch.envelope.id) for n in (1, 2)]
    receipts = store.receive_all([batch, *children]).result(10)
    found = store.search_messages(parent=batch.envelope.id)
    assert [row.id for row in found] == [receipts[2].id, receipts[1].id]
    assert [item.id for item in store.queued()] == [receipts[1].id, receipts[2].id]


@pytest.mark.parametrize("state", ["test", "rejected", "dead", "batch", "held"])
def test_only_queued_messages_are_queued(store: Store, receive: Receive, state: str) -> None:
    """What was refused, is a test or a batch file never reaches processing."""
    receive("MSH|a", state=state)
    assert store.queued() == []
    assert store.counts().messages == {state: 1}


def test_hostile_keys_do_no_harm(store: Store, receive: Receive) -> None:
    """Lone surrogates, NULs, endless and empty values are kept as far as text can hold them, and found."""
    keys = [("name", "a\ud800b"), ("order", "x\x00y"), ("visit", "v" * 100_000), ("accession", ""), ("odd'kind", "1")]
    receipt = receive("MSH|a", keys=keys, control_id="\udfff", order_key="\ud800", type="A\x00B")
    assert store.message(receipt.id) is not None
    assert [m.mid for m in store.search_messages("v" * 50)] == [1]
    assert [m.mid for m in store.search_messages(kind="odd'kind", value="1")] == [1]
    assert store.verify() == []


def test_an_empty_message_and_a_large_one_are_kept(store: Store, receive: Receive) -> None:
    """No bytes at all and megabytes of noise come back as they were."""
    noise = b"".join(n.to_bytes(4, "big") for n in range(500_000))
    assert store.content(receive(b"").id) == b""
    assert store.content(receive(noise).id) == noise


def test_a_message_behind_a_dead_one_waits(store: Store, receive: Receive) -> None:
    """A poison message holds its own order key and nobody else's."""
    poison = receive("MSH|1", order_key="p1")
    store.submit(lambda tx: tx.finish(poison.mid, "dead", [POISON])).result(10)
    assert receive("MSH|2", order_key="p1").state == "held"
    assert receive("MSH|3", order_key="p2").state == "queued"
    assert receive("MSH|4").state == "queued"
    assert receive("MSH|5", order_key="p1", feed="other").state == "queued"


def test_a_message_that_is_merely_not_understood_holds_nobody(store: Store, receive: Receive) -> None:
    """A kind that has no map, or garbage with a patient's number, is a dead letter that lets the others pass."""
    unread = receive("MSH|1", order_key="p1")
    store.submit(lambda tx: tx.finish(unread.mid, "dead", [Issue("error", "not-supported", "x")])).result(10)
    receive("MSH|2", order_key="p1", state="dead", issues=[Issue("error", "structure", "y", rule="hl7v2.z")])
    assert receive("MSH|3", order_key="p1").state == "queued"
    assert [group.cause for group in store.dead_letters()] == ["hl7v2.z", "not-supported"]


def test_an_edited_copy_passes_the_dead_letter_that_it_mends(store: Store, receive: Receive) -> None:
    """The fix of a dead letter is not held behind it."""
    poison = receive("MSH|1", order_key="p1")
    store.submit(lambda tx: tx.finish(poison.mid, "dead", [POISON])).result(10)
    assert receive("MSH|1 fixed", order_key="p1", parent=poison.id).state == "queued"


def test_unknown_messages_are_none(store: Store) -> None:
    """What never came in is not there."""
    assert store.message("nothing") is None
    assert store.content("nothing") is None
    assert store.envelope("nothing") is None
    assert store.outcome(1) is None


def test_nothing_is_received_by_a_closed_store(store: Store, piece: Callable[..., Incoming]) -> None:
    """A closed store says so instead of taking what it cannot keep."""
    store.close()
    with pytest.raises(RuntimeError, match="closed"):
        store.receive(piece())
    with pytest.raises(RuntimeError, match="closed"):
        store.submit(lambda tx: tx.requeue(1))
