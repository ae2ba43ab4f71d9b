"""Random requests of every kind to two nodes at once; what they answer must not differ by a byte."""

from __future__ import annotations

from random import Random
from time import sleep
from typing import Any
from urllib.parse import urlencode

from oracle_questions import ASKED, Asker
from oracle_run import known

from tests.proof.twins import Said, Twins, own_identity
from unsilo.kernel import json

__all__ = ["Requests", "run"]

Json = dict[str, Any]
_FHIR = {"Content-Type": "application/fhir+json"}
_PATCH = {"Content-Type": "application/json-patch+json"}
_FORMS = ({}, {}, {}, {"Accept": "application/fhir+xml"}, {"Accept-Encoding": "gzip"}, {"Prefer": "handling=lenient"},
          {"Prefer": "linked-patients=off"})  # fmt: skip
_WRONG = (
    "Patient?colour=red", "Nothing/1", "Patient/a%0a", "Patient?birthdate=gt", "Patient?_page=AAAA",
    "Patient/p0/_history/99", "Observation?code:text:exact=a", "metadata?mode=no", "Patient?_sort=colour",
    "Observation?subject.colour=x", "Patient/nobody/$everything", "Patient?_count=x", "Patient?_include=Nothing:x",
    "Observation?_has:Nothing:x:y=1", "Patient/p0/Nothing", "Patient?identifier:of-type=a", "$unknown",
)  # fmt: skip


