"""What Django logs by itself says nothing of what a caller wrote."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from portazgo.kit.logs import configure_logs

SECRET = "NotARealPassword-Canary-7f3a9c"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """A log of this test's own; the process's own is put back."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    configure_logs("json", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_refusal_leaves_no_second_line(log: io.StringIO) -> None:
    logging.getLogger("django.request").warning("%s: %s", "Not Found", f"/{SECRET}", extra={"request": f"/{SECRET}"})
    assert lines(log) == []


def test_a_failure_leaves_its_traceback_without_the_url(log: io.StringIO) -> None:
    failed: dict[str, Any] = {"status_code": 500, "request": f"<WSGIRequest: GET '/x?q={SECRET}'>"}
    problem = ZeroDivisionError("by nothing")
    logging.getLogger("django.request").error("%s: %s", "Error", f"/{SECRET}", extra=failed, exc_info=problem)
    (line,) = lines(log)
    assert (line["message"], line["status_code"], "ZeroDivisionError" in line["exception"]) == (
        "a request failed",
        500,
        True,
    )
    assert SECRET not in str(line)


def test_a_host_that_is_none_is_not_repeated(log: io.StringIO) -> None:
    said = f"Invalid HTTP_HOST header: {SECRET!r}"
    logging.getLogger("django.security.DisallowedHost").error(said, exc_info=ValueError(said))
    (line,) = lines(log)
    assert line["message"] == "a request was refused: DisallowedHost"
    assert SECRET not in str(line)


def test_lines_of_others_are_as_they_were(log: io.StringIO) -> None:
    logging.getLogger("portazgo.example").warning("%s of %s", 1, 2, extra={"request": "members stay"})
    (line,) = lines(log)
    assert (line["message"], line["request"]) == ("1 of 2", "members stay")
