"""SQLite: journal, resources, versions, indexes, links, outbox, queue, audit, migrations; all SQL lives here."""