class Requests:
    """Makes requests from one seed over one pair of nodes, and compares."""

    def __init__(self, pair: Twins, seed: int) -> None:
        self.pair, self.random = pair, Random(seed)
        self.asker = Asker(seed + 1, pair.world, known)
        self.names = [f"{kind}/{id_}" for kind, id_ in pair.world.resources]
        self.names += [name for name in pair.hidden if name not in self.names]
        self.hidden = set(pair.hidden)
        self.kinds: dict[str, int] = {}

    def name(self) -> str:
        """Return a resource: visible, hidden, or made by a former request."""
        return self.random.choice(self.names)

    def changeable(self) -> str:
        """Return a resource, also a hidden one, of a type that can be made anew."""
        return self.random.choice([name for name in self.names if name.partition("/")[0] in ASKED])

    def one(self) -> str:
        """Ask one random request (with up to three pages); return what differs, "" when nothing does."""
        ways = (
            (self.search, 40), (self.read, 12), (self.history, 10), (self.everything, 6), (self.create, 5),
            (self.update, 6), (self.conditional, 8), (self.patch, 4), (self.delete, 3), (self.bundle, 5),
            (self.wrong, 4), (self.capability, 1), (self.compartment, 4), (self.types, 4),
            (self.about, 5), (self.export, 2), *([(self.taken, 3)] if self.hidden else []),
        )  # fmt: skip
        way = self.random.choices([way for way, _ in ways], [weight for _, weight in ways])[0]
        self.kinds[way.__name__] = self.kinds.get(way.__name__, 0) + 1
        return way()

    def same(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> str:
        """Ask both nodes; follow the next links."""
        content = None if body is None else json.encode(body)
        more = dict(headers or {})
        for _ in range(4):
            poor, rich = self.pair.both(method, path, body=content, headers=more)
            if poor != rich:
                return f"{method} {path} {content[:300] if content else ''} {more}: {poor.told(rich)}"
            if rich.status >= 500:
                return f"{method} {path} {content[:300] if content else ''}: {rich.status} {rich.content[:300]!r}"
            self.learn(rich, method)
            path = rich.next_page() if method == "GET" else ""
            if not path:
                break
        return ""

    def learn(self, said: Said, method: str) -> None:
        """Remember what was created."""
        if method != "GET" and said.status == 201:
            location = dict(said.headers).get("location", "").partition("/fhir/")[2]
            name = location.partition("/_history")[0]
            if name and name not in self.names:
                self.names.append(name)

    # Reading

    def query(self) -> tuple[str, str]:
        """Return a type and a query string: criteria, includes, order, size, total, form."""
        question, random = self.asker.question(), self.random
        pairs = [*question.criteria, *question.includes]
        if question.sort:
            pairs.append(("_sort", ",".join(f"{'-' if down else ''}{name}" for name, down in question.sort)))
        elif random.random() < 0.15:
            pairs.append(("_sort", random.choice(("_lastUpdated", "-_lastUpdated", "-_id"))))
        if random.random() < 0.9:
            pairs.append(("_count", random.choice(("0", "1", "2", "3", "7", "50", "1000000000"))))
        pairs += random.choice(([], [("_total", "accurate")], [("_total", "estimate")], [("_total", "none")]))
        pairs += random.choice(
            ([], [], [], [("_summary", "count")], [("_summary", "true")], [("_elements", "id,code,name")],
             [("_lastUpdated", "gt2023-11-14T22:20:00Z")], [("_include:iterate", "*")], [("_pretty", "true")])
        )  # fmt: skip
        return question.kind, urlencode(pairs)

    def search(self) -> str:
        """A search of a type, by GET or by POST."""
        kind, query = self.query()
        if self.random.random() < 0.1:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            poor, rich = self.pair.both("POST", f"{kind}/_search", body=query.encode(), headers=headers)
            return "" if poor == rich else f"POST {kind}/_search {query}: {poor.told(rich)}"
        return self.same("GET", f"{kind}?{query}", headers=self.random.choice(_FORMS))

    def types(self) -> str:
        """A search over types."""
        kinds = self.random.sample(list(ASKED), self.random.choice((1, 2, 3)))
        more = self.random.choice(("", "&_total=accurate", "&_sort=-_lastUpdated", "&_tag=t1", "&_security=R"))
        return self.same("GET", f"?_type={','.join(kinds)}{more}&_count={self.random.choice((2, 5, 50))}")

    def compartment(self) -> str:
        """A search within a Patient's compartment."""
        patient = self.random.choice(self.pair.world.ids["Patient"])
        kind = self.random.choice(("Observation", "Condition", "Encounter", "*"))
        tail = "" if kind == "*" else "&_total=accurate"
        return self.same("GET", f"Patient/{patient}/{kind}?_count={self.random.choice((2, 50))}{tail}")

    def read(self) -> str:
        """A read, a version, a head, a conditional read."""
        name, random = self.name(), self.random
        tail = random.choice(("", "", "", "/_history/1", "/_history/2", "/$meta"))
        headers = random.choice(({}, {}, {"If-None-Match": 'W/"1"'},
                                 {"If-Modified-Since": "Tue, 14 Nov 2023 22:13:20 GMT"}))  # fmt: skip
        return self.same(random.choice(("GET", "GET", "HEAD")), f"{name}{tail}", headers=headers)

    def history(self) -> str:
        """Versions of a resource, a type or everything."""
        random = self.random
        scope = random.choice((self.name(), self.name(), random.choice(list(ASKED)), ""))
        pairs = [("_count", random.choice(("1", "2", "5", "50")))]
        if random.random() < 0.3:
            when = random.choice(("2023-11-14", "2023-11-14T22:20:00Z", "2024"))
            pairs.append((random.choice(("_since", "_at")), when))
        return self.same("GET", f"{scope}/_history?{urlencode(pairs)}".lstrip("/"))

    def everything(self) -> str:
        """The record or the summary of a Patient."""
        patient, random = random_patient(self), self.random
        if random.random() < 0.2:
            return self.same("GET", f"{patient}/$summary")
        tail = random.choice(("", "?_count=3", "?_count=10", "?_type=Observation,Patient", "?_since=2023-11-14"))
        return self.same("GET", f"{patient}/$everything{tail}")

    def about(self) -> str:
        """Lists, Provenance of what is found, labels that are added, what is valid."""
        random = self.random
        way = random.randrange(4)
        if way == 0:
            return self.same("GET", f"Observation?_list=l{random.randrange(12)}&_total=accurate&_count=4")
        if way == 1:
            kind = random.choice(("Observation", "Condition"))
            more = random.choice(("_revinclude=Provenance:target", "_has:Provenance:target:_id=p1,p2,p3"))
            return self.same("GET", f"{kind}?{more}&_count=20&_total=accurate")
        if way == 2:
            meta = {"tag": [{"system": "http://x.org/tag", "code": "t1"}]}
            said = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}
            return self.same("POST", f"{self.name()}/$meta-{random.choice(('add', 'delete'))}", said, _FHIR)
        return self.same("GET", f"{self.name()}/$validate")

    def export(self) -> str:
        """A bulk export, its list of files, and every byte of them."""
        random = self.random
        scope = random.choice(("", "Patient/", f"Group/g{random.randrange(12)}/"))
        tail = random.choice(("", "?_type=Observation,Patient", "?_type=Provenance,Condition", "?_since=2023-11-14",
                              "?_typeFilter=Observation%3Fstatus%3Dfinal&_type=Observation"))  # fmt: skip
        path = f"{scope}$export{tail}"
        poor, rich = self.pair.both("GET", path, headers={"Prefer": "respond-async"})
        if poor != rich:
            return f"GET {path}: {poor.told(rich)}"
        if rich.status != 202:
            return ""
        place = dict(rich.headers)["content-location"].partition("/fhir/")[2]
        for _ in range(500):
            poor, rich = self.pair.both("GET", place, still=True)
            if 202 not in (poor.status, rich.status):
                break
            sleep(0.01)
        if poor != rich:
            return f"{path}: {poor.told(rich)}"
        if rich.status != 200:
            return f"{path}: {rich.status} {rich.content[:300]!r}"
        for file in json.decode(rich.content)["output"]:
            told = self.same("GET", file["url"].partition("/fhir/")[2])
            if told:
                return f"{path}: {told}"
        return self.same("DELETE", place)

    def wrong(self) -> str:
        """What is refused."""
        return self.same("GET", self.random.choice(_WRONG))

    def capability(self) -> str:
        """What the node says of itself."""
        return self.same("GET", self.random.choice(("metadata", "metadata?mode=terminology", "openapi.json")))

    # Writing

    def resource(self, kind: str, id_: str = "") -> Json:
        """Make a resource that may refer to what is hidden."""
        made = self.pair.world.make(kind, id_ or "x")
        if kind == "Patient":
            own_identity(made, next(self.pair.people))
        if not id_:
            del made["id"]
        return made

    def create(self) -> str:
        """A creation, under a condition now and then."""
        kind = self.random.choice(list(ASKED))
        headers = dict(_FHIR)
        if self.random.random() < 0.5:
            headers["If-None-Exist"] = self.condition(kind)
        if self.random.random() < 0.2:
            headers["Prefer"] = self.random.choice(("return=minimal", "return=OperationOutcome"))
        return self.same("POST", kind, self.resource(kind), headers)

    def condition(self, kind: str) -> str:
        """Return a condition: of a question, or one that meets a resource (also a hidden one) by its id."""
        if self.random.random() < 0.4:
            ids = [name for name in self.names if name.startswith(f"{kind}/")]
            return f"_id={self.random.choice(ids).partition('/')[2]}"
        return urlencode([self.asker.criterion(kind)])

    def seen(self) -> str:
        """Return the name of a resource that the poorer node may have, too."""
        return self.random.choice(
            [name for name in self.names if name not in self.hidden and name.partition("/")[0] in ASKED]
        )

    def update(self) -> str:
        """A change of what is visible or of what was hidden from the start by If-Match, which finds nothing there."""
        random = self.random
        name = self.seen()
        headers = dict(_FHIR)
        if random.random() < 0.4:
            headers |= random.choice(({"If-Match": 'W/"1"'}, {"If-Match": 'W/"7"'}, {"If-None-Match": "*"}))
        if random.random() < 0.2:
            name, headers["If-Match"] = self.changeable(), 'W/"1"'
            headers.pop("If-None-Match", None)
        kind, id_ = name.split("/")
        return self.same("PUT", name, self.resource(kind, id_), headers)

    def conditional(self) -> str:
        """Update, patch or delete by a condition."""
        kind, random = self.random.choice(list(ASKED)), self.random
        path = f"{kind}?{self.condition(kind)}"
        way = random.randrange(4)
        if way == 0:
            return self.same("DELETE", path)
        if way == 1:
            return self.same("PATCH", path, [{"op": "add", "path": "/language", "value": "de"}], _PATCH)
        return self.same("PUT", path, self.resource(kind), _FHIR)

    def patch(self) -> str:
        """A patch by id."""
        patch = self.random.choice(
            ([{"op": "add", "path": "/language", "value": "fr"}], [{"op": "remove", "path": "/nothing"}],
             [{"op": "test", "path": "/resourceType", "value": "Patient"}],
             [{"op": "copy", "from": "/name/0/family", "path": "/language"}],
             [{"op": "test", "path": "/valueString", "value": "BLOOD"}])
        )  # fmt: skip
        return self.same("PATCH", self.name(), patch, _PATCH)

    def delete(self) -> str:
        """A deletion by id."""
        headers = self.random.choice(({}, {"If-Match": 'W/"1"'}))
        return self.same("DELETE", self.name(), headers=headers)

    def bundle(self) -> str:
        """A batch or transaction of reads, searches, creations and conditional references."""
        random, entries = self.random, []
        for n in range(random.choice((1, 2, 4))):
            kind = random.choice(list(ASKED))
            way = random.randrange(6)
            if way == 0:
                entries.append({"request": {"method": "GET", "url": self.name()}})
            elif way == 1:
                kind, query = self.query()
                entries.append({"request": {"method": "GET", "url": f"{kind}?{query}"}})
            elif way == 2:
                request = {"method": "POST", "url": kind, "ifNoneExist": self.condition(kind)}
                entries.append({"fullUrl": f"urn:uuid:{n}", "resource": self.resource(kind), "request": request})
            elif way == 3:
                made = self.resource("Observation")
                made["subject"] = {"reference": f"Patient?{self.condition('Patient')}"}
                entries.append({"resource": made, "request": {"method": "POST", "url": "Observation"}})
            elif way == 4:
                entries.append({"request": {"method": "DELETE", "url": f"{kind}?{self.condition(kind)}"}})
            else:
                request = {"method": "PUT", "url": f"{kind}?{self.condition(kind)}"}
                entries.append({"resource": self.resource(kind), "request": request})
        kind = random.choice(("batch", "transaction"))
        return self.same("POST", "", {"resourceType": "Bundle", "type": kind, "entry": entries}, _FHIR)

    def taken(self) -> str:
        """The one exception: to create under an id that is hidden is refused, and says nothing of what is there."""
        random = self.random
        name = random.choice([name for name in self.pair.hidden if name.partition("/")[0] in ASKED])
        kind, id_ = name.split("/")
        resource = self.resource(kind, id_)
        headers = {**_FHIR, **random.choice(({}, {"If-None-Match": "*"}))}
        if random.random() < 0.5:
            said = self.pair.rich_only("PUT", name, body=json.encode(resource), headers=headers)
        else:
            entry = {"resource": resource, "request": {"method": "PUT", "url": name}}
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
            said = self.pair.rich_only("POST", "", body=json.encode(bundle), headers=_FHIR)
        if said.status != 409:
            return f"PUT {name}: {said.status} {said.content[:300]!r}"
        issues = json.decode(said.content)["issue"]
        told = {key for issue in issues for key in issue} - {"severity", "code", "details", "expression"}
        texts = [issue["details"]["text"] for issue in issues]
        if (
            texts != ["this id cannot be used"]
            or told
            or {"etag", "last-modified", "location"} & dict(said.headers).keys()
        ):
            return f"PUT {name} tells of what is hidden: {said.headers} {said.content!r}"
        return ""


def random_patient(requests: Requests) -> str:
    """Return a Patient, visible or hidden."""
    return requests.random.choice([name for name in requests.names if name.startswith("Patient/")])


def run(pair: Twins, times: int, seed: int) -> list[str]:
    """Ask so many random requests; return what differed. It ends early when the nodes have grown apart."""
    requests = Requests(pair, seed)
    wrong: list[str] = []
    for n in range(times):
        told = requests.one()
        if told:
            wrong.append(f"{n}: {told}")
            if len(wrong) >= 10:
                break
    return wrong
