"""The words between dispatcher and worker, and a worker that answers every job in order."""

import gc
import weakref
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.config import Feed
from unsilo.flow import process as steps
from unsilo.flow.work.wire import Done, Fault, Hello, Job, Ready, Unframer, decode_answer, decode_processed, encode
from unsilo.flow.work.worker import serve, sweep
from unsilo.kernel import seal

ADT = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A08|1|P|2.5\rEVN|A08|20260101\rPID|1||7^^^KH^MR||Roe^Jane||19700101|F\r"


def run(*words: bytes) -> list[Done | Fault | Ready]:
    """Let a worker read words and return its answers."""
    sink = BytesIO()
    try:
        serve(BytesIO(b"".join(words)), sink)
    finally:
        gc.enable()
        gc.unfreeze()
    return [decode_answer(word) for word in Unframer().feed(sink.getvalue())]


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(1, 20))
def test_words_come_whole_out_of_any_pieces(words: list[bytes], step: int) -> None:
    """However a pipe cuts the bytes, words come out in order."""
    stream = b"".join(len(word).to_bytes(4, "big") + word for word in words)
    unframer, got = Unframer(), []
    for at in range(0, len(stream), step):
        got += unframer.feed(stream[at : at + step])
    assert got == words


def test_a_worker_says_when_it_is_ready_and_answers_in_order() -> None:
    """Good, unreadable and foreign messages each get their answer; the end of the input ends it."""
    feeds = [Feed("adt"), Feed("bad", overlay="/nowhere/x.toml")]
    jobs = [
        Job(1, seal("adt", "hl7v2", ADT, 1)),
        Job(2, seal("adt", "hl7v2", b"x", 1)),
        Job(3, seal("old", "hl7v2", ADT, 1)),
    ]
    ready, *answers = run(encode(Hello(feeds, "")), *(encode(job) for job in jobs))
    assert isinstance(ready, Ready)
    assert list(ready.broken) == ["bad"]
    assert [(answer.mid, answer.failed) for answer in answers if isinstance(answer, Done)] == [
        (1, False), (2, True), (3, False)
    ]  # fmt: skip
    told = [decode_processed(answer.processed) for answer in answers if isinstance(answer, Done)]
    assert [one.mid for one in told] == [1, 2, 3]
    assert [one.failed for one in told] == [False, True, False]
    assert any(piece.type == "Patient" and piece.keys for piece in told[0].pieces)


def test_a_fault_names_its_place_and_nothing_of_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception becomes a word with class and file; the next job runs."""
    real = steps.process

    def process(envelope, feed, mid, *more):  # type: ignore[no-untyped-def]
        if mid == 1:
            raise ValueError(envelope.content.decode())
        return real(envelope, feed, mid, *more)

    monkeypatch.setattr(steps, "process", process)
    job = seal("adt", "hl7v2", ADT, 1)
    _ready, first, second = run(encode(Hello([Feed("adt")], "")), encode(Job(1, job)), encode(Job(2, job)))
    assert isinstance(first, Fault)
    assert first.text.startswith("ValueError in test_worker.py")
    assert "Roe" not in first.text
    assert isinstance(second, Done)


def test_a_cut_word_ends_the_worker() -> None:
    """Half a word, or none at all, is the end of the input."""
    assert run() == []
    assert len(run(encode(Hello([], "")), encode(Job(1, seal("a", "hl7v2", ADT, 1)))[:-3])) == 1


class Ring:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.itself = self


def test_cycles_are_let_go_young_ones_soon_and_old_ones_at_last() -> None:
    """Where nothing else collects, a new cycle goes at the next sweep, one that has become old at one of all."""
    gc.disable()
    try:
        old = Ring()
        gone_old = weakref.ref(old)
        gc.collect(0)
        young = Ring()
        gone_young = weakref.ref(young)
        del young, old
        sweep(199)
        assert gone_young() is not None
        sweep(200)
        assert gone_young() is None
        assert gone_old() is not None
        sweep(4000)
        assert gone_old() is None
    finally:
        gc.enable()
