"""From the store to views: how sure a link is, what is remembered and for how long."""

import gc
from typing import Any

from unsilo.flow.read.load import sureness
from unsilo.flow.read.remembered import Remembered
from unsilo.storage import LinkEvent, Source


def _record(rule: str, actor: str = "feed:north") -> Source:
    return Source("p", 1, rule, "why", 0.0, actor, 0, 0, None)


def test_how_sure_a_link_is_follows_its_weakest_rule() -> None:
    """Same number is certain; same particulars are probable; a person's decision is called one."""
    assert sureness([], []) == "No source record"
    assert sureness([_record("none")], []) == "One source record, nothing to link"
    assert sureness([_record("none"), _record("R1")], []) == "Certain: 2 records, 1 by the same number"
    mixed = sureness([_record("none"), _record("R1"), _record("R2")], [])
    assert mixed == "Probable: 3 records, 1 by the same number and 1 by name, birth date and sex"
    assert "1 by a person's decision" in sureness([_record("none"), _record("manual", "stefan")], [])


def test_a_lone_record_from_which_another_was_unlinked_says_so() -> None:
    """The history of a decision stays in sight."""
    event = LinkEvent(1, "unlink", "q", 2, 1, "manual", "twin", 0.0, "stefan", 0, 0)
    assert sureness([_record("none")], [event]) == "One source record, another was unlinked from it"


def test_records_in_doubt_are_said_and_nothing_that_contradicts_them() -> None:
    """While a pair waits, it is not so that there is nothing to link."""
    assert sureness([_record("none")], [], 1) == "One source record, in review"
    assert sureness([_record("none"), _record("R1")], [], 1) == (
        "Certain: 2 records, 1 by the same number; 1 of them in review"
    )


class _Store:
    """Stands for a store: the memory only asks which one it is."""


def test_memory_is_bounded_and_keeps_what_was_kept_last() -> None:
    """The oldest goes first; a single large value stays, since it was asked for."""
    memory: Remembered[list[int]] = Remembered(10, len)
    store: Any = _Store()
    for name in "abc":
        memory.keep(store, name, [0] * 4)
    assert memory.get(store, "a") is None
    assert memory.get(store, "c") == [0] * 4
    memory.keep(store, "big", [0] * 100)
    assert memory.get(store, "big") is not None
    assert memory.get(store, "c") is None


def test_one_stores_memory_is_never_anothers() -> None:
    """A store that is gone takes its memory along, and a new one begins with none."""
    memory: Remembered[list[int]] = Remembered(10, len)
    first: Any = _Store()
    memory.keep(first, "a", [1])
    second: Any = _Store()
    assert memory.get(second, "a") is None
    del first
    gc.collect()
    assert len(memory._stores) == 0
