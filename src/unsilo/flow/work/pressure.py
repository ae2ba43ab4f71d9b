"""Tells whether messages come so fast that receiving them needs a core for itself."""

__all__ = ["MANY", "SPAN", "Pressure"]

SPAN = 0.25
"""Seconds over which receipts are counted."""
MANY = 25
"""Receipts in so long from which on they are many: a hundred a second."""


class Pressure:
    """Counts receipts; times are of a clock that only goes on, in seconds.

    On two cores a node that receives as fast as it can and one worker have both of them busy: a second worker then
    makes nothing quicker and acknowledgements later. It is of use for what is left when the receipts are over.
    """

    def __init__(self) -> None:
        self._since, self._count, self._many = 0.0, 0, False

    def came(self, now: float) -> None:
        """Count a receipt."""
        self._look(now)
        self._count += 1

    def stands(self, now: float) -> bool:
        """Tell whether receipts were many in the last span that is over."""
        self._look(now)
        return self._many

    def _look(self, now: float) -> None:
        passed = now - self._since
        if passed >= SPAN:
            self._many = self._count >= MANY and passed < 2 * SPAN
            self._since, self._count = now, 0
