"""What a node checks of resources, and how strictly: the definitions it was given, and the way of each client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from unsilo.config.settings import Validation
from unsilo.kernel import Issue, Json
from unsilo.spec.packages import Package, read_packages
from unsilo.validation import Options, Validator
from unsilo.validation.form import Form, is_of_form
from unsilo.validation.library import validator
from unsilo.validation.run import Terminology

__all__ = ["Judge", "Way"]

Way = Literal["off", "form", "warn", "reject"]
_PREFIXES = ("client:", "feed:")


class Judge:
    """The validator of a node by its settings; it may be asked from any thread."""

    def __init__(self, settings: Validation, terminology: Terminology | None = None) -> None:
        self.settings = settings
        self._profiles = {kind: tuple(urls) for kind, urls in settings.profiles.items()}
        self._terminology = terminology
        self._lock = threading.Lock()
        self._validator: Validator | None = None
        self._form: Form | None = None
        self.packages: list[Package] = []

    def _ready(self) -> Validator:
        """Return the validator; packages are read when it is first needed (PackageError when one cannot be used)."""
        if self._validator is None:
            self.packages = read_packages(Path(self.settings.packages)) if self.settings.packages else []
            self._validator = validator(*self.packages)
        return self._validator

    def fits(self, resource: Json) -> bool:
        """Tell whether a resource has the form of its type, whatever it holds."""
        with self._lock:
            if self._form is None:
                self._form = Form(self._ready().shapes)
            return self._form.fits(resource)

    def issues(
        self,
        resource: Json,
        profiles: Sequence[str] = (),
        *,
        resolve: Callable[[str], Json | None] | None = None,
        quote: bool = True,
    ) -> list[Issue]:
        """Return what is wrong with a resource: the base definitions, the profiles that it claims and those given."""
        options = Options(
            profiles=tuple(profiles),
            by_type=self._profiles,
            resolve=resolve,
            terminology=self._terminology,
            quote=quote,
        )
        with self._lock:  # what is made ready of definitions is shared
            return self._ready().validate(resource, options)

    def way(self, actor: str) -> Way:
        """Return how strictly is looked at what a client or feed writes (`client:NAME`, `feed:NAME`)."""
        for prefix in _PREFIXES:
            if actor.startswith(prefix):
                own = self.settings.writers.get(actor.removeprefix(prefix))
                if own is not None:
                    return own
        return self.settings.on_write

    def judged(self, actor: str, resource: Json) -> tuple[list[Issue], bool]:
        """Return what is to be said of a resource that is written, and whether it must be refused."""
        way = self.way(actor)
        if way == "off" or (way == "form" and self.fits(resource)):
            return [], False
        found = [issue for issue in self.issues(resource, quote=False) if issue.severity != "information"]
        if way == "form":
            found = [issue for issue in found if is_of_form(issue)]
            return found, bool(found)
        grave = any(issue.severity in ("error", "fatal") for issue in found)
        return found, grave and way == "reject"
