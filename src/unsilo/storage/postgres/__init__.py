"""The store on PostgreSQL 15 or newer, for many processes at once; needs the extra `postgres`."""

from unsilo.storage.postgres.store import SharedStore, open_database

__all__ = ["SharedStore", "open_database"]
