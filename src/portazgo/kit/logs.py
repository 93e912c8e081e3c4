"""Logs: one JSON object a line, or a readable line on a terminal. What is logged beside the sentence goes in `extra=`."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

LogFormat = Literal["auto", "json", "pretty"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_DJANGO = ("django.request", "django.security")
_COLOURS = {"DEBUG": "2", "INFO": "36", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


def configure_logs(log_format: LogFormat = "auto", level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send every log of this process to `stream` (stderr) in one format; `auto` is pretty on a terminal, else JSON."""
    target = stream or sys.stderr
    pretty = log_format == "pretty" or (log_format == "auto" and target.isatty())
    coloured = target.isatty() and "NO_COLOR" not in os.environ
    handler = logging.StreamHandler(target)
    handler.addFilter(without_callers_words)
    handler.setFormatter(PrettyFormatter(colours=coloured) if pretty else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # What they say at INFO is one line per connection, or what our own lines say.
    for name in ("urllib3", "waitress.queue", "uvicorn.access", "uvicorn.error"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def without_callers_words(record: logging.LogRecord) -> bool:
    """Take out of Django's own lines what a caller wrote: the whole URL, with its query, and the Host. False: nothing is left.

    How a request went is said by a line of ours; only the traceback of what failed is said here alone.
    """
    if not record.name.startswith(_DJANGO):
        return True
    vars(record).pop("request", None)
    if record.name.startswith("django.security"):
        # The exception says what was sent.
        record.msg, record.args, record.exc_info = "a request was refused: %s", (record.name.rpartition(".")[2],), None
        return True
    record.msg, record.args = "a request failed", ()
    return record.levelno >= logging.ERROR


class JsonFormatter(logging.Formatter):
    """One JSON object: `time`, `level`, `logger`, `message`, the members of `extra`, `exception` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        document = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **extra_members(record),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document, default=str, ensure_ascii=False)


class PrettyFormatter(logging.Formatter):
    """Time, level, sentence, then `name=value` of each member of `extra`."""

    def __init__(self, *, colours: bool) -> None:
        super().__init__()
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        level = f"{record.levelname.lower():8}"
        if self._colours:
            level = f"\033[{_COLOURS.get(record.levelname, '0')}m{level}\033[0m"
        members = " ".join(f"{name}={value}" for name, value in extra_members(record).items())
        line = f"{_moment(record)[11:23]} {level} {record.getMessage()}" + (f"  {members}" if members else "")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def extra_members(record: logging.LogRecord) -> dict[str, Any]:
    """Give what the caller passed as `extra=`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
