"""What becomes of a message after an attempt to deliver it: sent, to be tried again later, or set aside."""

from typing import Literal

import msgspec

from unsilo.config.exchange import Destination
from unsilo.flow.send import Answer
from unsilo.storage.deliveries import NextDelivery

__all__ = ["Verdict", "judge", "pause"]

_HOUR = 3_600_000_000


class Verdict(msgspec.Struct, frozen=True):
    """`state` is `sent`, `dead` or `waiting` (then with the figures of the row and when it is due)."""

    state: Literal["sent", "dead", "waiting"]
    said: str
    attempts: int = 0
    refused: int = 0
    first: int = 0
    due: int = 0


def pause(destination: Destination, failures: int) -> float:
    """Return the seconds to wait after so many failures in a row: doubling, bounded."""
    doubled = destination.retry_seconds * 2.0 ** min(failures - 1, 30)
    return float(min(destination.longest_seconds, doubled))


def judge(destination: Destination, held: NextDelivery, answer: Answer, now: int) -> Verdict:
    """Say how an attempt ended; `now` is microseconds since 1970.

    A refusal (AE, AR, CE, CR) counts towards `attempts`; silence counts towards `give_up_hours`, for a receiver that
    is down must not cost messages.
    """
    if answer.accepted:
        return Verdict("sent", answer.code)
    words = "; ".join(issue.text for issue in answer.issues) or "refused"
    said = f"{answer.code} {words}".strip()
    refused = held.refused + (1 if answer.code else 0)
    first = held.first or now
    if refused >= destination.attempts:
        return Verdict("dead", said)
    if not answer.code and destination.give_up_hours and now - first > destination.give_up_hours * _HOUR:
        return Verdict("dead", f"no answer for {destination.give_up_hours} hours; {said}")
    attempts = held.attempts + 1
    return Verdict("waiting", said, attempts, refused, first, now + int(pause(destination, attempts) * 1e6))
