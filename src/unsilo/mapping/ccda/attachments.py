"""What a document carries or is: the original, an unstructured body and notes as attachments."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha1
from typing import Any

from unsilo.formats.ccda import Node
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.ccda.narrative import text_of
from unsilo.mapping.ccda.walk import path_of

__all__ = ["body", "note_body", "original"]

Element = Node
Rows = list[Row]


def original(run: Any, _node: Element, _at: Locator, path: str, rule: str, rows: Rows) -> Json:
    """Where the document itself is read: the Binary of its envelope."""
    rows.append(Row(f"{path}.contentType", rule, None))
    rows.append(Row(f"{path}.url", rule, None))
    rows.append(Row(f"{path}.hash", rule, None))
    digest = b64encode(
        sha1(run.envelope.content, usedforsecurity=False).digest()
    ).decode()  # as Attachment.hash is defined
    return {"contentType": "text/xml", "url": f"Binary/{run.envelope.id}", "hash": digest}


def body(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The attachment of an unstructured body: base64 as it stands, text as base64, or a link."""
    made: Json = {}
    kind = (node.get("mediaType") or "").strip()
    if kind:
        made["contentType"] = kind
        rows.append(Row(f"{path}.contentType", rule, f"{at}/@mediaType"))
    text = "".join(node.texts()).strip()
    link = path_of("reference/@value").first(node)
    if link is not None and not text:
        made["url"] = link.get("value")
        rows.append(Row(f"{path}.url", rule, f"{link.path}/@value"))
        return made
    if not text:
        return None
    if not kind:  # what an ED is that does not say its type (CDA R2 data types)
        made["contentType"] = "text/plain"
        rows.append(Row(f"{path}.contentType", rule, None))
    if node.get("representation") == "B64":
        data = run.base64Binary["".join(text.split())] if len(text) < 200 else _base64("".join(text.split()))
        if data is None:
            run.issue("warning", "value", "the body of the document is no base64", at, rule)
            return None
        rows.append(Row(f"{path}.data", rule, f"{at}/@representation"))
    else:
        data = b64encode(text.encode()).decode()
    made["data"] = data
    rows.append(Row(f"{path}.data", rule, f"{at}/text()"))
    return made


def _base64(text: str) -> str | None:
    fits = len(text) % 4 == 0 and re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text)
    return text if fits else None


def note_body(run: Any, node: Element, at: Locator, path: str, rule: str, rows: Rows) -> Json | None:
    """The attachment of a note: its own content as it stands, else the narrative that it refers to, as plain text."""
    if node.get("representation") == "B64" or node.get("mediaType"):
        mark = len(rows)
        made = body(run, node, at, path, rule, rows)
        if made and ("data" in made or not str(made.get("url", "#")).startswith("#")):
            return made
        del rows[mark:]
    text, where = text_of(node, run.narratives)
    if not text:
        return None
    rows.append(Row(f"{path}.contentType", rule, None))
    rows.append(Row(f"{path}.data", rule, f"{where.path}/text()" if where.path else at))
    for value in path_of("reference/@value").all(node):
        rows.append(Row(f"{path}.data", rule, f"{value.path}/@value"))
    return {"contentType": "text/plain", "data": b64encode(text.encode()).decode()}
