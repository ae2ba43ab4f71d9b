"""Fuzz target over the FHIR server: any request is answered, errors in words, and none is a fault of the program."""

import asyncio
import json
import shutil
import tempfile
import weakref
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

__all__ = ["REQUESTS", "WORDS", "requests"]

Behaviour = Hashable

_METHODS = (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS")

_JSON = b"content-type: application/fhir+json\n"
_PATCH = b'[{"op":"add","path":"/active","value":true}]'
_DELETION = (
    b'{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},'
    b'{"name":"path","valueString":"Patient.active"}]}]}'
)
_BATCH = (
    b'{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/ana"}},'
    b'{"request":{"method":"POST","url":"Basic"},"resource":{"resourceType":"Basic"}}]}'
)
_TRANSACTION = (
    b'{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","request":{"method":"POST",'
    b'"url":"Patient"},"resource":{"resourceType":"Patient"}},{"request":{"method":"PUT","url":"Basic/b"},'
    b'"resource":{"resourceType":"Basic","id":"b","subject":{"reference":"urn:uuid:1"}}}]}'
)
_META = b'{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"x"}]}}]}'
_PATIENT = b'{"resourceType":"Patient","id":"ana","name":[{"family":"A"}]}'
_MERGE = (
    b'{"resourceType":"Parameters","parameter":[{"name":"source-patient","valueReference":{"reference":"Patient/ana"}},'
    b'{"name":"target-patient-identifier","valueIdentifier":{"system":"urn:a","value":"1"}},'
    b'{"name":"preview","valueBoolean":true}]}'
)
_XML = b'<Patient xmlns="http://hl7.org/fhir"><active value="true"/></Patient>'
_FORM = b"content-type: application/x-www-form-urlencoded\n"
REQUESTS = [
    b"GET /fhir/Patient/ana\naccept: application/fhir+xml\n\n",
    b"GET /fhir/Patient?name=Ana&_sort=-birthdate&_count=2&_include=Patient:organization\n\n",
    b"GET /fhir/Observation?patient.name:exact=Ana&code=http://loinc.org|1,2&_has:Provenance:target:agent=x\n\n",
    b"GET /fhir/Patient/ana/_history?_since=2026-01-01&_at=2026\nprefer: handling=lenient\n\n",
    b"POST /fhir/Patient\n" + _JSON + b"if-none-exist: identifier=urn:a|1\n\n" + _PATIENT,
    b"PUT /fhir/Patient/ana\n" + _JSON + b'if-match: W/"1"\n\n' + _PATIENT,
    b"PATCH /fhir/Patient/ana\ncontent-type: application/json-patch+json\n\n" + _PATCH,
    b"PATCH /fhir/Patient/ana\n" + _JSON + b"\n" + _DELETION, b"DELETE /fhir/Patient?identifier=urn:a|1\n\n",
    b"POST /fhir\n" + _JSON + b"\n" + _BATCH, b"POST /fhir\n" + _JSON + b"\n" + _TRANSACTION,
    b"POST /fhir/Patient/_search?_format=xml\n" + _FORM + b"\nname=Ana&_elements=name",
    b"GET /fhir/Patient/ana/$everything?_type=Observation\naccept-encoding: gzip\n\n",
    b"GET /fhir/Patient/ana/$summary\n\n", b"GET /fhir/Patient/ana/*?_summary=text\nx-request-id: a\n\n",
    b"POST /fhir/Patient/ana/$meta-add\n" + _JSON + b"\n" + _META,
    b"POST /fhir/Patient\ncontent-type: application/fhir+xml\n\n" + _XML,
    b"POST /fhir/Binary\ncontent-type: image/png\n\n\x89PNG", b"GET /fhir/metadata?mode=normative\n\n",
    b"GET /fhir/Patient/$ihe-pix?sourceIdentifier=urn:a|1&targetSystem=urn:b\n\n",
    b"GET /fhir/Patient/ana/$golden?_elements=name\n\n", b"POST /fhir/Patient/$merge\n" + _JSON + b"\n" + _MERGE,
    b"POST /fhir/Patient/$unmerge\n" + _JSON + b"\n" + _MERGE, b"GET /fhir/Patient?identifier=urn:a|,urn:b|\n\n",
    b"GET /fhir/Patient?_filter=name eq 'a' and birthdate gt 2000&__explain=1\n\n",
]  # fmt: skip
WORDS = [
    b"%00", b"%ff", b"%2f", b"%0a", b"..", b"$", b"_history", b"_search", b"/", b"?", b"&", b"=", b"|", b",", b"\\",
    b":not", b":missing=true", b"_count=0", b"_page=AAAA", b"_has:", b"_include=*", b"_summary=count", b"_elements=id",
    b"null", b"[]", b"{}", b'"', b"1e999", b"W/", b"*", b"if-none-match: *\n", b"prefer: return=minimal\n",
    b"content-encoding: gzip\n", b"content-length: 99\n", b"Observation", b"Basic", b"urn:uuid:1", b"' OR 1=1 --",
    b"\xf0\x9f\x92\x89", b"ge2026", b"_format=json", b"_sort=name", b"$meta", b"$export", b"$validate",
]  # fmt: skip


def requests() -> Callable[[bytes], Behaviour]:
    """Answer a request of one line, headers and body: below 500, with an OperationOutcome for every error."""
    from unsilo.api.serve import Fhir
    from unsilo.config import Settings
    from unsilo.flow.service import Service

    folder = Path(tempfile.mkdtemp())
    service = Service(Settings(data=folder, open_network=True))
    fhir = Fhir(service)
    loop = asyncio.new_event_loop()
    patient = b'{"resourceType":"Patient","id":"ana","name":[{"family":"Ana"}]}'

    async def ask(
        method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> tuple[int, Any, bytes]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        path, _, query = target.partition(b"?")
        scope = {
            "type": "http", "method": method, "path": path.decode("latin-1"), "raw_path": path, "query_string": query,
            "headers": [(b"host", b"localhost"), *headers], "client": ("10.0.0.1", 1), "scheme": "http",
        }  # fmt: skip
        await fhir(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"]), b"".join(m.get("body", b"") for m in sent[1:])

    loop.run_until_complete(ask("PUT", b"/fhir/Patient/ana", [(b"content-type", b"application/fhir+json")], patient))

    def run(content: bytes) -> Behaviour:
        head, _, body = content.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        method, _, target = first.partition(b" ")
        parted = (line.partition(b":") for line in lines)
        headers = [(name.strip().lower(), value.strip()) for name, mark, value in parted if mark]
        status, said, answer = loop.run_until_complete(ask(method.decode("latin-1"), target, headers, body))
        assert 200 <= status < 500 or status == 503, status
        assert said[b"x-request-id"]
        plain = b"json" in said.get(b"content-type", b"") and b"content-encoding" not in said
        rule = ""
        if status >= 400 and method != b"HEAD" and plain:
            outcome = json.loads(answer)
            assert outcome["resourceType"] == "OperationOutcome"
            rule = outcome["issue"][0]["details"]["coding"][0]["code"]
        return status, said.get(b"content-type", b"")[:24], rule, method if method in _METHODS else b""

    def end() -> None:
        service.store.close()
        loop.close()
        shutil.rmtree(folder, ignore_errors=True)

    weakref.finalize(run, end)
    return run
