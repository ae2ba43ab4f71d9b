"""Former versions, the newest first, page by page: of one resource, of a type, of everything (FHIR R4 3.1.0.10)."""

from typing import Protocol

import msgspec

from unsilo.fhir.dates import range_of
from unsilo.flow.fhir.marks import mark, unmark
from unsilo.kernel import Issue, Json, Where, clock
from unsilo.policy.predicate import Predicate
from unsilo.storage import Stored

__all__ = ["DEFAULT_COUNT", "MOST_COUNT", "Asked", "Reads", "VersionPage", "about", "asked", "page"]

DEFAULT_COUNT, MOST_COUNT = 50, 1000
Before = tuple[int, int, int]
"""Where a page ended: (updated, row, version) of its last version."""


class Reads(Protocol):
    """What is asked of the store; every method takes the predicate first."""

    def read(self, predicate: Predicate, type_: str, id_: str) -> Stored | None:
        """Return the current version of a resource that may be seen."""

    def history(
        self, predicate: Predicate, type_: str | None, id_: str | None, *, since: int = 0,
        at: tuple[int, int] | None = None, before: Before | None = None, limit: int = 50,
    ) -> list[Stored]:  # fmt: skip
        """Return versions, the newest first."""

    def count_history(
        self, predicate: Predicate, type_: str | None, id_: str | None, *, since: int = 0,
        at: tuple[int, int] | None = None,
    ) -> int:  # fmt: skip
        """Return how many versions there are."""


class Asked(msgspec.Struct):
    """The parameters of a history; times in microseconds, `at` half open; `page` is the last version that was seen."""

    since: int = 0
    at: tuple[int, int] | None = None
    count: int = DEFAULT_COUNT
    page: tuple[int, str, int] | None = None
    only_count: bool = False


class VersionPage(msgspec.Struct):
    """Versions of a page, how many there are in all, and the mark of the next page, "" when there is none."""

    rows: list[Stored]
    total: int
    next: str


def asked(pairs: list[tuple[str, str]], key: bytes, scope: str, *, lenient: bool) -> tuple[Asked, list[Issue]]:
    """Read `_since`, `_at`, `_count`, `_summary=count` and the page mark; marks belong to one `scope`."""
    said, issues = Asked(), []
    for name, value in pairs:
        text = ""
        bounds = range_of(value.replace(" ", "+")) if name in ("_since", "_at") else None
        if name == "_since":
            text = "" if bounds is not None else "is not an instant"
            said.since = bounds[0] if bounds is not None else 0
        elif name == "_at":
            text = "" if bounds is not None else "is not a date"
            said.at = bounds
        elif name == "_count":
            if value.isascii() and value.isdigit():
                said.count = min(int(value[:9]), MOST_COUNT)
            else:
                text = "is not a whole number"
        elif name == "_page":
            place = unmark(key, scope, value)
            said.page = None if place is None or len(place) != 3 else (place[0], place[1], place[2])
            text = "" if said.page is not None else "is no page of this history; begin it again"
        elif name == "_summary" and value == "count":
            said.only_count = True
        elif name not in ("_format", "_pretty", "_summary", "_elements", "_sort") and not lenient:
            issues.append(Issue("error", "not-supported", f"{name[:64]}: there is no such parameter here",
                                Where(f"http.{name[:64]}"), rule="history.parameter"))  # fmt: skip
        elif name == "_sort" and value not in ("-_lastUpdated", "none"):
            text = "is served as -_lastUpdated only"
        if text:
            issues.append(Issue("error", "value", f"{name} {text}", Where(f"http.{name}"), rule="history.value"))
    said.only_count = said.only_count or said.count == 0
    return said, issues


def page(
    reads: Reads, predicate: Predicate, type_: str | None, id_: str | None, said: Asked, key: bytes, scope: str
) -> VersionPage:
    """Return one page; a version that came after a newer one is among them, in its own place of time."""
    total = reads.count_history(predicate, type_, id_, since=said.since, at=said.at)
    if said.only_count:
        return VersionPage([], total, "")
    before = None
    if said.page is not None:
        kind, _, name = said.page[1].partition("/")
        last_row = reads.read(predicate, kind, name)
        before = (said.page[0], 0 if last_row is None else last_row.rid, said.page[2])
    rows = reads.history(predicate, type_, id_, since=said.since, at=said.at, before=before, limit=said.count + 1)
    more = len(rows) > said.count
    rows = rows[: said.count]
    last = rows[-1] if more else None
    if last is None:
        return VersionPage(rows, total, "")
    # Row numbers tell of rows that the client may not see, so a link names the resource instead.
    return VersionPage(rows, total, mark(key, scope, (last.updated, f"{last.type}/{last.id}", last.version)))


def about(row: Stored) -> Json:
    """Return `request` and `response` of a version's Bundle entry (FHIR R4 bundle.html#history)."""
    method = "DELETE" if row.state == 1 else "POST" if row.version == 1 else "PUT"
    status = {"DELETE": "204", "POST": "201", "PUT": "200"}[method]
    return {
        "request": {"method": method, "url": row.type if method == "POST" else f"{row.type}/{row.id}"},
        "response": {"status": status, "etag": f'W/"{row.version}"', "lastModified": clock.instant(row.updated)},
    }
