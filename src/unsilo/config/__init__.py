"""The typed settings and where they come from: TOML file, UNSILO_* environment, secret files."""

from unsilo.config.load import load
from unsilo.config.settings import FORMATS, Feed, Fhir, Http, Listener, Route, SearchBounds, Settings, Tls, default_feeds

__all__ = ["FORMATS", "Feed", "Fhir", "Http", "Listener", "Route", "SearchBounds", "Settings", "Tls", "default_feeds", "load"]
