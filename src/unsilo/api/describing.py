"""What this server says of itself: capabilities and OpenAPI, each written once for an address and kept."""

import asyncio

from unsilo.api import answers, form
from unsilo.api.ask import Answer, Ask
from unsilo.api.capability import MODES, May, capability_statement, terminology_capabilities
from unsilo.api.node import Node
from unsilo.api.openapi import openapi
from unsilo.kernel import Json, json

__all__ = ["capabilities", "description"]

_KEPT = 16


def _statement(node: Node, base: str, mode: str) -> Json:
    if mode == "terminology":
        return terminology_capabilities(base, node.service.started_at, node.service.terminology.systems())
    may = May(node.conditional_deletes, node.settings.fhir.update_create)
    return capability_statement(node.rows, node.served, base, node.service.started_at, mode=mode, may=may)


async def _kept(node: Node, base: str, mode: str) -> bytes:
    key, vocabulary = (base, mode), node.service.parameters.vocabulary
    if node.described is not vocabulary:  # a search parameter came or went
        node.written_once.clear()
        node.described = vocabulary
    found = node.written_once.get(key) if mode != "terminology" else None
    if found is None:

        def make() -> bytes:
            if mode == "openapi":
                return json.encode(openapi(_statement(node, base, "full"), node.rows))
            return json.encode(_statement(node, base, mode))

        found = await asyncio.to_thread(make)
        if len(node.written_once) >= _KEPT:
            node.written_once.clear()
        if mode != "terminology":  # what is loaded may change at any time
            node.written_once[key] = found
    return found


async def capabilities(node: Node, ask: Ask) -> Answer:
    """Say what this node does (FHIR R4 3.1.0.6); `mode` is full, normative or terminology."""
    form.known(ask, "mode")
    mode = ask.control("mode") or "full"
    if mode not in MODES:
        return answers.failed(400, "value", f"mode is one of {', '.join(MODES)}", "mode", where="http.mode")
    body = await _kept(node, ask.base, mode)
    smaller = form.cut(ask)
    return Answer(200, smaller(body) if smaller else body)


async def description(node: Node, ask: Ask) -> Answer:
    """Describe the interactions for programs that read OpenAPI 3.1."""
    return Answer(200, await _kept(node, ask.base, "openapi"), type_=b"application/openapi+json")
