"""$import over HTTP: files of folders and hosts, manifests, reports, cancelling, restart, and what is refused."""

import gzip
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.integration.served import served
from unsilo.config.settings import Bulk
from unsilo.flow.access import new_token
from unsilo.flow.bulk.places import address_of, refusal

ASYNC = {"Prefer": "respond-async", "Accept": "application/fhir+json"}
LOCAL = ["127.0.0.0/8"]


def _observation(n, **more):
    return {"resourceType": "Observation", "id": f"o{n}", "status": "final", "code": {"text": f"x{n}"}, **more}


def _lines(*resources):
    return b"".join(json.dumps(each).encode() + b"\n" for each in resources)


class Host:
    """Another host on loopback: `answers` by path are (status, headers, body); `gate` holds back paths below /slow."""

    def __init__(self):
        self.answers, self.asked, self.gate = {}, [], threading.Event()
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                host.asked.append(self.path)
                if self.path.startswith("/slow"):
                    host.gate.wait(30)
                status, headers, body = host.answers.get(self.path.partition("?")[0], (404, {}, b""))
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.name = f"127.0.0.1:{self.server.server_port}"
        self.base = f"http://{self.name}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def host():
    """Another host."""
    made = Host()
    yield made
    made.close()


@pytest.fixture(scope="module")
def node(tmp_path_factory, host):
    """A node that may read from one folder and that host."""
    folder = tmp_path_factory.mktemp("in")
    bulk = Bulk(import_folders=[str(folder)], import_hosts=[host.name, "localhost"], import_networks=LOCAL)
    with served(tmp_path_factory.mktemp("node"), bulk=bulk) as found:
        found.folder = folder
        yield found


def _body(*inputs, **more):
    rows = [{"name": "input", "part": [{"name": "type", "valueCode": kind}, {"name": "url", "valueUrl": url}]}
            for kind, url in inputs]  # fmt: skip
    rows += [{"name": name, "valueUrl" if name == "manifest" else "valueCode": value} for name, value in more.items()]
    return {"resourceType": "Parameters", "parameter": rows}


def _await(node, answer):
    assert answer.status_code == 202, answer.text
    place = answer.headers["content-location"]
    for _ in range(600):
        told = node.http.get(place)
        if told.status_code != 202:
            assert told.status_code == 200, told.text
            return place, told.json()
        assert "x-progress" in told.headers
        time.sleep(0.05)
    raise AssertionError("the import does not end")


def _import(node, *inputs, **more):
    return _await(node, node.http.post("$import", json=_body(*inputs, **more), headers=ASYNC))[1]


def _report(node, manifest):
    return {
        each["inputUrl"]: [json.loads(line) for line in node.http.get(each["url"]).text.splitlines()]
        for each in manifest["error"]
    }


def _texts(node, manifest):
    return [row["issue"][0]["details"]["text"] for rows in _report(node, manifest).values() for row in rows]


def test_files_of_folders_and_hosts(node, host):
    """NDJSON, packed and not, a Bundle, a whole folder: stored, searchable at once, counted by file, audited."""
    (node.folder / "a").mkdir()
    (node.folder / "a" / "x.ndjson").write_bytes(_lines(_observation(1), _observation(2)))
    (node.folder / "a" / "y.ndjson.gz").write_bytes(gzip.compress(_lines(_observation(3))))
    host.answers["/obs"] = 200, {"Content-Type": "application/fhir+ndjson", "Content-Encoding": "gzip"}, gzip.compress(
        _lines(_observation(4)))  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": _observation(5)}]}
    host.answers["/b"] = 200, {"Content-Type": "application/fhir+json"}, json.dumps(bundle).encode()
    host.answers["/moved"] = 302, {"Location": "/obs"}, b""
    folder = (node.folder / "a").as_uri()
    manifest = _import(node, ("Observation", folder), ("Observation", f"{host.base}/moved?key=secret"),
                       ("Bundle", f"{host.base}/b"))  # fmt: skip
    assert [(each["count"], each["refused"]) for each in manifest["output"]] == [(2, 0), (1, 0), (1, 0), (1, 0)]
    assert manifest["error"] == []
    assert node.http.get("Observation?_id=o1,o2,o3,o4,o5&_summary=count").json()["total"] == 5
    told = [row.what for row in node.service.store.audit_rows(action="import", limit=10)]
    assert any("5 resources stored" in what for what in told)
    assert not any("secret" in what for what in told)
    again = _import(node, ("Observation", folder))
    assert [(each["stored"], each["unchanged"]) for each in again["output"]] == [(0, 2), (0, 1)]


