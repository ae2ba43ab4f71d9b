"""Replays over HTTP: begin one, ask how far it is, stop it; for operators' programs and `unsilo replay --url`."""

import asyncio
from collections import Counter

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from unsilo.api.answers import problem
from unsilo.flow import replay
from unsilo.flow.service import Service

__all__ = ["Replays"]

_MOST = 10_000
_MOST_BYTES = 2 * 1024 * 1024
_KEPT = 20


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    """What a replay is asked for: messages by id, or all of a state, a cause and a feed; why, and how fast."""

    reason: str
    ids: list[str] = []
    cause: str = ""
    feed: str = ""
    state: str = ""
    rate: float = 50.0


class Replays:
    """The replays that programs began on this node, the latest 20."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._runs: dict[str, replay.Run] = {}

    async def begin(self, request: Request) -> Response:
        """Begin a replay: 202 with its id; 400 for what is not understood, 404 for an unknown message."""
        held = bytearray()
        async for chunk in request.stream():
            held += chunk
            if len(held) > _MOST_BYTES:
                return problem(413, "too-long", f"longer than {_MOST_BYTES} bytes", "replay.limit")
        try:
            asked = msgspec.json.decode(bytes(held), type=_Asked)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            return problem(400, "structure", f"not understood: {fault}", "replay.body")
        if not asked.reason.strip() or not 0.1 <= asked.rate <= 1000:
            return problem(400, "required", "say why (reason), at 0.1 to 1,000 messages a second", "replay.reason")
        if not (asked.ids or asked.cause or asked.state):
            return problem(400, "required", "say which messages: ids, cause or state", "replay.which")
        wanted = await asyncio.to_thread(self._wanted, asked)
        if isinstance(wanted, str):
            return problem(404, "not-found", f"there is no message {wanted[:64]!r}", "replay.message")
        run = replay.run(self._service, wanted, request.state.actor, asked.reason.strip(), rate=asked.rate)
        self._runs[run.id] = run
        for old in list(self._runs)[:-_KEPT]:
            if not self._runs[old].running:
                del self._runs[old]
        return JSONResponse(await asyncio.to_thread(self._said, run), 202, {"Location": f"/replays/{run.id}"})

    async def show(self, request: Request) -> Response:
        """Say how far a replay is, and in what states its messages are now."""
        run = self._runs.get(request.path_params["id"])
        if run is None:
            return problem(404, "not-found", "there is no such replay", "replay.unknown")
        return JSONResponse(await asyncio.to_thread(self._said, run), 200, {"Cache-Control": "no-store"})

    async def stop(self, request: Request) -> Response:
        """Stop a replay between two messages."""
        run = self._runs.get(request.path_params["id"])
        if run is None:
            return problem(404, "not-found", "there is no such replay", "replay.unknown")
        run.stop()
        await asyncio.to_thread(run.join, 5.0)
        return JSONResponse(await asyncio.to_thread(self._said, run))

    def _wanted(self, asked: _Asked) -> list[str] | str:
        """The messages in the order of receipt; the id of one that is not there."""
        store = self._service.store
        wanted = list(asked.ids)
        unknown = next((id_ for id_ in wanted if store.message(id_) is None), None)
        if unknown is not None:
            return unknown
        if asked.cause or asked.state:
            state = asked.state or "dead"
            found = store.search_messages(feed=asked.feed, state=state, cause=asked.cause, limit=_MOST)
            wanted += [row.id for row in sorted(found, key=lambda row: row.mid)]
        return list(dict.fromkeys(wanted))

    def _said(self, run: replay.Run) -> dict[str, object]:
        rows = [self._service.store.message(id_) for id_ in run.messages[: run.sent]]
        states = Counter(row.state for row in rows if row is not None)
        return {
            "id": run.id, "messages": len(run.messages), "sent": run.sent, "notPossible": list(run.missing),
            "running": run.running, "stopped": run.stopped, "states": dict(sorted(states.items())),
        }  # fmt: skip
