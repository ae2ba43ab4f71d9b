"""Commands on messages: `ingest`, `send`, `messages`, `replay`."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from unsilo.cli.node import ConfigOption, DataOption, JsonOption, needs_store, node, settings_of, store_of, trace, who
from unsilo.cli.output import (
    FAILED,
    NOT_NOW,
    OK,
    WRONG,
    fail,
    human,
    issues,
    nothing_in,
    placed,
    progress,
    say,
    say_json,
    several,
    table,
)
from unsilo.cli.paths import needs_paths

if TYPE_CHECKING:
    from ssl import SSLContext

    from unsilo.storage import MessageRow, Store

__all__ = ["ingest", "messages", "replay", "send"]

_WAIT = 600.0
_MOST_REPLAYED = 100_000
_STATES = ("done", "queued", "held", "dead", "aside", "test", "rejected", "batch")
_KINDS = ("control_id", "type", "sender", "receiver", "patient", "name", "birth_date", "order", "accession", "visit")
"""The states of messages and the kinds of their business keys, as the journal has them."""
InputArgument = Annotated[list[Path], typer.Argument(metavar="INPUT", help="Files and folders.")]


def _files(inputs: list[Path]) -> list[Path]:
    from unsilo.flow.convert.inputs import inputs as listed

    needs_paths(inputs)
    files = [file for file, _name in listed(inputs)]
    nothing_in(inputs, files)
    return files


def ingest(
    inputs: InputArgument,
    feed: Annotated[str, typer.Option("--feed", metavar="NAME", help="Feed that the files belong to.")],
    data: DataOption = None,
    config: ConfigOption = None,
    url: Annotated[str, typer.Option("--url", help="Address of a running node to send to instead.")] = "",
    token: Annotated[str, typer.Option("--token", envvar="UNSILO_TOKEN", help="Client token for --url.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Take files into the journal of a feed and wait until they are processed.

    The same bytes again have no second effect. Exit status 1 when one became a dead letter.
    """
    files = _files(inputs)
    states: Counter[str] = Counter()
    if url:
        _ingest_remote(files, feed, url, token, states, quiet=as_json)
    else:
        settings = settings_of(config, data)
        known = settings.feeds.get(feed)
        if known is None:
            fail(WRONG, f"there is no feed {feed}", f"configured: {', '.join(sorted(settings.feeds))}")
        with node(settings, working=True) as service, progress(len(files), "ingest", quiet=as_json) as shown:
            for file in files:
                receipts = service.take(known, file.read_bytes(), {"transport": "cli", "file": file.name}).result(_WAIT)
                for receipt in receipts[1:] or receipts:
                    if receipt.duplicate:
                        states["resent"] += 1
                        continue
                    ending = service.ending(receipt).result(_WAIT)
                    states[ending.state] += 1
                    if ending.state != "done" and not as_json:
                        issues(placed(str(file), [i for i in ending.issues if i.severity in ("error", "fatal")]))
                if shown is not None:
                    shown.advance(shown.task_ids[0])
    _told(len(files), states, as_json)


def _ingest_remote(files: list[Path], feed: str, url: str, token: str, states: Counter[str], *, quiet: bool) -> None:
    from unsilo.client import Client, ClientError

    try:
        client = Client(url, token)
    except ClientError as fault:
        fail(WRONG, str(fault), "for example http://127.0.0.1:8080")
    with client, progress(len(files), "ingest", quiet=quiet) as shown:
        for file in files:
            try:
                answer = client.ingest(feed, file.read_bytes(), wait=True)
                states["resent" if answer.get("duplicate") else str(answer.get("state"))] += 1
            except ClientError as fault:
                if fault.status in (0, 401, 403, 404, 503):
                    fail(NOT_NOW, str(fault))
                sys.stderr.write(f"error: {file}: {fault}\n")
                states["dead"] += 1
            if shown is not None:
                shown.advance(shown.task_ids[0])


def _told(files: int, states: Counter[str], as_json: bool) -> None:
    if as_json:
        say_json({"files": files, "messages": dict(states)})
    else:
        counted = ", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "no messages"
        say(f"{files} file{'s' * (files != 1)}: {counted}")
    bad = any(states[state] for state in ("dead", "held", "rejected"))
    raise SystemExit(FAILED if bad else OK)


