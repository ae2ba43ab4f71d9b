"""The node's figures: how each feed is said to be."""

from pathlib import Path
from typing import cast

import pytest

from unsilo.config import Feed, Settings
from unsilo.flow.status import feed_statuses
from unsilo.kernel import clock
from unsilo.storage import FeedFigures, Store

SECOND = 1_000_000


class Figures:
    """The part of a store that the statuses read."""

    def __init__(self, *figures: FeedFigures) -> None:
        self.figures = list(figures)

    def feeds(self) -> list[FeedFigures]:
        """Return the figures as given."""
        return self.figures

    def shape_alarm_counts(self) -> dict[str, int]:
        """Return open alarms by feed."""
        return {"lab": 2}


def figure(name: str, seconds_ago: int, dead: int = 0) -> FeedFigures:
    """Figures of a feed whose last message came so many seconds ago."""
    states = {"done": 3, "dead": dead} if dead else {"done": 3}
    return FeedFigures(name, clock.now() - seconds_ago * SECOND, 3 + dead, 900, 3, states, 0, [], (1, 2, 3))


def state_of(feed: Feed, *figures: FeedFigures) -> tuple[str, str]:
    """Return state and reason of one configured feed."""
    settings = Settings(data=Path("unused"), feeds={feed.name: feed})
    found = feed_statuses(cast(Store, Figures(*figures)), settings)
    return found[0].state, found[0].why


def test_a_feed_silent_beyond_its_rhythm_is_said() -> None:
    """Silence is an alarm only beyond the feed's own rhythm, and it outranks dead letters."""
    feed = Feed("lab", rhythm_seconds=600)
    assert state_of(feed, figure("lab", 60))[0] == "alive"
    assert feed_statuses(cast(Store, Figures()), Settings(data=Path("unused"), feeds={"lab": feed}))[0].alarms == 2
    state, why = state_of(feed, figure("lab", 3600, dead=2))
    assert state == "silent"
    assert "600 are normal" in why
    assert state_of(Feed("lab"), figure("lab", 3600))[0] == "alive"


def test_a_feed_that_never_spoke_is_no_alarm() -> None:
    """A configured feed without any message says so."""
    assert state_of(Feed("lab", rhythm_seconds=600)) == ("never", "nothing has been received yet")


@pytest.mark.parametrize(("dead", "words"), [(1, "1 dead letter waits"), (7, "7 dead letters wait")])
def test_dead_letters_show(dead: int, words: str) -> None:
    """Dead letters are counted in the reason."""
    assert state_of(Feed("lab"), figure("lab", 1, dead)) == ("errors", words)


def test_a_feed_that_is_no_longer_configured_still_stands_in_the_list() -> None:
    """What a removed feed once received stays visible."""
    settings = Settings(data=Path("unused"), feeds={"adt": Feed("adt")})
    found = feed_statuses(cast(Store, Figures(figure("old", 1))), settings)
    assert [(f.name, f.state) for f in found] == [("adt", "never"), ("old", "stopped")]


def test_a_feed_whose_map_cannot_be_compiled_is_stopped_with_the_reason() -> None:
    """A broken overlay stops its feed and says why."""
    settings = Settings(data=Path("unused"), feeds={"adt": Feed("adt")})
    found = feed_statuses(cast(Store, Figures(figure("adt", 1))), settings, {"adt": "row pid.99 is unknown"})
    assert found[0].state == "stopped"
    assert "pid.99" in found[0].why
