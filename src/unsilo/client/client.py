"""Search, read and ingest over HTTP, with the standard library alone."""

import json
import os
from collections.abc import Iterator
from decimal import Decimal
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urlencode, urlsplit

__all__ = ["Client", "ClientError"]

Json = dict[str, Any]
_FHIR = "application/fhir+json"
_IDEMPOTENT = ("GET", "HEAD")


class ClientError(Exception):
    """The server refused, or could not be reached.

    `status` is the HTTP status (0 when there was no answer), `outcome` the OperationOutcome or `{}`.
    """

    def __init__(self, status: int, text: str, outcome: Json | None = None) -> None:
        super().__init__(text)
        self.status, self.outcome = status, outcome or {}


class _Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes


def _said(issue: Json) -> str:
    """Return what an issue of an OperationOutcome says to a person."""
    details = issue.get("details")
    text = details.get("text", "") if isinstance(details, dict) else ""
    return " ".join(str(part) for part in (text, issue.get("diagnostics", "")) if part)


class Client:
    """A connection to one node.

    `base` is its address (default: `UNSILO_URL`, else `http://127.0.0.1:8080`), `token` a client token (default:
    `UNSILO_TOKEN`), `timeout` seconds. Numbers with a point come back as `Decimal`, so `1.00` stays `1.00`. Not for
    use by several threads at once. Every method raises `ClientError`.

    >>> with Client("http://127.0.0.1:8080") as node:       # doctest: +SKIP
    ...     for observation in node.search("Observation", code="http://loinc.org|2345-7"):
    ...         print(observation["valueQuantity"])
    """

    def __init__(self, base: str | None = None, token: str | None = None, *, timeout: float = 30.0) -> None:
        self.base = (base or os.environ.get("UNSILO_URL") or "http://127.0.0.1:8080").rstrip("/")
        parts = urlsplit(self.base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ClientError(0, f"{self.base} is not an http or https address")
        self._token = token if token is not None else os.environ.get("UNSILO_TOKEN", "")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._prefix = parts.path
        self._connection: HTTPConnection = kind(parts.hostname, parts.port, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._connection.close()

    def read(self, kind: str, fhir_id: str, version: int | str | None = None) -> Json:
        """Return one resource, in `version` or as it is now (FHIR R4 3.1.0.2, 3.1.0.3)."""
        path = f"/fhir/{quote(kind, safe='')}/{quote(fhir_id, safe='')}"
        return self._json(path if version is None else f"{path}/_history/{version}")

    def history(self, kind: str, fhir_id: str) -> Iterator[Json]:
        """Yield the versions of one resource, newest first."""
        return self._pages(f"/fhir/{quote(kind, safe='')}/{quote(fhir_id, safe='')}/_history")

    def search(self, kind: str, /, **parameters: str | int | list[str]) -> Iterator[Json]:
        """Yield every resource that fits, page by page; `_count` sets the size of a page.

        A list repeats its parameter (both must hold); a name with a modifier is given as `**{"name:exact": "Ana"}`.
        """
        return self._pages(f"/fhir/{quote(kind, safe='')}", parameters)

    def count(self, kind: str, /, **parameters: str | int | list[str]) -> int:
        """Return how many resources fit."""
        query = {**parameters, "_summary": "count"}
        return int(self._json(f"/fhir/{quote(kind, safe='')}?{urlencode(query, doseq=True)}")["total"])

    def everything(self, patient_id: str) -> Iterator[Json]:
        """Yield all resources of the person that this Patient belongs to, Patients first."""
        return self._pages(f"/fhir/Patient/{quote(patient_id, safe='')}/$everything")

    def original(self, envelope_id: str) -> bytes:
        """Return the bytes of a message as they came (`Binary/<id>` in Provenance)."""
        return self._ask("GET", f"/fhir/Binary/{quote(envelope_id, safe='')}", accept="*/*").content

    def capabilities(self) -> Json:
        """Return the CapabilityStatement."""
        return self._json("/fhir/metadata")

    def ingest(
        self, feed: str, content: bytes, content_type: str = "application/octet-stream", *, wait: bool = False
    ) -> Json:
        """Send the bytes of one message to a feed; the answer says under which id they are durably kept.

        With `wait` it comes when the message was processed, and a dead letter is a ClientError.
        """
        path = f"/ingest/{quote(feed, safe='')}" + ("?wait=1" if wait else "")
        answer = self._ask("POST", path, content, content_type, "application/json")
        return self._decode(answer.content)

    def replay(
        self, reason: str, *, ids: list[str] | None = None, cause: str = "", feed: str = "", state: str = "",
        rate: float = 50.0,
    ) -> Json:  # fmt: skip
        """Process messages of the node again; the answer has the `id` to ask `replayed` for.

        Needs a token for `operate`.
        """
        asked = {"reason": reason, "ids": ids or [], "cause": cause, "feed": feed, "state": state, "rate": rate}
        answer = self._ask("POST", "/replays", json.dumps(asked).encode(), "application/json", "application/json")
        return self._decode(answer.content)

    def replayed(self, replay_id: str, *, stop: bool = False) -> Json:
        """Return how far a replay is and the states of its messages; with `stop` end it between two messages."""
        path = f"/replays/{quote(replay_id, safe='')}"
        return self._decode(self._ask("DELETE" if stop else "GET", path, accept="application/json").content)

    def _pages(self, path: str, parameters: dict[str, Any] | None = None) -> Iterator[Json]:
        url: str | None = f"{path}?{urlencode(parameters, doseq=True)}" if parameters else path
        while url:
            bundle = self._json(url)
            for entry in bundle.get("entry", []):
                if "resource" in entry:
                    yield entry["resource"]
            url = next((link["url"] for link in bundle.get("link", []) if link.get("relation") == "next"), None)
            if url:
                # Only path and query of a next link count: a token never goes to another host.
                parts = urlsplit(url)
                url = parts.path.removeprefix(self._prefix) + (f"?{parts.query}" if parts.query else "")

    def _json(self, path: str) -> Json:
        return self._decode(self._ask("GET", path).content)

    def _decode(self, content: bytes) -> Json:
        try:
            value = json.loads(content, parse_float=Decimal)
        except ValueError as fault:
            raise ClientError(0, "the answer is not JSON") from fault
        if not isinstance(value, dict):
            raise ClientError(0, "the answer is not a JSON object")
        return value

    def _ask(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "", accept: str = _FHIR
    ) -> _Answer:
        headers = {"Accept": accept}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if content_type:
            headers["Content-Type"] = content_type
        answer = self._once(method, self._prefix + path, body, headers)
        if answer.status < 300:
            return answer
        outcome: Json = {}
        if "json" in answer.headers.get("content-type", ""):
            outcome = self._decode(answer.content)
        texts = [_said(issue) for issue in outcome.get("issue", []) if isinstance(issue, dict)]
        raise ClientError(answer.status, "; ".join(filter(None, texts)) or f"HTTP status {answer.status}", outcome)

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> _Answer:
        """Ask; a kept-alive connection that the server has closed meanwhile is opened again once for reads."""
        fresh = self._connection.sock is None
        try:
            return self._exchange(method, path, body, headers)
        except (HTTPException, ConnectionError) as fault:
            self._connection.close()
            if fresh or method not in _IDEMPOTENT:
                raise ClientError(0, f"{self.base} did not answer ({type(fault).__name__})") from fault
        except OSError as fault:
            self._connection.close()
            raise ClientError(0, f"{self.base} cannot be reached ({fault})") from fault
        try:
            return self._exchange(method, path, body, headers)
        except (HTTPException, OSError) as fault:
            self._connection.close()
            raise ClientError(0, f"{self.base} did not answer ({type(fault).__name__})") from fault

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> _Answer:
        self._connection.request(method, path, body, headers)
        answer: HTTPResponse = self._connection.getresponse()
        return _Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
