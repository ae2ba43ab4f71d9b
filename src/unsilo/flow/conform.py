"""The check of a feed's resources against FHIR R4, its packages and its profiles; made ready once a process."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from unsilo.config import Feed
from unsilo.kernel import Issue, Json, Where

__all__ = ["Conforming", "conforming"]


class Conforming:
    """The validator of one feed."""

    def __init__(self, validator: Any, options: Any) -> None:
        self._validator, self._options = validator, options

    def judged(self, resources: Sequence[Json], most: int) -> list[Issue]:
        """Return the errors of resources, `most` at most; `where` begins with `Type/id`."""
        found: list[Issue] = []
        for resource in resources:
            name = f"{resource['resourceType']}/{resource.get('id', '')}"
            for issue in self._validator.validate(resource, self._options):
                if issue.severity in ("error", "fatal") and len(found) < most:
                    found.append(msgspec.structs.replace(issue, where=Where(f"{name}: {issue.where.path}")))
        return found


_ready: dict[tuple[str, bytes], Conforming] = {}
_MOST = 16


def conforming(feed: Feed) -> Conforming:
    """Return the check of a feed; PackageError when one of its packages cannot be read."""
    key = (feed.packages, msgspec.json.encode(feed.profiles))
    found = _ready.get(key)
    if found is None:
        if len(_ready) >= _MOST:
            _ready.clear()
        # Megabytes that a process whose feeds ask for no check never needs.
        library, packages = import_module("unsilo.validation.library"), import_module("unsilo.spec.packages")
        options = import_module("unsilo.validation").Options(by_type={k: tuple(v) for k, v in feed.profiles.items()})
        held = packages.read_packages(Path(feed.packages)) if feed.packages else ()
        found = _ready[key] = Conforming(library.validator(*held), options)
    return found
