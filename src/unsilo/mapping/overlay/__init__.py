"""A site's overlay in TOML, YAML or CSV: rows to drop, replace and add, coding systems, and where each stands."""

from unsilo.mapping.overlay.content import Overlay
from unsilo.mapping.overlay.reading import FORMS, form_of, read_overlay

__all__ = ["FORMS", "Overlay", "form_of", "read_overlay"]
