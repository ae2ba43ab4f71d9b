"""A cheap HTTP load: keep-alive connections on one epoll, requests made of bytes, nothing parsed but lengths."""

import re
import select
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["Figures", "get", "load", "one", "post", "put"]


class Figures(NamedTuple):
    """What a load did: answers by status, seconds, times of each answer in seconds, the last body of each status, and
    the seconds that the generator itself computed, on the same cores as the server."""

    statuses: Counter[int]
    seconds: float
    times: list[float]
    bodies: dict[int, bytes]
    own: float = 0.0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.times) / self.seconds if self.seconds else 0.0

    def at(self, share: float) -> float:
        """Milliseconds under which `share` of the answers came."""
        ordered = sorted(self.times)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000 if ordered else 0.0

    def good(self) -> bool:
        """Whether every answer was a success."""
        return bool(self.statuses) and all(200 <= status < 300 for status in self.statuses)


def get(path: str) -> bytes:
    """Return the bytes of a GET."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/fhir+json\r\n\r\n".encode()


def _with_body(method: str, path: str, body: bytes) -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/fhir+json\r\nPrefer: return=minimal\r\n"
        f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def post(path: str, body: bytes) -> bytes:
    """Return the bytes of a POST of FHIR JSON that wants no body back."""
    return _with_body("POST", path, body)


def put(path: str, body: bytes) -> bytes:
    """Return the bytes of a PUT of FHIR JSON that wants no body back."""
    return _with_body("PUT", path, body)


_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class _Connection:
    """One connection with at most one request under way."""

    __slots__ = ("_send", "began", "got", "recv", "socket", "waiting", "whole")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._send, self.recv = self.socket.send, self.socket.recv
        self.began = 0.0
        self.waiting = self.got = b""
        self.whole = -1

    def send(self, request: bytes) -> None:
        self.began = time.perf_counter()
        self.got = b""
        self.whole = -1
        try:
            sent = self._send(request)
        except BlockingIOError:
            sent = 0
        self.waiting = request[sent:]

    def flush(self) -> None:
        while self.waiting:
            try:
                self.waiting = self.waiting[self._send(self.waiting) :]
            except BlockingIOError:
                return

    def read(self) -> bool:
        """Take what came; True when the answer is whole. ConnectionError when the server hung up."""
        part = self.recv(262_144)
        if not part:
            raise ConnectionError("the server closed the connection")
        self.got = got = self.got + part if self.got else part
        if self.whole == -1:
            end = got.find(b"\r\n\r\n")
            if end < 0:
                return False
            said = _LENGTH.search(got, 0, end)
            if said is not None:
                self.whole = end + 4 + int(said[1])
            else:
                self.whole = -2 if b"chunked" in got[:end].lower() else end + 4
        if self.whole == -2:
            return got.endswith(b"\r\n0\r\n\r\n")
        return len(got) >= self.whole


def load(port: int, requests: Iterable[bytes], *, connections: int = 16, seconds: float = 1e9) -> Figures:
    """Send the requests over the connections, each waiting for its answer; stop at the end or after `seconds`.

    Of each answer the status is counted and the length checked; the last whole answer of each status is kept.
    """
    todo: Iterator[bytes] = iter(requests)
    poll = select.epoll()
    lines: dict[int, _Connection] = {}
    for _ in range(connections):
        line = _Connection(port)
        lines[line.socket.fileno()] = line
    statuses: Counter[bytes] = Counter()
    last: dict[bytes, bytes] = {}
    times: list[float] = []
    clock, least = time.perf_counter, select.EPOLLIN
    busy = 0
    own = time.process_time()
    began = clock()
    until = began + seconds
    both = select.EPOLLIN | select.EPOLLOUT
    for number, line in lines.items():
        request = next(todo, None)
        if request is None:
            break
        line.send(request)
        poll.register(number, both if line.waiting else least)
        busy += 1
    while busy:
        for number, event in poll.poll():
            line = lines[number]
            if event & select.EPOLLOUT:
                line.flush()
                if not line.waiting:
                    poll.modify(number, least)
            if not event & least or not line.read():
                continue
            now = clock()
            times.append(now - line.began)
            got = line.got
            status = got[9:12]
            statuses[status] += 1
            last[status] = got
            request = next(todo, None) if now < until else None
            if request is None:
                busy -= 1
                poll.unregister(number)
                continue
            line.send(request)
            if line.waiting:
                poll.modify(number, both)
    spent = clock() - began
    own = time.process_time() - own
    for line in lines.values():
        line.socket.close()
    poll.close()
    bodies = {int(status): got.partition(b"\r\n\r\n")[2] for status, got in last.items()}
    return Figures(Counter({int(status): n for status, n in statuses.items()}), spent, times, bodies, own)


def one(port: int, request: bytes) -> tuple[int, bytes]:
    """Send one request on a connection of its own; return status and body."""
    figures = load(port, [request], connections=1)
    status = next(iter(figures.statuses))
    return status, figures.bodies[status]
