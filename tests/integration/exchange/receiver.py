"""A receiver of HL7 v2 over MLLP that a test tells how to answer."""

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

from unsilo.formats import hl7v2
from unsilo.kernel import Issue
from unsilo.sources.mllp.frames import Framer, wrap

__all__ = ["Receiver"]

How = Callable[[bytes, int], bytes | None]


def accepting(content: bytes, _number: int) -> bytes:
    """Answer AA."""
    return hl7v2.ack(content, "AA", at=1, control_id="A")


def refusing(content: bytes, _number: int) -> bytes:
    """Answer AE."""
    return hl7v2.ack(content, "AE", [Issue("error", "value", "not this one")], at=1, control_id="A")


class Receiver:
    """Listens on a port of its own; `got` holds what came, in order; `how` answers each, None closes the connection."""

    def __init__(self, how: How = accepting, tls: ssl.SSLContext | None = None) -> None:
        self.how, self.tls = how, tls
        self.got: list[bytes] = []
        self.changed = threading.Condition()
        self._open: list[socket.socket] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        for one in self._open:
            one.close()

    def wait(self, count: int, seconds: float = 40.0) -> list[bytes]:
        """Return what came once there are so many messages."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, seconds), len(self.got)
            return list(self.got)

    def _run(self) -> None:
        while True:
            try:
                one, _ = self.socket.accept()
            except OSError:
                return
            self._open.append(one)
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one: socket.socket) -> None:
        framer = Framer(1 << 20)
        try:
            if self.tls is not None:
                plain, one = one, self.tls.wrap_socket(one, server_side=True, do_handshake_on_connect=False)
                self._open.append(one)
                plain.close()
                one.do_handshake()
            while data := one.recv(65536):
                for frame in framer.feed(data):
                    with self.changed:
                        self.got.append(frame.content)
                        number = len(self.got)
                        self.changed.notify_all()
                    answer = self.how(frame.content, number)
                    if answer is None:
                        one.close()
                        return
                    one.sendall(wrap(answer))
        except OSError:
            one.close()
