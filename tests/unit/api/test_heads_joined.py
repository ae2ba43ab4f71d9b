"""A head leaves with its body, and never later than the loop's next turn."""

import asyncio
from typing import Any

from unsilo.api.heads import _Joined

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class _Sent:
    """A transport that keeps what was written."""

    def __init__(self) -> None:
        self.said: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.said.append(data)

    def close(self) -> None:
        self.said.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.said


def _run(*acts: Any) -> list[bytes | str]:
    sent = _Sent()

    async def go() -> None:
        joined = _Joined(sent, asyncio.get_running_loop())  # type: ignore[arg-type]
        for act in acts:
            if act is None:
                await asyncio.sleep(0)
            elif act == "close":
                joined.close()
                assert joined.is_closing()
            else:
                joined.write(act)
        await asyncio.sleep(0)

    asyncio.run(go())
    return sent.said


def test_head_and_body_are_one_piece() -> None:
    """Also when the body is empty, and for each answer of a pipeline."""
    assert _run(HEAD, b"{}") == [HEAD + b"{}"]
    assert _run(HEAD, b"", HEAD, b"[]") == [HEAD, HEAD + b"[]"]


def test_nothing_is_kept_back_for_long() -> None:
    """A body that comes later does not delay the head; a body that looks like a head keeps its place."""
    assert _run(HEAD, None, b"a", b"b") == [HEAD, b"a", b"b"]
    assert _run(HEAD, HEAD, HEAD, None, b"x") == [HEAD + HEAD, HEAD, b"x"]


def test_a_connection_closes_after_what_was_said() -> None:
    """A refusal without a body is sent before the end."""
    assert _run(HEAD, "close") == [HEAD, "closed"]
    assert _run("close") == ["closed"]