def send(
    inputs: InputArgument,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="TCP port of the receiver.")],
    host: Annotated[str, typer.Option("--host", help="Address of the receiver.")] = "127.0.0.1",
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to wait for an acknowledgement.")] = 10.0,
    tls: Annotated[bool, typer.Option("--tls", help="Speak TLS, and check the receiver's certificate.")] = False,
    ca: Annotated[Path | None, typer.Option("--ca", help="Certificate that signed the receiver's (PEM).")] = None,
    certificate: Annotated[Path | None, typer.Option("--certificate", help="Own certificate and key (PEM).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Send HL7 v2 files by MLLP and check that each acknowledgement is for its message and accepts it.

    Batch files are sent message by message. Exit status 1 when one was not accepted.
    """
    from unsilo.flow.send import Sender, send_all

    context = _tls(ca, certificate) if tls or ca or certificate else None
    files = _files(inputs)
    codes: Counter[str] = Counter()
    good = 0
    longest = 0.0
    with Sender(host, port, timeout=timeout, tls=context) as sender, progress(None, "send", quiet=as_json) as shown:
        for answer in send_all(sender, _contents(files)):
            codes[answer.code or "none"] += 1
            good += answer.accepted
            longest = max(longest, answer.seconds)
            if not answer.accepted and not as_json:
                sys.stderr.write(f"{answer.control_id or '(no control id)'}: {answer.code or 'no answer'}\n")
                issues(answer.issues)
            if shown is not None:
                shown.advance(shown.task_ids[0])
    total = sum(codes.values())
    if as_json:
        say_json({"messages": total, "accepted": good, "codes": dict(codes), "longest_seconds": round(longest, 4)})
    else:
        counted = ", ".join(f"{n} {code}" for code, n in sorted(codes.items()))
        say(
            f"{good} of {several(total, 'message')} accepted ({counted or 'nothing sent'}); "
            f"longest wait {longest * 1000:.0f} ms"
        )
    raise SystemExit(OK if good == total else FAILED)


def _tls(ca: Path | None, certificate: Path | None) -> "SSLContext":
    """Return how TLS is spoken; exits with 2 when a file of it is missing or none of PEM."""
    import ssl

    from unsilo.config.trust import trusting

    at = ca
    try:
        context = trusting(ssl.create_default_context(cafile=str(ca) if ca else None))
        at = certificate
        if certificate:
            context.load_cert_chain(certificate)
    except OSError as fault:  # SSLError is one, whose strerror is its text
        fail(WRONG, f"{at} cannot be used: {fault.strerror or fault}", "a PEM file is needed")
    return context


def _contents(files: list[Path]) -> Iterator[bytes]:
    for file in files:
        yield file.read_bytes()


def messages(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Start of any business key: control id, patient id, "
                                        "name, order, accession, visit; or a message id.")] = "",
    kind: Annotated[str, typer.Option("--kind", help=f"Only this kind of key: {', '.join(_KINDS)}.")] = "",
    feed: Annotated[str, typer.Option("--feed", help="Only this feed.")] = "",
    state: Annotated[str, typer.Option("--state", help=", ".join(_STATES) + ".")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Rows at most.")] = 20,
    raw: Annotated[bool, typer.Option("--raw", help="Write the bytes of the one message found.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Search the journal, newest first. Exit status 1 when nothing is found."""
    if state and state not in _STATES:
        fail(WRONG, f"there is no state {state}", ", ".join(_STATES))
    if kind and kind not in _KINDS:
        fail(WRONG, f"there is no kind of key {kind}", ", ".join(_KINDS))
    if kind and not text:
        fail(WRONG, f"a {kind.replace('_', ' ')} to look for is needed with --kind")
    with store_of(settings_of(config, data)) as store:
        rows = store.search_messages(text, kind=kind, value=text if kind else "", feed=feed, state=state, limit=limit)
        if raw:
            if len(rows) != 1:
                fail(FAILED, f"{len(rows)} messages found, one is needed for --raw")
            content = store.content(rows[0].id)
            if content is None:
                fail(FAILED, "its bytes were removed by retention")
            trace(store, "download message", f"message {rows[0].id}", rows[0].mid)
            sys.stdout.buffer.write(content)
            return
        trace(store, "search messages", f"{len(rows)} message{'s' * (len(rows) != 1)} found")
        for row in rows if as_json or len(rows) == 1 else ():
            # What the processing said comes after what receipt said.
            outcome = store.outcome(row.mid)
            row.issues += [issue for issue in outcome.issues if issue not in row.issues] if outcome is not None else []
    if as_json:
        say_json(rows)
    elif rows:
        table(("received", "feed", "type", "control id", "state", "size", "id"), [_row(row) for row in rows])
        if len(rows) == 1:
            issues(rows[0].issues)
    else:
        say("no message found")
    raise SystemExit(OK if rows else FAILED)


def _row(row: "MessageRow") -> tuple[str, ...]:
    from unsilo.kernel import clock

    return (
        clock.instant(row.received), row.feed, row.type or "-",
        (row.control_id or "-") + (" (used before)" if row.reused_control_id else ""), row.state, human(row.size),
        row.id,
    )  # fmt: skip


def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Message ids.")] = None,
    cause: Annotated[str, typer.Option("--cause", help="All dead letters of this cause.")] = "",
    feed: Annotated[str, typer.Option("--feed", help="With --state: all of this feed.")] = "",
    state: Annotated[str, typer.Option("--state", help="All messages in this state, such as dead.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the audit trail.")] = "",
    dry: Annotated[bool, typer.Option("--dry-run", help="Show what would change, element by element.")] = False,
    rate: Annotated[float, typer.Option("--rate", min=0.1, help="Messages a second at most.")] = 50.0,
    url: Annotated[str, typer.Option("--url", help="Address of a running node that shall do it.")] = "",
    token: Annotated[str, typer.Option("--token", envvar="UNSILO_TOKEN", help="Client token for --url.")] = "",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Process messages again, with the maps as they are now; the originals never change.

    While a node runs on the store, give its address with --url. Exit status 1 when one of them is a dead letter
    afterwards.
    """
    if state and state not in _STATES:
        fail(WRONG, f"there is no state {state}", ", ".join(_STATES))
    if not (ids or cause or state):
        fail(WRONG, "say which messages: ids, --cause or --state")
    if not (dry or reason.strip()):
        fail(WRONG, "say why with --reason, or use --dry-run")
    if url:
        if dry:
            fail(WRONG, "a dry run needs no --url", "it can be done while the node runs")
        _replay_remote(url, token, list(ids or []), cause, feed, state, reason, rate, as_json)
    settings = needs_store(settings_of(config, data))
    with node(settings, working=not dry) as service:
        store = service.store
        wanted = _wanted(store, list(ids or []), cause, feed, state)
        if dry:
            for id_ in wanted:
                trace(store, "dry run", f"message {id_}")
            _show_changes(service, wanted, as_json)
            return
        from unsilo.flow import replay as replaying

        run = replaying.run(service, wanted, who(), reason, rate=rate)
        with progress(len(wanted), "replay", quiet=as_json) as shown:
            try:
                while run.running:
                    run.join(0.1)
                    if shown is not None:
                        shown.update(shown.task_ids[0], completed=run.sent)
            except KeyboardInterrupt:
                run.stop()
                run.join()
        _settle(service)
        ends = Counter(row.state for id_ in wanted[: run.sent] if (row := store.message(id_)) is not None)
    _replayed(run.sent, run.missing, ends, as_json)


def _wanted(store: "Store", ids: list[str], cause: str, feed: str, state: str) -> list[str]:
    """Return the messages that are named and those that are meant, the oldest first; exits with 2 when one is not."""
    if cause or state:
        found = store.search_messages(
            feed=feed, state=state or ("dead" if cause else ""), cause=cause, limit=_MOST_REPLAYED
        )
        ids += [row.id for row in reversed(found)]
    unknown = next((id_ for id_ in ids if store.message(id_) is None), None)
    if unknown is not None:
        fail(WRONG, f"there is no message {unknown}", "unsilo messages finds them")
    return ids


def _replayed(sent: int, missing: list[str], ends: Counter[str], as_json: bool) -> NoReturn:
    if as_json:
        say_json({"replayed": sent, "not_possible": missing, "states": dict(ends)})
    else:
        counted = ", ".join(f"{n} {name}" for name, n in sorted(ends.items()))
        say(f"{several(sent, 'message')} replayed: {counted or 'none'}")
    raise SystemExit(FAILED if ends["dead"] or missing else OK)


def _replay_remote(
    url: str, token: str, ids: list[str], cause: str, feed: str, state: str, reason: str, rate: float, as_json: bool
) -> NoReturn:
    """Let a running node replay, and follow it to its end."""
    import time

    from unsilo.client import Client, ClientError

    try:
        with Client(url, token) as client:
            told = client.replay(reason, ids=ids, cause=cause, feed=feed, state=state, rate=rate)
            until = time.monotonic() + _WAIT
            with progress(int(told["messages"]), "replay", quiet=as_json) as shown:
                try:
                    while told["running"] or ("queued" in told["states"] and time.monotonic() < until):
                        time.sleep(0.1)
                        told = client.replayed(told["id"])
                        if told["running"]:
                            until = time.monotonic() + _WAIT
                        if shown is not None:
                            shown.update(shown.task_ids[0], completed=told["sent"])
                except KeyboardInterrupt:
                    told = client.replayed(told["id"], stop=True)
    except ClientError as fault:
        fail(WRONG if fault.status in (400, 404) else NOT_NOW, str(fault))
    _replayed(int(told["sent"]), list(told["notPossible"]), Counter(told["states"]), as_json)


def _settle(service: object) -> None:
    """Wait until the dispatcher has nothing left to do."""
    import time

    until = time.monotonic() + _WAIT
    while not service.dispatcher.idle and time.monotonic() < until:  # type: ignore[attr-defined]
        time.sleep(0.02)


def _show_changes(service: object, ids: list[str], as_json: bool) -> None:
    from unsilo.flow import replay as replaying

    runs = [run for id_ in ids if (run := replaying.dry_run(service, id_)) is not None]  # type: ignore[arg-type]
    if as_json:
        say_json(runs)
    for run in runs if not as_json else []:
        what = "would be a dead letter" if run.failed else f"{several(len(run.changes), 'resource')} change"
        say(f"message {run.message}: {what}")
        for change in run.changes:
            say(f"  {change.resource}: {change.kind}")
            for element in change.elements:
                say(f"    {element.path}: {element.old or '(nothing)'} -> {element.new or '(nothing)'}")
    raise SystemExit(FAILED if any(run.failed for run in runs) else OK)
