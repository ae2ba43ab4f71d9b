"""A node with two persons and no worker processes: messages are processed in the test's own process."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from unsilo.config import Feed, Settings
from unsilo.console.routes import routes
from unsilo.flow import access
from unsilo.flow.commit import commit
from unsilo.flow.process import process
from unsilo.flow.service import Service
from unsilo.kernel import clock

PASSWORD = "a quiet long password"
HOME = {"sec-fetch-site": "same-origin"}
RTF = b64encode(b"{\\rtf1 Seen by \\b Dr Price}").decode()
PAGE = b64encode(b"<script>alert(1)</script>").decode()


def _oru(number: str, family: str, value: str, extra: str = "") -> bytes:
    lines = [
        f"MSH|^~\\&|LAB|CITY|U|H|20260301080000+0000||ORU^R01^ORU_R01|{number}{value}|P|2.5.1",
        f"PID|1||{number}^^^LAB^MR||{family}^Ada||19450714|F",
        "PV1|1|O",
        f"OBR|1|P{number}^LAB|F{number}^LAB|2823-3^Potassium^LN|||20260301080000+0000|||||||||||||||20260301080000+0000||LAB|F",
        f"OBX|1|NM|2823-3^Potassium^LN||{value}|mmol/L|3.5-5.1|H|||F|||20260301080000+0000",
    ]
    return "\r".join([*lines, *([extra] if extra else [])]).encode() + b"\r"


@dataclass
class Node:
    """The service, its ASGI app, and the persons' uids by family name."""

    service: Service
    app: Starlette
    people: dict[str, str]

    def client(self, user: str = "") -> TestClient:
        """Return a browser, signed in as `user`."""
        client = TestClient(self.app, base_url="http://node", follow_redirects=False)
        if user:
            found = self.service.store.users.get(user)
            assert found is not None
            client.cookies.set("unsilo_session", access.new_session(self.service, found, "testclient"))
        return client

    def take(self, content: bytes, name: str = "lab") -> str:
        """Receive and process one message of a feed; return its id."""
        feed = self.service.settings.feeds[name]
        incoming = self.service.read(feed, content, {"transport": "mllp"}).whole
        receipt = self.service.store.receive(incoming).result(10)
        told = process(incoming.envelope, feed, receipt.mid)
        self.service.store.submit(commit(told, feed, clock.now())).result(10)
        return receipt.id


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Make the node: DEMIRCI and a person whose name is an attack, one user of each role."""
    feed = Feed("lab", "hl7v2", "City Laboratory", authorities={"LAB": "urn:id:lab"}, default_authority="urn:id:lab")
    clinic = Feed("clinic", "ccda", "Harbour Clinic")
    settings = Settings(data=tmp_path_factory.mktemp("console"), feeds={"lab": feed, "clinic": clinic})
    service = Service(settings)
    for role in access.ROLES:
        assert access.add_user(service, role, role.title(), [role], PASSWORD) == []
    made = Node(service, Starlette(routes=routes(service)), {})
    made.take(_oru("100", "Demirci", "5.6", f"OBX|2|ED|11502-2^Report^LN||^TEXT^RTF^Base64^{RTF}||||||F"))
    made.take(_oru("200", "<script>alert(1)</script>", "4.4", f"OBX|2|ED|1^Page^L||^TEXT^HTML^Base64^{PAGE}||||||F"))
    for name, typed in (("demirci", "100"), ("attack", "200")):
        made.people[name] = service.store.find_people(typed)[0].uid
    yield made
    service.store.close()


@pytest.fixture(scope="session")
def templates() -> Path:
    """Return the folder of the templates."""
    import unsilo.console

    return Path(unsilo.console.__file__).parent / "templates"
