"""Logs are JSON lines that name class and place of a fault, never its words."""

import json
import logging
import sys

from unsilo.app import _JsonLines


def test_a_fault_is_logged_without_its_text() -> None:
    """An exception's message may hold a patient's data: only class, file and line are written."""
    try:
        raise ValueError("Jane Roe 19700101")
    except ValueError:
        record = logging.LogRecord("unsilo", logging.ERROR, __file__, 1, "a request failed", None, sys.exc_info())
    record.feed = "adt"
    line = json.loads(_JsonLines().format(record))
    assert (line["level"], line["text"], line["feed"]) == ("error", "a request failed", "adt")
    assert line["fault"].startswith("ValueError ")
    assert "Roe" not in json.dumps(line)


def test_a_line_says_nothing_twice() -> None:
    """What the web server says again with colours for terminals stays out of the lines."""
    record = logging.LogRecord("uvicorn.error", logging.INFO, __file__, 1, "Started", (), None)
    record.color_message = "\x1b[36mStarted\x1b[0m"
    assert json.loads(_JsonLines().format(record)).keys() == {"at", "level", "logger", "text"}
