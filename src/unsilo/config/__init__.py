"""The typed settings and where they come from: TOML file, UNSILO_* environment, secret files."""

from unsilo.config.load import load
from unsilo.config.settings import (
    FORMATS,
    Bulk,
    Feed,
    Fhir,
    Http,
    Listener,
    Maps,
    Notes,
    Route,
    SearchBounds,
    Settings,
    Tls,
    Validation,
    default_feeds,
)  # fmt: skip

__all__ = [
    "FORMATS", "Bulk", "Feed", "Fhir", "Http", "Listener", "Maps", "Notes", "Route", "SearchBounds", "Settings", "Tls",
    "Validation",
    "default_feeds", "load",
]  # fmt: skip
