"""Commands say what they do, end with the documented status, and never show a traceback for wrong input."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unsilo.cli.main import app
from unsilo.cli.node import holding
from unsilo.storage import open_store

ADT = (
    b"MSH|^~\\&|A|NORTH|U|HUB|20260101080000||ADT^A04^ADT_A01|%s|P|2.5.1\rEVN|A04|20260101080000\r"
    b"PID|1||%s^^^NGH^MR||Rivera^Ana||19800517|F\rPV1|1|O\r"
)


@pytest.fixture
def run() -> CliRunner:
    """Runs a command in this process."""
    return CliRunner()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two messages, one of them a dead letter."""
    data = tmp_path_factory.mktemp("data")
    (data / "one.hl7").write_bytes(ADT % (b"C1", b"7"))
    (data / "bad.hl7").write_bytes(b"MSH|^~\\&|A|NORTH|U|HUB|20260101080000|||C2|P|2.5.1\r")
    result = CliRunner().invoke(
        app, ["ingest", str(data / "one.hl7"), str(data / "bad.hl7"), "--feed", "default", "--data", str(data / "s")]
    )
    assert result.exit_code == 1, result.output
    assert "1 dead, 1 done" in result.output
    return data / "s"


def test_each_command_stands_under_a_heading_of_the_help() -> None:
    """A newcomer sees which commands run a node, which read files, and which decide."""
    for known in (*app.registered_commands, *app.registered_groups):
        assert isinstance(known.rich_help_panel, str), known.name


def test_help_and_version(run: CliRunner) -> None:
    """Help names every command, the version is the package's."""
    text = run.invoke(app, ["--help"]).output
    for name in ("demo", "serve", "convert", "ingest", "send", "messages", "replay", "status", "verify", "backup"):
        assert name in text
    assert run.invoke(app, ["--version"]).output.startswith("unsilo ")


def test_start_is_quick() -> None:
    """`import unsilo` loads nothing else, the command line no server."""
    code = "import sys, unsilo; print(len([m for m in sys.modules if m.startswith('unsilo')]))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "1"
    code = "import sys, unsilo.cli.main; print([m for m in ('starlette', 'lxml', 'argon2') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["csv", "dicom", "x12", "omh"])
def test_formats_of_the_future_are_refused_by_name(run: CliRunner, tmp_path: Path, name: str) -> None:
    """Status 2, and the format is named."""
    result = run.invoke(app, ["convert", str(tmp_path), "--out", str(tmp_path / "o"), "--format", name])
    assert result.exit_code == 2
    assert f"the format {name} is not built yet" in result.output


