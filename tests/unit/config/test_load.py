"""Settings: every error at once, each with its line or variable and what to do."""

from pathlib import Path

import pytest

from unsilo.config import load

GOOD = """
port = 9000
[feeds.adt]
format = "hl7v2"
transport = "mllp"
port = 2576
zone = "Europe/Berlin"
authorities = { KH = "urn:oid:1.2.3" }
[feeds.drop]
format = "ccda"
transport = "folder"
folder = "in"
[[mllp]]
port = 2577
feed = "adt"
routes = [{ feed = "adt", type = "ADT*" }]
"""

BAD = """port = 99999
colour = "red"
[feeds.adt]
transport = "pigeon"
zone = "Europe/Nowhere"
portt = 3
[feeds.lab]
format = "x12"
allow = ["10.0.0.0/99"]
"""


def write(folder: Path, text: str) -> Path:
    """Put `text` into a settings file."""
    file = folder / "unsilo.toml"
    file.write_text(text)
    return file


def test_no_file_gives_a_working_node() -> None:
    """Without a file there is a default HL7 v2 feed by MLLP and one by HTTP for each other format."""
    result = load(None, {}, {"data": "d", "port": 8081, "mllp_port": 2575})
    assert result.issues == []
    assert result.value is not None
    assert {f.name: f.format for f in result.value.feeds.values()} == {
        "default": "hl7v2",
        "ccda": "ccda",
        "fhir": "fhir",
    }
    assert [(listener.port, listener.feed) for listener in result.value.listeners] == [(2575, "default")]


def test_a_file_is_read_with_paths_from_its_own_folder(tmp_path: Path) -> None:
    """Feeds, routes and nested tables arrive typed; relative paths start at the file; a missing format gets a feed."""
    result = load(write(tmp_path, GOOD), {})
    assert result.issues == []
    assert result.value is not None
    assert result.value.feeds["drop"].folder == str(tmp_path / "in")
    assert result.value.feeds["adt"].authorities == {"KH": "urn:oid:1.2.3"}
    assert result.value.mllp[0].routes[0].type == "ADT*"
    assert "fhir" in result.value.feeds
    assert sorted(listener.port for listener in result.value.listeners) == [2576, 2577]


def test_all_errors_come_at_once_with_their_lines(tmp_path: Path) -> None:
    """One run of the check names every wrong setting, its line and a way out."""
    file = write(tmp_path, BAD)
    result = load(file, {"UNSILO_WORKERS": "many"})
    assert result.value is None
    places = {issue.where.path: issue for issue in result.issues}
    assert f"{file}:1" in places
    assert f"{file}:2" in places
    assert "one of mllp, folder, http" in places[f"{file}:4"].hint
    assert f"{file}:5" in places
    assert places[f"{file}:6"].hint == "did you mean port?"
    assert f"{file}:8" in places
    assert f"{file}:9" in places
    assert "UNSILO_WORKERS" in places


def test_environment_and_secret_files_win_over_the_file(tmp_path: Path) -> None:
    """UNSILO_* lies over the file, `__` goes into tables, `_FILE` reads the value from a file."""
    secret = tmp_path / "secret"
    secret.write_text("https://unsilo.example\n")
    env = {
        "UNSILO_PORT": "9100",
        "UNSILO_FEEDS__ADT__PORT": "2600",
        "UNSILO_PUBLIC_URL_FILE": str(secret),
        "UNSILO_OPEN_NETWORK": "true",
    }
    result = load(write(tmp_path, GOOD), env)
    assert result.issues == []
    assert result.value is not None
    assert (result.value.port, result.value.feeds["adt"].port) == (9100, 2600)
    assert result.value.public_url == "https://unsilo.example"
    assert result.value.open_network is True


def test_unknown_variables_are_said_but_do_not_stop(tmp_path: Path) -> None:
    """A mistyped variable is a warning with a suggestion; a missing secret file is an error."""
    result = load(None, {"UNSILO_PORTT": "1"})
    assert result.value is not None
    assert result.issues[0].hint == "did you mean UNSILO_PORT?"
    assert load(None, {"UNSILO_PORT_FILE": str(tmp_path / "none")}).value is None


@pytest.mark.parametrize("text", ["port = ", "= 1", "[feeds\n", "port = 1\nport = 2\n"])
def test_text_that_is_not_toml_is_an_issue(tmp_path: Path, text: str) -> None:
    """A file that cannot be read as TOML is one Issue with its place."""
    result = load(write(tmp_path, text), {})
    assert result.value is None
    assert result.issues[0].code == "structure"


def test_a_missing_or_binary_file_is_an_issue(tmp_path: Path) -> None:
    """No file and no text are answered, not raised."""
    assert load(tmp_path / "none.toml", {}).issues[0].code == "not-found"
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe\x00")
    assert load(tmp_path / "b.toml", {}).issues[0].code == "charset"


def test_ports_files_and_certificates_must_fit(tmp_path: Path) -> None:
    """Two listeners on one port, half a TLS pair and a route to nowhere are each said."""
    text = """
[feeds.a]
transport = "mllp"
port = 2575
tls = { certificate = "cert.pem" }
[feeds.b]
transport = "mllp"
port = 2575
[[mllp]]
port = 2580
feed = "none"
"""
    texts = " ".join(issue.text for issue in load(write(tmp_path, text), {}).issues)
    assert "taken by" in texts
    assert "belong together" in texts
    assert "no feed 'none'" in texts


def test_a_table_where_a_value_belongs_is_said(tmp_path: Path) -> None:
    """Wrong shapes (a list of feeds, a number for a table) are Issues."""
    for text in ("feeds = [1]", "tls = 3", "mllp = 4", "[port]\na = 1"):
        assert load(write(tmp_path, text), {}).value is None
