"""Which predicate holds for whom: by the name of the client token, else the general one of the settings."""

from unsilo.config import Settings
from unsilo.policy import Predicate, predicate_of

__all__ = ["Policies"]


class Policies:
    """The predicates of the settings, made once: the store keeps what it prepared by the very object."""

    def __init__(self, settings: Settings) -> None:
        tables = getattr(settings, "policies", {})
        named = {name: predicate_of(table) for name, table in tables.items()}
        self._named = {prefix + name: held for name, held in named.items() for prefix in ("", "client:")}
        self._general = named.get("*", Predicate())

    def of(self, actor: str) -> Predicate:
        """Return the predicate of `client:NAME`, or of whoever has no token."""
        return self._named.get(actor, self._general)
