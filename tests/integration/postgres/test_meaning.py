"""The tests of SQLite's store, run on PostgreSQL: two stores, one meaning."""

from importlib import import_module
from inspect import signature

from tests.unit.storage.conftest import piece, put, receive  # noqa: F401 # fixtures
from tests.unit.storage.test_sheet import expected  # noqa: F401 # a fixture

_MODULES = ("accounts", "audit", "messages", "people", "receive", "resources", "retention", "sheet")

_APART = {
    "test_no_secret_is_in_the_files": "test_store.test_no_secret_is_in_the_tables",
    "test_the_audit_trail_only_grows": "test_store.test_the_audit_trail_only_grows",
    "test_rows_are_gathered_by_person_a_run_at_a_time": "test_meaning.test_audit_rows_of_readings_name_their_persons",
    "test_packed_bodies_are_read_after_opening": "test_meaning.test_sheet_bodies_that_come_packed",
    "test_a_failed_job_leaves_no_version_and_no_stub": "test_store.test_a_failed_job_leaves_no_row",
}
"""Tests that ask SQLite's files, with what asks the same here."""

for _name in _MODULES:
    _module = import_module(f"tests.unit.storage.test_{_name}")
    for _test, _function in list(vars(_module).items()):
        if _test.startswith("test_") and "store" in signature(_function).parameters and _test not in _APART:
            globals()[f"test_{_name}_{_test.removeprefix('test_')}"] = _function
