"""The MLLP client believes an acknowledgement only when it names the message that was sent."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from unsilo.flow.send import Sender, send_all

MESSAGE = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A08|C1|P|2.5\rPID|1\r"


def ack(code: str, control: str) -> bytes:
    """Make a framed acknowledgement."""
    return f"\x0bMSH|^~\\&|C|D|A|B|20260101||ACK|X|P|2.5\rMSA|{code}|{control}\r\x1c\r".encode()


@contextmanager
def receiver(answer: Callable[[int], list[bytes] | None]) -> Iterator[int]:
    """Listen on a free port; the n-th message gets the packets of `answer(n)`, None closes the connection."""
    server = socket.create_server(("127.0.0.1", 0))
    count = 0

    def work() -> None:
        nonlocal count
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    while data := connection.recv(65536):
                        if not data.endswith(b"\x1c\r"):
                            continue
                        packets = answer(count)
                        count += 1
                        if packets is None:
                            break
                        for packet in packets:
                            connection.sendall(packet)
                except OSError:
                    continue

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()
        thread.join(1)


def test_an_acknowledgement_of_this_message_is_accepted() -> None:
    """AA with MSA-2 equal to MSH-10, in any packets."""
    whole = ack("AA", "C1")
    with receiver(lambda _n: [whole[:5], whole[5:]]) as port, Sender("127.0.0.1", port) as sender:
        assert sender.send(MESSAGE).accepted
        assert sender.send(MESSAGE).accepted


def test_an_acknowledgement_of_another_message_is_not() -> None:
    """A foreign MSA-2 is an error, and the connection is closed so that nothing is paired wrongly later."""
    with receiver(lambda n: [ack("AA", "OLD" if n == 0 else "C1")]) as port, Sender("127.0.0.1", port) as sender:
        first = sender.send(MESSAGE)
        assert not first.accepted
        assert first.issues[0].rule == "send.foreign-ack"
        assert sender.send(MESSAGE).accepted


def test_a_late_answer_is_never_taken_for_the_next_message() -> None:
    """A time-out closes the socket; the answer that comes too late belongs to nobody."""
    answers = receiver(lambda n: [] if n == 0 else [ack("AA", "C1")])
    with answers as port, Sender("127.0.0.1", port, timeout=0.2) as sender:
        late = sender.send(MESSAGE)
        assert late.issues[0].rule == "send.timeout"
        assert sender.send(MESSAGE).accepted


def test_refusals_and_nonsense_are_told_apart() -> None:
    """AE is an answer; what is no acknowledgement, and a closed connection, are problems."""
    answers = [[ack("AE", "C1")], [b"\x0bhello\x1c\r"], None]
    with receiver(lambda n: answers[n]) as port, Sender("127.0.0.1", port) as sender:
        refused = sender.send(MESSAGE)
        assert (refused.code, refused.accepted) == ("AE", False)
        assert sender.send(MESSAGE).issues[0].rule == "send.ack"
        assert sender.send(MESSAGE).issues[0].rule == "send.connection"


def test_nobody_there() -> None:
    """A port without a listener is an Issue, not an exception."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with Sender("127.0.0.1", port, timeout=1) as sender:
        assert sender.send(MESSAGE).issues[0].rule == "send.connection"


def test_a_file_of_messages_is_sent_one_by_one() -> None:
    """Each message of a batch has its own answer."""
    with receiver(lambda _n: [ack("AA", "C1")]) as port, Sender("127.0.0.1", port) as sender:
        answers = list(send_all(sender, iter([MESSAGE + MESSAGE, MESSAGE])))
        assert [answer.accepted for answer in answers] == [True, True, True]
