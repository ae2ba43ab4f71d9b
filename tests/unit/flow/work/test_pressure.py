"""Receipts are many when many came in a short time, and no longer than that."""

from unsilo.flow.work.pressure import MANY, SPAN, Pressure


def test_many_receipts_in_a_short_time_are_a_pressure_until_they_are_over() -> None:
    """The span in which they came must be over, and the one after it has none."""
    pressure = Pressure()
    start = 1000.0
    assert not pressure.stands(start)
    for n in range(MANY):
        pressure.came(start + n * SPAN / MANY)
    assert not pressure.stands(start + SPAN * 0.99)
    assert pressure.stands(start + SPAN)
    assert pressure.stands(start + SPAN * 1.9)
    assert not pressure.stands(start + SPAN * 2.1)


def test_few_receipts_are_none() -> None:
    """One receipt less is not many, and as many over a long time neither."""
    few, slow = Pressure(), Pressure()
    few.came(1000.0)
    slow.came(1000.0)
    for _ in range(MANY - 2):
        few.came(1000.0)
    assert not few.stands(1000.0 + SPAN)
    for n in range(MANY * 3):
        slow.came(1000.0 + n * SPAN / (MANY - 5))
        assert not slow.stands(1000.0 + n * SPAN / (MANY - 5))


def test_a_long_silence_after_many_is_none() -> None:
    """Nobody asked meanwhile, so the span was longer than it should be."""
    pressure = Pressure()
    for _ in range(MANY * 2):
        pressure.came(1000.0)
    assert not pressure.stands(1000.0 + 3 * SPAN)
