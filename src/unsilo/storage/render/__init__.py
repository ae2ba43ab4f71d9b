"""Plans of searches to SQL, for SQLite and PostgreSQL: the one place where statements are put together at run time."""

from unsilo.storage.render.dialect import SQLITE, Dialect, Sql
from unsilo.storage.render.postgres import POSTGRES
from unsilo.storage.render.sight import Opened, Sight

__all__ = ["POSTGRES", "SQLITE", "Dialect", "Opened", "Sight", "Sql"]
