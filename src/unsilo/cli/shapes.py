"""The commands `map shape`, `map alarms` and `map acknowledge`: what feeds send, and what changed in it."""

from typing import Annotated

import typer

from unsilo.cli.node import ConfigOption, DataOption, JsonOption, settings_of, store_of, who
from unsilo.cli.output import FAILED, OK, issues, say_json, table
from unsilo.cli.overlays import FeedArgument, ReasonOption, app, named_feed

__all__ = ["acknowledge", "alarms", "app", "shape"]


@app.command("alarms")
def alarms(
    feed: Annotated[str, typer.Option("--feed", help="Only of this feed.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Also those that were taken note of.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List alarms about what feeds send: what is new, and what was always sent and is gone."""
    from unsilo.kernel import clock

    with store_of(settings_of(config, data)) as store:
        found = [each for each in store.shape_alarms(feed, 10_000) if every or not each.ended]
    if as_json:
        say_json([each._asdict() for each in found])
        return
    table(
        ("number", "since", "feed", "what", "figures", "message", "noted by"),
        [
            (str(a.n), clock.instant(a.at), a.feed, f"{a.kind}: {a.what}", a.detail, a.message, a.actor or "nobody")
            for a in found
        ],
    )


@app.command("acknowledge")
def acknowledge(
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER", help="Numbers of alarms.")],
    reason: ReasonOption,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Take note of alarms, with who and why."""
    from unsilo.flow.shapes.book import Shapes

    failed = False
    with store_of(settings_of(config, data)) as store:
        for number in numbers:
            done = Shapes(store).acknowledge(number, who(), reason)
            issues(done.issues)
            failed = failed or done.value is None
    raise SystemExit(FAILED if failed else OK)


@app.command("shape")
def shape(
    feed: FeedArgument,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a feed has sent so far: message types, segments, fields, components, codes, and how often."""
    from unsilo.flow.shapes.book import Shapes
    from unsilo.flow.shapes.profile import part_of

    named_feed(feed, config, data)
    with store_of(settings_of(config, data)) as store:
        _, profile = Shapes(store).profile(feed)
    rows = [
        (key, line.count, part_of(profile, line), line.parent, line.gone)
        for key, line in sorted(profile.items())
        if line.parent or key == "message"
    ]
    if as_json:
        say_json([{"what": k, "count": n, "share": s, "of": p, "gone": g} for k, n, s, p, g in rows])
        return
    table(
        ("what", "count", "share", "of", "gone"),
        [(k, f"{n:.0f}", "" if s is None else f"{s:.1%}", p, "gone" if g else "") for k, n, s, p, g in rows],
    )