def test_faults_are_told_by_file_and_line(node):
    """Torn lines, another type, parts of resources: one OperationOutcome a line of the report; the rest is stored."""
    part = _observation(13, meta={"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
                                           "code": "SUBSETTED"}]})  # fmt: skip
    text = _lines(_observation(11)) + b'{"resourceType":\n' + _lines({"resourceType": "Patient", "id": "p9"}, part)
    (node.folder / "bad.ndjson").write_bytes(text + _lines(_observation(12))[:-1])
    manifest = _import(node, ("Observation", (node.folder / "bad.ndjson").as_uri()))
    assert [(each["stored"], each["refused"]) for each in manifest["output"]] == [(2, 3)]
    (rows,) = _report(node, manifest).values()
    places = [{e["url"].rpartition("-")[2]: e for e in row["issue"][0]["extension"]} for row in rows]
    assert [(each["file"]["valueString"], each["line"]["valueInteger"]) for each in places] == [
        ("bad.ndjson", 2), ("bad.ndjson", 3), ("bad.ndjson", 4),
    ]  # fmt: skip
    assert node.http.get("Patient/p9").status_code == 404
    assert manifest["error"][0]["count"] == 3


def test_modes_and_checks(node):
    """`create` leaves what is there; `check` refuses what has errors of structure."""
    file = node.folder / "c.ndjson"
    file.write_bytes(_lines(_observation(21)))
    _import(node, ("Observation", file.as_uri()))
    file.write_bytes(_lines(_observation(21, status="amended"), _observation(22, colour="blue"), _observation(23)))
    done = _import(node, ("Observation", file.as_uri()), mode="create", check="reject")
    assert (done["output"][0]["stored"], done["output"][0]["refused"]) == (1, 2)
    assert node.http.get("Observation/o21").json()["status"] == "final"


def test_the_form_of_the_proposal(node):
    """The plain JSON of the bulk import proposal is taken as well as a Parameters."""
    (node.folder / "p.ndjson").write_bytes(_lines(_observation(31)))
    body = {
        "inputFormat": "application/fhir+ndjson", "inputSource": "https://files.example",
        "storageDetail": {"type": "file"},
        "input": [{"type": "Observation", "url": (node.folder / "p.ndjson").as_uri()}],
    }  # fmt: skip
    _, done = _await(node, node.http.post("$import", json=body, headers=ASYNC))
    assert done["output"][0]["stored"] == 1


@pytest.mark.parametrize(
    ("inputs", "more", "text"),
    [
        ([("Observation", "file:///etc/passwd")], {}, "no folder"),
        ([("Observation", "file:///FOLDER/../../etc/passwd")], {}, "no folder"),
        ([("Observation", "https://evil.example/x")], {}, "no host"),
        ([("Observation", "https://evil.example@127.0.0.1/x")], {}, "password"),
        ([("Observation", "ftp://localhost/x")], {}, "only https"),
        ([("Observation", "http://localhost:1/x")], {}, "no host"),
        ([("Observation", "http://[::1")], {}, "no URL"),
        ([("Observation", "http://localhost/a b")], {}, "no URL"),
        ([("Hospital", "http://localhost/x")], {}, "no resource type"),
        ([], {}, "names its files"),
        ([("Observation", "http://localhost/x")], {"mode": "merge"}, "'merge' is not known"),
        ([("Observation", "http://localhost/x")], {"speed": "high"}, "no such parameter"),
        ([], {"manifest": "http://169.254.169.254/latest"}, "no host"),
    ],
)
def test_kick_offs_that_are_refused(node, inputs, more, text):
    """What must not be read from, or is not understood, is refused before anything begins, with the place."""
    inputs = [(kind, url.replace("/FOLDER", str(node.folder))) for kind, url in inputs]
    answer = node.http.post("$import", json=_body(*inputs, **more), headers=ASYNC)
    assert answer.status_code == 400
    assert text in answer.json()["issue"][0]["details"]["text"]


def test_hostile_bodies_and_missing_preference(node):
    """Wrong shapes are refused, never a fault of the program."""
    for body in ({}, {"input": 5}, {"input": [5]}, {"resourceType": "Parameters", "parameter": [{"name": "input"}]},
                 {"resourceType": "Parameters", "parameter": [{"name": "input", "part": 7}]},
                 {"input": [{"type": ["x"], "url": "file:///x"}]}, {"manifest": 3}, {"storageDetail": []}):  # fmt: skip
        assert node.http.post("$import", json=body, headers=ASYNC).status_code == 400, body
    assert node.http.post("$import", json=_body(("Observation", "file:///x"))).status_code == 400
    assert node.http.post("$import", content=b"[]", headers={**ASYNC, "Content-Type": "application/json"}
                          ).status_code == 400  # fmt: skip


