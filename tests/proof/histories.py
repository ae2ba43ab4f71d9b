"""Random histories of several clients over HTTP, the server killed in between, checked against what was acknowledged.

What must hold: who reads after a write was acknowledged (by whomever) finds that version or a later one; a version has
one content for ever; versions have no gaps and no content that nobody sent; what is written under If-Match follows the
version that it names; a transaction shows whole or not at all, to reads and searches at any time; what a search finds
says what was searched for. A write whose answer was lost to a kill may have happened or not, but not half or twice.

python -m tests.proof.histories --kills 100 --seed 1
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from bench._node import NodeProcess
from unsilo.kernel import json

__all__ = ["Histories", "run"]

Json = dict[str, Any]
_FHIR = {"Content-Type": "application/fhir+json"}
_SYSTEM = "urn:proof"
_CLIENTS, _CELLS, _SETS = 8, 12, 4
_MEMBERS = 3


class LostError(Exception):
    """The answer did not come: the server was killed."""


class Answer(NamedTuple):
    """Status, version (of the ETag, 0 for none) and body."""

    status: int
    version: int
    body: Any


class Histories:
    """What all clients know together, and what they found to be wrong."""

    def __init__(self, node: NodeProcess) -> None:
        self.node = node
        self.lock = threading.Lock()
        self.tokens = itertools.count(1)
        self.floor: dict[str, int] = {}
        """The latest version of a resource that was acknowledged or seen."""
        self.content: dict[tuple[str, int], str] = {}
        """What a version says: the token, "" for a deletion."""
        self.sent: dict[str, set[str]] = {}
        """Every token that was sent to a resource."""
        self.kept: set[tuple[str, str]] = set()
        """(resource, token) of every write that was acknowledged as a version of its own."""
        self.sets: dict[str, bool] = {}
        """Tokens of transactions that create, and whether they were acknowledged."""
        self.wrong: list[str] = []
        self.done: Counter[str] = Counter()
        self.kills = 0

    def fault(self, text: str) -> None:
        """Note a violation."""
        with self.lock:
            self.wrong.append(text)

    def token(self, name: str = "") -> str:
        """Return a text that was never sent before; it is noted as sent to a resource."""
        with self.lock:
            made = f"t{next(self.tokens)}"
            if name:
                self.sent.setdefault(name, set()).add(made)
        return made

    def low(self, name: str) -> int:
        """Return the version below which nobody may read any more, as of now."""
        with self.lock:
            return self.floor.get(name, 0)

    def saw(self, name: str, version: int, token: str, low: int, how: str, *, acknowledged: bool = False) -> None:
        """Take in a version that a client was shown or promised; `low` is what was known before it asked."""
        with self.lock:
            known = self.content.setdefault((name, version), token)
            if known != token:
                self.wrong.append(f"{how}: {name} version {version} says {token}, before it said {known}")
            if version < low:
                self.wrong.append(f"{how}: {name} is at version {version} after {low} was acknowledged")
            if token and token not in self.sent.get(name, ()):
                self.wrong.append(f"{how}: {name} says {token}, which nobody sent there")
            if acknowledged:
                self.kept.add((name, token))
            self.floor[name] = max(self.floor.get(name, 0), version)


class Client(threading.Thread):
    """One client: random requests until it is told to end or the server is gone."""

    def __init__(self, all_: Histories, seed: int, until: float) -> None:
        super().__init__(daemon=True)
        self.all, self.random, self.until = all_, Random(seed), until
        self.connection = http.client.HTTPConnection("127.0.0.1", all_.node.http, timeout=30)

    def run(self) -> None:
        """Ask until the time is over or nobody answers."""
        ways = (
            (self.put, 5), (self.guarded, 4), (self.read, 6), (self.delete, 1), (self.search, 4), (self.together, 4),
            (self.look_together, 5), (self.create, 3), (self.version, 2), (self.failing, 1),
        )  # fmt: skip
        try:
            while time.monotonic() < self.until:
                way = self.random.choices([way for way, _ in ways], [weight for _, weight in ways])[0]
                way()
                with self.all.lock:
                    self.all.done[way.__name__] += 1
        except LostError:
            pass
        except Exception as error:  # noqa: BLE001 # what a client trips over is a finding, not the end of a thread
            self.all.fault(f"a client failed: {error!r}")
        finally:
            self.connection.close()

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """Send one request; LostError when no whole answer comes."""
        content = None if body is None else json.encode(body)
        try:
            self.connection.request(method, f"/fhir/{path}", content, {**(_FHIR if content else {}), **(headers or {})})
            answer = self.connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise LostError from error
        if answer.status >= 500:
            self.all.fault(f"{method} {path}: {answer.status} {said[:200]!r}")
        tag = answer.headers.get("etag", "")
        version = int(tag.removeprefix('W/"').rstrip('"')) if tag.startswith('W/"') else 0
        return Answer(answer.status, version, json.decode(said) if said else None)

    def cell(self) -> str:
        """Choose one of the resources that all share."""
        return f"Basic/c{self.random.randrange(_CELLS)}"

    def made(self, name: str, token: str) -> Json:
        """Return the content of a resource."""
        kind, id_ = name.split("/")
        return {"resourceType": kind, "id": id_, "identifier": [{"system": _SYSTEM, "value": token}],
                "code": {"text": token}}  # fmt: skip

    # What a client does

    def put(self) -> None:
        """Write, whatever is there."""
        name = self.cell()
        low, token = self.all.low(name), self.all.token(name)
        answer = self.ask("PUT", name, self.made(name, token))
        if answer.status in (200, 201):
            self.all.saw(name, answer.version, token, low + 1, "put", acknowledged=True)
        else:
            self.all.fault(f"PUT {name}: {answer}")

    def guarded(self) -> None:
        """Read, then write under If-Match: the new version follows the one that was read."""
        name = self.cell()
        before = self.ask("GET", name)
        if before.status != 200:
            return
        token, low = self.all.token(name), self.all.low(name)
        answer = self.ask("PUT", name, self.made(name, token), {"If-Match": f'W/"{before.version}"'})
        if answer.status == 200:
            if answer.version != before.version + 1:
                self.all.fault(f"If-Match {before.version} of {name} made version {answer.version}")
            self.all.saw(name, answer.version, token, low + 1, "guarded", acknowledged=True)
        elif answer.status != 412:
            self.all.fault(f"If-Match {name}: {answer}")

    def read(self) -> None:
        """Read the current version."""
        name = self.cell()
        low = self.all.low(name)
        answer = self.ask("GET", name)
        if answer.status == 200:
            self.all.saw(name, answer.version, answer.body["identifier"][0]["value"], low, "read")
        elif answer.status == 410:
            self.all.saw(name, answer.version, "", low, "read")
        elif answer.status != 404 or low:
            self.all.fault(f"GET {name} after version {low}: {answer}")

    def version(self) -> None:
        """Read a version that is known to be there."""
        with self.all.lock:
            known = list(self.all.content)
        if known:
            name, number = self.random.choice(known)
            answer = self.ask("GET", f"{name}/_history/{number}")
            if answer.status == 200:
                self.all.saw(name, number, answer.body["identifier"][0]["value"], 0, "vread")
            elif answer.status == 410:
                self.all.saw(name, number, "", 0, "vread")
            else:
                self.all.fault(f"version {number} of {name} is lost: {answer}")

    def delete(self) -> None:
        """Delete; a second deletion makes no version."""
        name = self.cell()
        low = self.all.low(name)
        answer = self.ask("DELETE", name)
        if answer.status == 204 and answer.version:
            self.all.saw(name, answer.version, "", low, "delete")
        elif answer.status not in (204, 404) or (answer.status == 404 and low):
            self.all.fault(f"DELETE {name} after version {low}: {answer}")

    def search(self) -> None:
        """Search what a resource was told last: whatever is found says so, and nothing old is."""
        name = self.cell()
        low = self.all.low(name)
        with self.all.lock:
            token = self.all.content.get((name, low), "")
        if not token:
            return
        answer = self.ask("GET", f"Basic?identifier={_SYSTEM}|{token}")
        if answer.status != 200:
            self.all.fault(f"a search: {answer}")
            return
        found = [entry["resource"] for entry in answer.body.get("entry", [])]
        for one in found:
            if one["identifier"][0]["value"] != token:
                self.all.fault(f"a search of {token} found {one}")
            own = f"Basic/{one['id']}"
            self.all.saw(own, int(one["meta"]["versionId"]), token, low if own == name else 0, "search")
        if not found and self.all.low(name) == low:
            # Nobody is known to have changed it: it may still have changed, then its version says so.
            now = self.ask("GET", name)
            if now.status == 200 and now.version == low:
                self.all.fault(f"a search of {token} does not find {name}, which says it at version {low}")

    def create(self) -> None:
        """Create three in one transaction, each referring to the next by its temporary name."""
        token = self.all.token()
        with self.all.lock:
            self.all.sets[token] = False
        entries = []
        for n in range(_MEMBERS):
            one = {"resourceType": "Basic", "identifier": [{"system": "urn:set", "value": token}],
                   "code": {"text": "s"}, "subject": {"reference": f"urn:uuid:{(n + 1) % _MEMBERS}"}}  # fmt: skip
            request = {"method": "POST", "url": "Basic"}
            entries.append({"fullUrl": f"urn:uuid:{n}", "resource": one, "request": request})
        answer = self.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        if answer.status != 200:
            self.all.fault(f"a transaction: {answer}")
            return
        with self.all.lock:
            self.all.sets[token] = True
        self.members(token)

    def members(self, token: str) -> None:
        """Look whether a set is there as a whole, or not at all."""
        with self.all.lock:
            acknowledged = self.all.sets[token]
        answer = self.ask("GET", f"Basic?identifier=urn:set|{token}&_total=accurate&_include=Basic:subject")
        if answer.status != 200:
            self.all.fault(f"a search: {answer}")
            return
        found = [entry["resource"] for entry in answer.body.get("entry", [])]
        if answer.body["total"] != len(found) or len(found) not in ((_MEMBERS,) if acknowledged else (0, _MEMBERS)):
            self.all.fault(f"{len(found)} of the set {token}, a total of {answer.body['total']}")
        if {one["subject"]["reference"] for one in found} != {f"Basic/{one['id']}" for one in found}:
            self.all.fault(f"the set {token} refers elsewhere: {found}")

    def together(self) -> None:
        """Write one token into all members of a group by one transaction."""
        group = self.random.randrange(_SETS)
        names = [f"Basic/g{group}-{n}" for n in range(_MEMBERS)]
        token = self.all.token()
        with self.all.lock:
            for name in names:
                self.all.sent.setdefault(name, set()).add(token)
            lows = [self.all.floor.get(name, 0) for name in names]
        entries = [
            {"resource": self.made(name, token), "request": {"method": "PUT", "url": name}}
            for name in self.random.sample(names, _MEMBERS)
        ]  # fmt: skip
        answer = self.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        if answer.status != 200:
            self.all.fault(f"a transaction: {answer}")
            return
        low = dict(zip(names, lows, strict=True))
        for entry, said in zip(entries, answer.body["entry"], strict=True):
            name = entry["request"]["url"]
            number = int(said["response"]["etag"].removeprefix('W/"').rstrip('"'))
            self.all.saw(name, number, token, low[name] + 1, "transaction", acknowledged=True)

    def look_together(self) -> None:
        """Search the members of a group: all say the same."""
        group = self.random.randrange(_SETS)
        names = [f"Basic/g{group}-{n}" for n in range(_MEMBERS)]
        with self.all.lock:
            low = {name: self.all.floor.get(name, 0) for name in names}
        answer = self.ask("GET", f"Basic?_id={','.join(name.partition('/')[2] for name in names)}&_sort=_id")
        if answer.status != 200:
            self.all.fault(f"a search: {answer}")
            return
        found = [entry["resource"] for entry in answer.body.get("entry", [])]
        said = {(one["identifier"][0]["value"], one["meta"]["versionId"]) for one in found}
        if len(said) > 1 or len(found) not in (0, _MEMBERS) or (not found and any(low.values())):
            self.all.fault(f"half a transaction is seen: {sorted(said)} of {len(found)}")
        for one in found:
            name = f"Basic/{one['id']}"
            self.all.saw(name, int(one["meta"]["versionId"]), one["identifier"][0]["value"], low[name], "group")

    def failing(self) -> None:
        """Send a transaction whose last entry cannot be done: nothing of it may be seen."""
        name, token = self.cell(), self.all.token()  # not noted as sent: whoever sees it reports it
        entries = [
            {"resource": self.made(name, token), "request": {"method": "PUT", "url": name}},
            {"resource": {"resourceType": "Basic", "id": "never", "code": {"text": token}},
             "request": {"method": "PUT", "url": "Basic/never", "ifMatch": 'W/"7"'}},
        ]  # fmt: skip
        answer = self.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        if answer.status != 412:
            self.all.fault(f"a transaction that cannot be done: {answer}")


def examine(all_: Histories) -> None:
    """Compare all versions that there are with what was acknowledged and what was sent."""
    client = Client(all_, 0, 0)
    for name in sorted({*(name for name, _ in all_.content), *all_.sent}):
        versions: dict[int, str] = {}
        path = f"{name}/_history?_count=1000"
        while path:
            answer = client.ask("GET", path)
            if answer.status == 404:
                break
            if answer.status != 200 or "entry" not in answer.body:
                all_.fault(f"GET {path}: {answer}")
                break
            for entry in answer.body["entry"]:
                number = int(entry["response"]["etag"].removeprefix('W/"').rstrip('"'))
                if number in versions:
                    all_.fault(f"version {number} of {name} stands twice in its history")
                gone = entry["request"]["method"] == "DELETE"
                versions[number] = "" if gone else entry["resource"]["identifier"][0]["value"]
            path = next((e["url"].partition("/fhir/")[2] for e in answer.body["link"] if e["relation"] == "next"), "")
        if sorted(versions) != list(range(1, len(versions) + 1)):
            all_.fault(f"the versions of {name} have gaps: {sorted(versions)}")
        for number, token in versions.items():
            all_.saw(name, number, token, 0, "history")
        said = Counter(token for token in versions.values() if token)
        if any(times > 1 for times in said.values()):
            all_.fault(f"a write of {name} was done twice: {said.most_common(3)}")
        for own, token in all_.kept:
            if own == name and token not in said:
                all_.fault(f"{token} of {name} was acknowledged and is lost")
        for own, number in list(all_.content):
            if own == name and number not in versions:
                all_.fault(f"version {number} of {name} was seen and is lost")
    for token in all_.sets:
        client.members(token)
    client.connection.close()


def run(kills: int, seed: int, folder: Path, *, longest: float = 1.5) -> Histories:
    """Let clients work and kill the server so many times, then look at everything that is left."""
    random = Random(seed)
    node = NodeProcess(folder)
    all_ = Histories(node)
    for turn in range(kills + 1):
        node.start()
        seconds = random.uniform(0.3, longest)
        clients = [Client(all_, seed * 1000 + turn * _CLIENTS + n, time.monotonic() + seconds + 30 * (turn < kills))
                   for n in range(_CLIENTS)]  # fmt: skip
        for client in clients:
            client.start()
        if turn < kills:
            time.sleep(seconds)
            node.kill()
            all_.kills += 1
        for client in clients:
            client.join(60)
        if turn == kills:
            examine(all_)
            status = node.stop()
            if status not in (0, -signal.SIGTERM):  # the server ends by the very signal, when it has closed all
                all_.fault(f"the server ended with {status}: {(folder / 'log').read_text()[-2000:]}")
    from unsilo.storage import verify

    all_.wrong += [issue.text for issue in verify(node.data) if issue.severity in ("error", "fatal")]
    return all_


def main() -> int:
    """Run from the command line; the exit status is 1 when something was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof.histories")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(asked.kills, asked.seed, Path(folder))
    print(f"{found.kills} kills, {sum(found.done.values())} requests: {dict(found.done)}")
    print(f"{len(found.kept)} acknowledged writes, {len(found.content)} versions, {len(found.wrong)} violations")
    for each in found.wrong[:20]:
        print(f"  {each}")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
