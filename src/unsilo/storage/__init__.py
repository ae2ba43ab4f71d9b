"""SQLite: journal, resources, versions, indexes, links, outbox, queue and migrations; all SQL lives here."""

from unsilo.storage.accounts import Accounts, ClientToken, User
from unsilo.storage.backup import backup, restore
from unsilo.storage.faults import (
    Hooks,
    NotDurableError,
    NotOpenedError,
    StaleVersionError,
    StoreDamagedError,
    StoreTooNewError,
)
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
from unsilo.storage.workbench import (
    OverlayVersion,
    ShapeAlarm,
    end_alarm,
    put_alarm,
    put_overlay,
    put_shape,
    read_shape,
)

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
    "NotOpenedError",
    "OutboxRow",
    "Outcome",
    "OverlayVersion",
    "PersonHit",
    "PersonRow",
    "QueueItem",
    "Receipt",
    "ShapeAlarm",
    "Source",
    "StaleVersionError",
    "Store",
    "StoreDamagedError",
    "StoreTooNewError",
    "Stored",
    "Tx",
    "User",
    "backup",
    "drop_day",
    "droppable",
    "end_alarm",
    "is_database",
    "open_store",
    "pack_lineage",
    "pack_unconsumed",
    "put_alarm",
    "put_entry",
    "put_overlay",
    "put_shape",
    "read_entry",
    "read_shape",
    "restore",
    "terms",
    "verify",
]  # fmt: skip
