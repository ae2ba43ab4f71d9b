"""SQLite: journal, resources, versions, indexes, links, outbox, queue and migrations; all SQL lives here."""

from unsilo.storage.accounts import Accounts, ClientToken, User
from unsilo.storage.backup import backup, restore
from unsilo.storage.faults import Hooks, NotDurableError, StaleVersionError, StoreTooNewError
from unsilo.storage.keys import terms
from unsilo.storage.maps import CodeCount, put_entry, read_entry
from unsilo.storage.opening import NoDriverError, is_database, open_store
from unsilo.storage.packing import pack_lineage, pack_unconsumed
from unsilo.storage.retention import drop_day, droppable
from unsilo.storage.rows import (
    AuditRow,
    DeadGroup,
    FeedFigures,
    Incoming,
    LinkEvent,
    ListMember,
    MessageRow,
    OutboxRow,
    Outcome,
    PersonHit,
    PersonRow,
    QueueItem,
    Receipt,
    Source,
    Stored,
)
from unsilo.storage.store import Counts, Store
from unsilo.storage.tx_work import Tx
from unsilo.storage.verify import verify

__all__ = [
    "Accounts",
    "AuditRow",
    "ClientToken",
    "CodeCount",
    "Counts",
    "DeadGroup",
    "FeedFigures",
    "Hooks",
    "Incoming",
    "LinkEvent",
    "ListMember",
    "MessageRow",
    "NoDriverError",
    "NotDurableError",
    "OutboxRow",
    "Outcome",
    "PersonHit",
    "PersonRow",
    "QueueItem",
    "Receipt",
    "Source",
    "StaleVersionError",
    "Store",
    "StoreTooNewError",
    "Stored",
    "Tx",
    "User",
    "backup",
    "drop_day",
    "droppable",
    "is_database",
    "open_store",
    "pack_lineage",
    "pack_unconsumed",
    "put_entry",
    "read_entry",
    "restore",
    "terms",
    "verify",
]  # fmt: skip