def test_links_out_of_the_folder_are_not_followed(node, tmp_path):
    """A symbolic link inside an allowed folder that leads elsewhere is no way out."""
    (tmp_path / "secret.ndjson").write_bytes(_lines(_observation(99)))
    (node.folder / "link.ndjson").symlink_to(tmp_path / "secret.ndjson")
    answer = node.http.post("$import", json=_body(("", (node.folder / "link.ndjson").as_uri())), headers=ASYNC)
    assert answer.status_code == 400
    folder = node.folder / "links"
    folder.mkdir()
    (folder / "l.ndjson").symlink_to(tmp_path / "secret.ndjson")
    done = _import(node, ("", folder.as_uri()))
    assert done["output"][0]["stored"] == 0
    assert node.http.get("Observation/o99").status_code == 404


def test_a_pipe_is_no_file(node):
    """What would wait for ever is told and passed by."""
    os.mkfifo(node.folder / "pipe")
    done = _import(node, ("", (node.folder / "pipe").as_uri()))
    assert "not a file" in _texts(node, done)[0]


def test_what_hosts_may_do_wrong(node, host):
    """Redirects elsewhere and in circles, torn and wrong answers: told for the file; the next one is read."""
    host.answers["/away"] = 302, {"Location": "http://169.254.169.254/latest/meta-data"}, b""
    host.answers["/file"] = 302, {"Location": (node.folder / "a" / "x.ndjson").as_uri()}, b""
    host.answers["/round"] = 307, {"Location": "/round"}, b""
    host.answers["/short"] = 200, {"Content-Length": "1000"}, _lines(_observation(41))
    host.answers["/html"] = 200, {"Content-Type": "text/html"}, b"<html>\n<body>\n"
    host.answers["/cut.ndjson.gz"] = 200, {}, gzip.compress(_lines(*(_observation(n) for n in range(400, 900))))[:-99]
    host.answers["/good"] = 200, {}, _lines(_observation(42))
    names = ("away", "file", "round", "gone", "short", "html", "cut.ndjson.gz", "good")
    manifest = _import(node, *(("Observation", f"{host.base}/{name}") for name in names))
    counts = {each["inputUrl"].rpartition("/")[2]: each["stored"] for each in manifest["output"]}
    assert counts["good"] == 1
    assert counts["cut.ndjson.gz"] > 100
    assert sum(counts.values()) == 1 + counts["cut.ndjson.gz"]
    said = {url.rpartition("/")[2]: rows for url, rows in _report(node, manifest).items()}
    assert set(said) == set(names) - {"good"}
    assert [e["valueString"] for e in said["gone"][0]["issue"][0]["extension"]] == [f"{host.base}/gone"]
    texts = {name: rows[0]["issue"][0]["details"]["text"] for name, rows in said.items()}
    assert "no host" in texts["away"]
    assert "no folder" in texts["file"] or "redirect" in texts["file"]
    assert "redirects" in texts["round"]
    assert "404" in texts["gone"]
    assert "cut short" in texts["short"]
    assert "damaged" in texts["cut.ndjson.gz"]


def test_manifests_pages_and_loops(node, host):
    """A manifest's files are imported over its pages; one that leads back to itself, or elsewhere, is told."""

    def page(*names, following=""):
        output = [{"type": "Observation", "url": f"{host.base}/{name}"} for name in names]
        link = [{"relation": "next", "url": following}] if following else []
        return 200, {}, json.dumps({"output": output, "link": link}).encode()

    for n in (51, 52, 53):
        host.answers[f"/m{n}"] = 200, {}, _lines(_observation(n))
    host.answers["/page1"] = page("m51", following=f"{host.base}/page2")
    host.answers["/page2"] = page("m52")
    done = _import(node, manifest=f"{host.base}/page1")
    assert [each["stored"] for each in done["output"]] == [1, 1]
    host.answers["/loop1"] = page("m53", following=f"{host.base}/loop2")
    host.answers["/loop2"] = page(following=f"{host.base}/loop1")
    done = _import(node, manifest=f"{host.base}/loop1")
    assert [each["stored"] for each in done["output"]] == [1, 0]
    assert _texts(node, done) == ["this manifest leads back to itself"]
    host.answers["/out"] = page(following="http://169.254.169.254/")
    assert "no host" in _texts(node, _import(node, manifest=f"{host.base}/out"))[0]
    host.answers["/evil"] = 200, {}, json.dumps({"output": [{"type": "Observation", "url": "file:///etc/passwd"}]}
                                                ).encode()  # fmt: skip
    assert "no folder" in _texts(node, _import(node, manifest=f"{host.base}/evil"))[0]
    host.answers["/none"] = 200, {}, b"[1"
    assert _texts(node, _import(node, manifest=f"{host.base}/none")) == ["this is no manifest"]


