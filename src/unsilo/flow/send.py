"""An MLLP client that trusts nobody: each acknowledgement must name the message that it answers."""

import socket
import ssl
import time
from collections.abc import Iterator
from typing import Self

import msgspec

from unsilo.formats import hl7v2
from unsilo.kernel import Issue

__all__ = ["Answer", "Sender", "send_all"]

_START, _END = b"\x0b", b"\x1c\r"
_MOST = 4 * 1024 * 1024


class Answer(msgspec.Struct):
    """What came back for one message: `code` of MSA-1 (empty when nothing usable did), and what is wrong."""

    control_id: str
    code: str = ""
    seconds: float = 0.0
    issues: list[Issue] = []

    @property
    def accepted(self) -> bool:
        """True when the receiver took the message (AA or CA) and nothing is wrong with the answer."""
        return self.code in ("AA", "CA") and not any(issue.severity in ("error", "fatal") for issue in self.issues)


def _problem(text: str, rule: str, hint: str = "") -> list[Issue]:
    return [Issue("error", "exception", text, hint=hint, rule=f"send.{rule}")]


class Sender:
    """One connection, opened when it is needed and closed whenever it cannot be known what an answer belongs to."""

    def __init__(self, host: str, port: int, *, timeout: float = 10.0, tls: ssl.SSLContext | None = None) -> None:
        self.host, self.port, self.timeout, self.tls = host, port, timeout, tls
        self._socket: socket.socket | None = None
        self._held = b""

    def __enter__(self) -> Self:
        """Use as a context to have the connection closed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; an answer that is still on its way will never be taken for another's."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._held = b""

    def send(self, message: bytes) -> Answer:
        """Send one message and wait for its acknowledgement.

        MSA-2 must equal the message's MSH-10 (HL7 v2.8.2 2.14.8.2). A time-out, a foreign or an unreadable answer
        closes the connection: whether the message was taken is then unknown, and sending it again is safe.
        """
        control_id = hl7v2.peek_keys(message).control_id
        began = time.perf_counter()
        try:
            content = self._exchange(message)
        except TimeoutError:
            self.close()
            text = f"no acknowledgement within {self.timeout:g} s; the connection was closed"
            return Answer(control_id, issues=_problem(text, "timeout", "send it again"))
        except OSError as fault:
            self.close()
            text = f"{self.host}:{self.port}: {fault.strerror or type(fault).__name__}"
            return Answer(control_id, issues=_problem(text, "connection"))
        seconds = time.perf_counter() - began
        parsed = hl7v2.parse_ack(content)
        if parsed.value is None:
            self.close()
            text = "the answer is no acknowledgement"
            return Answer(control_id, "", seconds, [*_problem(text, "ack"), *parsed.issues])
        ack = parsed.value
        if ack.control_id != control_id:
            self.close()
            text = f"the answer is for message {ack.control_id[:40]!r}, not for {control_id[:40]!r}"
            return Answer(control_id, "", seconds, _problem(text, "foreign-ack"))
        issues = [
            Issue("error" if error.severity in ("", "E", "F") else "warning", "business-rule", error.text or error.code,
                  rule="send.err")
            for error in ack.errors
        ]  # fmt: skip
        return Answer(control_id, ack.code, seconds, issues if ack.code not in ("AA", "CA") else [])

    def _exchange(self, message: bytes) -> bytes:
        if self._socket is None:
            self._socket = socket.create_connection((self.host, self.port), self.timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                self._socket = self.tls.wrap_socket(self._socket, server_hostname=self.host)
        until = time.monotonic() + self.timeout
        self._socket.settimeout(self.timeout)
        self._socket.sendall(_START + message + _END)
        while (end := self._held.find(_END)) < 0:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionResetError(104, "the receiver closed the connection without an answer")
            self._held += data
            if len(self._held) > _MOST:
                raise ConnectionAbortedError(103, "the receiver's answer has no end")
        content, self._held = self._held[:end], self._held[end + 2 :]
        return content.lstrip(b"\r\n").removeprefix(_START)


def send_all(sender: Sender, contents: Iterator[bytes]) -> Iterator[Answer]:
    """Send every message of every content (batch files message by message) and yield each answer."""
    for content in contents:
        batch = hl7v2.split_batch(content).value
        for child in batch.children if batch is not None else []:
            yield sender.send(child.content)
