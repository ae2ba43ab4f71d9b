"""Gives the tests of this folder the made-up person of `record.py`."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def record() -> ModuleType:
    """Return the module that builds the person."""
    spec = importlib.util.spec_from_file_location("unsilo_test_record", Path(__file__).parent / "record.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