def test_private_networks_need_leave(host):
    """A host may be named and still not be read when its address is in a network that is not allowed."""
    bare = Bulk(import_hosts=[host.name, "localhost"])
    assert refusal(f"{host.base}/x", bare) == ""
    assert "private network" in address_of(f"{host.base}/x", bare)[1]
    assert address_of(f"{host.base}/x", Bulk(import_networks=LOCAL)) == ("127.0.0.1", "")
    elsewhere = (
        "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[fe80::1]", "[::]", "169.254.1.1", "[2002:7f00:1::]", "224.0.0.1",
        "100.64.0.1", "192.168.1.1",
    )  # fmt: skip
    for address in elsewhere:
        assert address_of(f"https://{address}/x", bare)[1], address
    assert address_of("https://93.184.215.14/x", bare) == ("93.184.215.14", "")
    assert "https only" in address_of("http://93.184.215.14/x", bare)[1]


def test_who_may(tmp_path, host):
    """Importing needs the scope `write`; nobody sees another's import or its reports."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "x.ndjson").write_bytes(b"[]\n")
    with served(tmp_path / "node", bulk=Bulk(import_folders=[str(folder)])) as node:
        heads = {}
        for name, scopes in (("reader", ["read"]), ("writer", ["write"]), ("other", ["read", "write"])):
            secret, _ = new_token(node.service, name, scopes)
            heads[name] = {**ASYNC, "Authorization": f"Bearer {secret}"}
        body = _body(("", (folder / "x.ndjson").as_uri()))
        assert node.http.post("$import", json=body, headers=heads["reader"]).status_code == 403
        begun = node.http.post("$import", json=body, headers=heads["writer"])
        place = begun.headers["content-location"]
        for _ in range(200):
            told = node.http.get(place, headers=heads["writer"])
            if told.status_code == 200:
                break
            time.sleep(0.05)
        report = told.json()["error"][0]["url"]
        assert node.http.get(report, headers=heads["writer"]).status_code == 200
        for name, status in (("other", 404), ("reader", 403)):
            assert node.http.get(place, headers=heads[name]).status_code == status
            assert node.http.get(report, headers=heads[name]).status_code == status
            assert node.http.delete(place, headers=heads[name]).status_code == status


def test_settings_that_reject_hold_for_imports(tmp_path):
    """What a client's writes are refused for, an import of that client does not bring in."""
    from unsilo.config.settings import Validation

    (tmp_path / "x.ndjson").write_bytes(_lines({"resourceType": "Observation", "id": "o1"}, _observation(2)))
    bulk, strict = Bulk(import_folders=[str(tmp_path)]), Validation(on_write="reject")
    with served(tmp_path / "node", bulk=bulk, validation=strict) as node:
        done = _import(node, ("", (tmp_path / "x.ndjson").as_uri()))
        assert (done["output"][0]["stored"], done["output"][0]["refused"]) == (1, 1)


def test_a_restart_goes_on_and_a_cancel_ends(tmp_path):
    """What was done before the stop is not read again; what a cancel ends is gone from the list, its resources stay."""
    other = Host()
    other.answers["/first"] = 200, {}, _lines(_observation(1))
    other.answers["/slow"] = 200, {}, _lines(_observation(2))
    bulk = Bulk(import_hosts=[other.name], import_networks=LOCAL)
    try:
        with served(tmp_path, bulk=bulk) as node:
            body = _body(("", f"{other.base}/first"), ("", f"{other.base}/slow"))
            place = node.http.post("$import", json=body, headers=ASYNC).headers["content-location"]
            for _ in range(400):
                if "/slow" in other.asked:
                    break
                time.sleep(0.05)
            assert node.http.get("Observation/o1").status_code == 200
            threading.Timer(0.2, other.gate.set).start()  # the answer comes when the node is stopping already
            for end in node.service.endings:
                end()
        with served(tmp_path, bulk=bulk) as node:
            for _ in range(400):
                told = node.http.get(f"$import-status/{place.rpartition('/')[2]}")
                if told.status_code == 200:
                    break
                time.sleep(0.05)
            assert [each["stored"] for each in told.json()["output"]] == [1, 1]
            assert other.asked.count("/first") == 1
            other.gate.clear()
            place = node.http.post("$import", json=body, headers=ASYNC).headers["content-location"]
            assert node.http.delete(place).status_code == 202
            assert node.http.get(place).status_code == 404
            other.gate.set()
            assert node.http.get("Observation/o2").status_code == 200
    finally:
        other.close()
