"""What an operator may say about golden records, IHE's queries, and where notifications are sent."""

from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

__all__ = ["Destination", "Golden", "Ihe", "OutTls", "problems"]

_ELEMENTS = (
    "name", "birthDate", "gender", "deceased", "address", "telecom", "identifier", "maritalStatus", "multipleBirth",
    "communication", "contact", "generalPractitioner", "extension",
)  # fmt: skip
"""Elements of a Patient that have a rule of survivorship."""
Problem = tuple[tuple[str, ...], str, str]


class Golden(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which values of a person's records survive where they differ."""

    trust: list[str] = []
    """Feeds whose word counts most, the first before all others; `api` stands for what programs write."""
    rules: dict[str, list[str]] = {}
    """Criteria by element (`birthDate`): of `trusted`, `frequent`, `complete`, `recent`, the first that decides."""


class Ihe(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How IHE's identity transactions are answered."""

    restrict_domains: bool = True
    """A Patient search by `identifier=SYSTEM|` shows identifiers of these systems only (ITI-78), tagged as a part."""
    answer_persons: int = 1000
    """Persons that one demographics query finds at most."""
    pointer_seconds: int = 300
    """How long the rest of an answer that came in parts can be asked for."""


class OutTls(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Transport security towards a receiver: PEM files; `certificate` and `key` show who we are."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
    key_password: str = ""


class Destination(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A system that is told when the identifiers of a person change (PIX update notification, ITI-10)."""

    host: str = "127.0.0.1"
    """Address of the receiver."""
    port: int = 0
    """Its MLLP port."""
    domains: list[str] = []
    """Identifier systems that it wants; empty for all."""
    tls: OutTls | None = None
    """PEM files; without this table nothing is encrypted."""
    application: str = ""
    """MSH-5, the receiving application."""
    facility: str = ""
    """MSH-6, the receiving facility."""
    timeout_seconds: float = 10.0
    """How long an acknowledgement may take."""
    attempts: int = 5
    """Refusals (AE, AR) after which a message is set aside as undeliverable and the next goes."""
    retry_seconds: float = 2.0
    """First pause after a failure; it doubles up to `longest_seconds`."""
    longest_seconds: float = 300.0
    """Longest pause between attempts."""
    give_up_hours: int = 72
    """Hours without any answer after which a message is set aside; 0 for never."""


def problems(
    golden: Golden, ihe: Ihe, destinations: dict[str, Destination], feeds: Collection[str]
) -> Iterator[Problem]:  # fmt: skip
    """Yield what does not fit together, as `check` does: path of the setting, what is wrong, what to do."""
    for at, name in enumerate(golden.trust):
        if name != "api" and name not in feeds:
            yield ("golden", "trust", str(at)), f"there is no feed {name!r}", "a feed's name, or api"
    for element, criteria in golden.rules.items():
        wrong = [word for word in criteria if word not in ("trusted", "frequent", "complete", "recent")]
        if wrong or not criteria:
            text = f"{wrong[0]!r} is no criterion" if wrong else "no criterion"
            yield ("golden", "rules", element), text, "of trusted, frequent, complete, recent"
        if element not in _ELEMENTS:
            yield ("golden", "rules", element), "this element has no rule", "one of " + ", ".join(_ELEMENTS)
    if not 1 <= ihe.answer_persons <= 100_000:
        yield ("ihe", "answer_persons"), f"{ihe.answer_persons} is out of range", "1 to 100000"
    for name, one in destinations.items():
        path = ("destinations", name)
        if not name or not name.isprintable() or len(name) > 64:
            yield path, "not a name for a destination", "1 to 64 printable characters"
        if not 1 <= one.port <= 65535:
            yield (*path, "port"), f"{one.port} is not a port", "1 to 65535"
        for field in ("timeout_seconds", "retry_seconds", "longest_seconds"):
            if getattr(one, field) <= 0:
                yield (*path, field), "more than nothing", ""
        if one.attempts < 1:
            yield (*path, "attempts"), "at least one attempt", ""
        for field in ("ca", "certificate", "key"):
            file = getattr(one.tls, field) if one.tls is not None else ""
            if file and not Path(file).is_file():
                yield (*path, "tls", field), f"there is no file {file}", ""
