"""Published overlays, profiles and alarms in a database, by the tests of the store in files."""

from tests.integration.postgres.borrowed import borrow

borrow(globals(), "tests/unit/storage/test_workbench.py", ["test_a_published_version_cannot_be_changed"])