def test_convert_keeps_folders_and_goes_on(run: CliRunner, tmp_path: Path) -> None:
    """One Bundle an input, whole name plus .json, a bad one told, a summary line at the end, status 1."""
    source = tmp_path / "in"
    (source / "a").mkdir(parents=True)
    (source / "a" / "x.hl7").write_bytes(ADT % (b"1", b"7"))
    (source / "bad.dat").write_bytes(b"\x00\x01")
    result = run.invoke(app, ["convert", str(source), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    bundle = json.loads((tmp_path / "out" / "a" / "x.hl7.json").read_text())
    assert bundle["resourceType"] == "Bundle"
    assert "1 of 2 inputs converted" in result.stdout.splitlines()[-1]
    assert "bad.dat" in result.output
    good = run.invoke(app, ["convert", str(source / "a"), "--out", str(tmp_path / "out2"), "--json"])
    assert good.exit_code == 0
    assert json.loads(good.stdout)["converted"] == 1


def test_convert_keeps_what_failed_in_a_file(run: CliRunner, tmp_path: Path) -> None:
    """A missing input does not stop the others; each failed one is a line with its Issues."""
    good, failures = tmp_path / "x.hl7", tmp_path / "failed.jsonl"
    good.write_bytes(ADT % (b"1", b"7"))
    asked = ["convert", str(tmp_path / "none.hl7"), str(good), "--out", str(tmp_path / "out")]
    result = run.invoke(app, [*asked, "--failures", str(failures)])
    assert result.exit_code == 1
    assert "error: none.hl7: cannot be read: No such file or directory" in result.output
    told = [json.loads(line) for line in failures.read_text().splitlines()]
    assert [(each["input"], each["output"], each["issues"][0]["code"]) for each in told] == [
        ("none.hl7", None, "not-found")
    ]
    nowhere = run.invoke(app, [*asked, "--failures", str(tmp_path / "no" / "failed.jsonl")])
    assert nowhere.exit_code == 2


def test_wrong_command_lines_end_with_2(run: CliRunner, tmp_path: Path) -> None:
    """A missing input, an unknown feed, role or scope, and a replay without saying which or why."""
    data = ["--data", str(tmp_path / "s")]
    for arguments in (
        ["convert", str(tmp_path / "none"), "--out", str(tmp_path)], ["convert"], ["nonsense"],
        ["ingest", str(tmp_path), "--feed", "nope", *data], ["replay", *data], ["replay", "x", *data],
        ["user", "add", "ann", "--role", "king", *data], ["token", "add", "t", "--scope", "all", *data],
        ["user", "link", "nobody", *data], ["token", "revoke", "nobody", *data],
        ["status", "--config", str(tmp_path / "none.toml")],
        ["convert", __file__, "--out", str(tmp_path / "o"), "--config", str(tmp_path / "none.toml")],
        ["ingest", __file__, "--feed", "default", "--url", "nonsense"],
        ["send", __file__, "--port", "1", "--ca", str(tmp_path / "none.pem")],
        ["send", __file__, "--port", "1", "--certificate", __file__],
        ["validate", __file__, "--package", str(tmp_path / "none.tgz")],
    ):  # fmt: skip
        result = run.invoke(app, arguments)
        assert result.exit_code == 2, (arguments, result.output)
        assert "Traceback" not in result.output


def test_an_empty_folder_is_told(run: CliRunner, tmp_path: Path) -> None:
    """A folder without a file is no failure, for a feed may be idle, yet a slip of the path is seen."""
    (tmp_path / "in").mkdir()
    source = str(tmp_path / "in")
    for arguments in (
        ["convert", source, "--out", str(tmp_path / "o")], ["validate", source], ["send", source, "--port", "1"],
        ["import", source, "--data", str(tmp_path / "s")],
    ):  # fmt: skip
        result = run.invoke(app, arguments)
        assert result.exit_code == 0, (arguments, result.output)
        assert f"there is nothing to read in {source}" in result.output


def test_without_a_store_nothing_is_made(run: CliRunner, tmp_path: Path) -> None:
    """Reading commands end with 3 and leave no empty store behind."""
    data = tmp_path / "none"
    for arguments in (["status"], ["verify"], ["messages"], ["backup", str(tmp_path / "b")]):
        result = run.invoke(app, [*arguments, "--data", str(data)])
        assert result.exit_code == 3, result.output
    assert not data.exists()


def test_a_state_or_kind_that_is_none_is_refused(run: CliRunner, store: Path) -> None:
    """A slip in a word never looks like an empty answer; the words are those of the pages."""
    from unsilo.cli import journal
    from unsilo.console.messages import _KINDS, STATES

    assert set(journal._STATES) == set(STATES)
    assert set(journal._KINDS) == set(_KINDS) - {""} | {"receiver"}
    for wrong in (["--state", "deed"], ["--kind", "patients", "7"], ["--kind", "patient"]):
        result = run.invoke(app, ["messages", *wrong, "--data", str(store)])
        assert result.exit_code == 2, result.output
        assert wrong[1].rstrip("s") in result.output


def test_ingest_names_the_file_of_a_fault(run: CliRunner, tmp_path: Path) -> None:
    """Of many files the one that became a dead letter is found."""
    (tmp_path / "bad.hl7").write_bytes(b"PID|1\r")
    result = run.invoke(app, ["ingest", str(tmp_path / "bad.hl7"), "--feed", "default", "--data", str(tmp_path / "s")])
    assert result.exit_code == 1
    assert f"fatal: {tmp_path / 'bad.hl7'} MSH: " in result.output


def test_serve_says_which_port_is_in_use(run: CliRunner, tmp_path: Path) -> None:
    """Before anything is started; of the web server and of a listener."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        for asked in (["--port", str(port)], ["--port", "0", "--mllp", str(port)]):
            result = run.invoke(app, ["serve", "--data", str(tmp_path / "s"), *asked])
            assert (result.exit_code, f"port {port} of 127.0.0.1 is in use" in result.output) == (3, True)


def test_messages_search_and_bytes(run: CliRunner, store: Path) -> None:
    """By control id, patient number or state; `--raw` gives the bytes; nothing found is status 1."""
    data = ["--data", str(store)]
    found = json.loads(run.invoke(app, ["messages", "C1", "--json", *data]).stdout)
    assert [row["state"] for row in found] == ["done"]
    assert run.invoke(app, ["messages", "--state", "dead", *data]).exit_code == 0
    raw = run.invoke(app, ["messages", "C1", "--raw", *data])
    assert raw.stdout_bytes == ADT % (b"C1", b"7")
    assert run.invoke(app, ["messages", "nothing-like-it", *data]).exit_code == 1


def test_one_message_found_says_what_was_wrong_with_it(run: CliRunner, store: Path) -> None:
    """The Issues of receipt and of processing stand below the row, and in the JSON."""
    shown = run.invoke(app, ["messages", "C2", "--data", str(store)])
    assert "error: MSH" in shown.output
    row = json.loads(run.invoke(app, ["messages", "C2", "--data", str(store), "--json"]).output)[0]
    assert row["issues"][0]["rule"]
    assert len({json.dumps(issue) for issue in row["issues"]}) == len(row["issues"])


def test_the_shell_leaves_traces_too(run: CliRunner, store: Path, tmp_path: Path) -> None:
    """Who looks at messages or changes users and tokens from a shell is in the audit trail."""
    data = ["--data", str(tmp_path / "s")]
    run.invoke(app, ["ingest", str(store.parent / "one.hl7"), "--feed", "default", *data])
    for words in (
        ["messages", "C1", "--json"], ["messages", "C1", "--raw"], ["user", "add", "ada", "--role", "steward"],
        ["user", "link", "ada"], ["user", "disable", "ada"], ["token", "add", "lab", "--scope", "read"],
        ["token", "revoke", "lab"],
    ):  # fmt: skip
        assert run.invoke(app, [*words, *data]).exit_code == 0
    with open_store(tmp_path / "s") as opened:
        id_ = opened.search_messages("C1")[0].id
    assert run.invoke(app, ["replay", id_, "--dry-run", *data]).exit_code == 0
    with open_store(tmp_path / "s") as opened:
        rows = [row for row in opened.audit_rows() if row.actor.startswith("cli:")]
    assert [row.action for row in reversed(rows)] == [
        "search messages", "download message", "add user", "sign-in link", "user disable", "add token",
        "revoke token", "dry run",
    ]  # fmt: skip


def test_only_the_owner_may_read_a_store(run: CliRunner, store: Path, tmp_path: Path) -> None:
    """Folders and files that a command writes are closed to other accounts, whatever the shell's umask says."""
    former = os.umask(0o022)
    try:
        run.invoke(app, ["ingest", str(store.parent / "one.hl7"), "--feed", "default", "--data", str(tmp_path / "s")])
        run.invoke(app, ["convert", str(store.parent / "one.hl7"), "--out", str(tmp_path / "o")])
    finally:
        os.umask(former)
    written = [tmp_path / "s", *(tmp_path / "s").rglob("*"), *(tmp_path / "o").rglob("*")]
    assert len(written) > 3
    assert [str(path) for path in written if path.stat().st_mode & 0o077] == []


def test_status_verify_backup_and_restore(run: CliRunner, store: Path, tmp_path: Path) -> None:
    """The figures, a sound store, a copy that comes back with the same figures, and not over something else."""
    data = ["--data", str(store)]
    before = json.loads(run.invoke(app, ["status", "--json", *data]).stdout)
    assert (before["messages_in"], before["persons"], before["dead_letters"]) == (2, 1, 1)
    assert "1 dead letter" in run.invoke(app, ["status", *data]).stdout
    assert run.invoke(app, ["verify", *data]).exit_code == 0
    assert run.invoke(app, ["backup", str(tmp_path / "copy"), *data]).exit_code == 0
    assert run.invoke(app, ["backup", str(tmp_path / "copy"), *data]).exit_code == 3
    back = ["--data", str(tmp_path / "back")]
    assert run.invoke(app, ["restore", str(tmp_path / "copy"), *back]).exit_code == 0
    after = json.loads(run.invoke(app, ["status", "--json", *back]).stdout)
    assert after["resources"] == before["resources"]
    assert run.invoke(app, ["restore", str(tmp_path / "copy"), *back]).exit_code == 1


def test_replay_shows_and_runs(run: CliRunner, store: Path) -> None:
    """A dry run changes nothing and says so; a replay of a dead letter that stays one is status 1."""
    data = ["--data", str(store)]
    done = json.loads(run.invoke(app, ["messages", "C1", "--json", *data]).stdout)[0]["id"]
    dry = json.loads(run.invoke(app, ["replay", done, "--dry-run", "--json", *data]).stdout)
    assert dry[0]["failed"] is False
    assert [change for change in dry[0]["changes"] if change["kind"] == "changed"] == []
    again = run.invoke(app, ["replay", done, "--reason", "maps changed", "--json", *data])
    assert (again.exit_code, json.loads(again.stdout)["states"]) == (0, {"done": 1})
    dead = run.invoke(app, ["replay", "--state", "dead", "--reason", "try again", *data])
    assert dead.exit_code == 1


def test_users_and_tokens(run: CliRunner, tmp_path: Path) -> None:
    """A user gets a one-time link or a password; a token is printed once; both can be ended."""
    data = ["--data", str(tmp_path)]
    added = run.invoke(app, ["user", "add", "ann", "--role", "clinician", "--role", "steward", *data])
    assert added.exit_code == 0
    assert "http://127.0.0.1:8080/sign-in/" in added.stdout
    assert run.invoke(app, ["user", "add", "ann", "--role", "admin", *data]).exit_code == 1
    secret = "a good long password"
    assert (
        run.invoke(app, ["user", "add", "bo", "--role", "admin", "--password-stdin", *data], input=secret).exit_code
        == 0
    )
    assert (
        run.invoke(app, ["user", "add", "cy", "--role", "admin", "--password-stdin", *data], input="no").exit_code == 2
    )
    assert "/sign-in/" in run.invoke(app, ["user", "link", "bo", *data]).stdout
    assert run.invoke(app, ["user", "disable", "bo", *data]).exit_code == 0
    users = json.loads(run.invoke(app, ["user", "list", "--json", *data]).stdout)
    assert [(u["name"], u["disabled"]) for u in users] == [("ann", False), ("bo", True)]
    assert secret not in run.invoke(app, ["user", "list", *data]).stdout
    token = run.invoke(app, ["token", "add", "lab", "--scope", "ingest", "--days", "30", *data]).stdout.strip()
    assert len(token) > 30
    assert token not in run.invoke(app, ["token", "list", "--json", *data]).stdout
    assert run.invoke(app, ["token", "revoke", "lab", *data]).exit_code == 0
    assert "revoked" in run.invoke(app, ["token", "list", *data]).stdout


def test_two_nodes_cannot_have_one_store(run: CliRunner, store: Path) -> None:
    """While a node runs, commands that would need its queue end with 3 and say whose it is; reading goes on."""
    with holding(store):
        result = run.invoke(app, ["ingest", str(store.parent / "one.hl7"), "--feed", "default", "--data", str(store)])
        assert result.exit_code == 3
        assert str(os.getpid()) in result.output
        assert run.invoke(app, ["status", "--data", str(store)]).exit_code == 0


def test_send_to_nobody_says_so(run: CliRunner, store: Path) -> None:
    """A receiver that is not there is status 1 with the reason."""
    result = run.invoke(app, ["send", str(store.parent / "one.hl7"), "--port", "9", "--timeout", "2"])
    assert result.exit_code == 1
    assert "0 of 1 message accepted" in result.output


def test_config_check(run: CliRunner, tmp_path: Path) -> None:
    """Every error with its line, status 2; a good file is said to be good."""
    file = tmp_path / "u.toml"
    file.write_text('port = "x"\n[feeds.lab]\nformat = "hl8"\n')
    result = run.invoke(app, ["config", "check", str(file)])
    assert result.exit_code == 2
    assert f"{file}:1" in result.output
    assert f"{file}:3" in result.output
    file.write_text('port = 8081\n[feeds.lab]\nformat = "hl7v2"\n')
    assert run.invoke(app, ["config", "check", str(file)]).exit_code == 0


def test_a_bundle_becomes_a_document_and_messages(run: CliRunner, tmp_path: Path) -> None:
    """A bad input is told and does not stop the others."""
    source = tmp_path / "in" / "one.json"
    source.parent.mkdir()
    source.write_text('{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "id": "p"}}]}')
    (source.parent / "odd.json").write_text("no JSON")
    out = tmp_path / "out"
    result = run.invoke(app, ["convert", str(source), "--out", str(out), "--to", "ccda"])
    assert result.exit_code == 0, result.output
    assert b"<ClinicalDocument" in (out / "one.xml").read_bytes()
    both = run.invoke(app, ["convert", str(source.parent), "--out", str(out), "--to", "hl7v2", "--json"])
    assert both.exit_code == 1
    assert (out / "one.hl7").read_bytes().startswith(b"MSH|")
    assert [name for name, _ in json.loads(both.stdout)["failed"]] == ["odd.json"]
    for wrong in (["--to", "x12"], ["--to", "ccda", "--format", "hl7v2"]):
        refused = run.invoke(app, ["convert", str(source), "--out", str(out), *wrong])
        assert refused.exit_code == 2, refused.output


def test_a_stored_person_becomes_a_document(run: CliRunner, tmp_path: Path) -> None:
    """By the id of its Patient; wrong options are refused."""
    source = tmp_path / "one.json"
    source.write_text('{"resourceType": "Patient", "id": "p", "name": [{"family": "Weber"}]}')
    data = str(tmp_path / "data")
    assert run.invoke(app, ["import", str(source), "--data", data]).exit_code == 0
    out = tmp_path / "out"
    common = ["export", "--out", str(out), "--data", data]
    result = run.invoke(app, [*common, "--person", "p", "--to", "ccda"])
    assert result.exit_code == 0, result.output
    assert b"Weber" in (out / "p.xml").read_bytes()
    assert run.invoke(app, [*common, "--person", "nobody", "--to", "ccda"]).exit_code == 1
    assert run.invoke(app, [*common, "--person", "p"]).exit_code == 2
    assert run.invoke(app, [*common, "--to", "hl7v2"]).exit_code == 2
