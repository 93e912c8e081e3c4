"""The log of what was answered: the truth that tests compare others' records with."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime

from insignia.answering.answer import Environ


class AnswerLog:
    """Appends one JSON line per request, each by a single write so that lines of threads and processes never mix."""

    def __init__(self, path: str) -> None:
        """Open the file for appending, making it (mode 0600) when it is not there."""
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "AnswerLog | None":
        """Return the log named by INSIGNIA_ANSWER_LOG; None when none is wanted."""
        path = environment.get("INSIGNIA_ANSWER_LOG")
        return cls(path) if path else None

    def write(
        self, environ: Environ, *, status: int | None, fault: str | None, body_bytes: int, duration_seconds: float
    ) -> None:
        """Write the line for one request; `status` is None when it was taken but deliberately left unanswered."""
        line = {
            "time": datetime.now(UTC).isoformat(),
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "status": status,
            "x_request_id": environ.get("HTTP_X_REQUEST_ID"),
            "traceparent": environ.get("HTTP_TRACEPARENT"),
            "issuer": environ.get("insignia.issuer"),
            "subject": environ.get("insignia.subject"),
            "bytes": body_bytes,
            "duration_ms": round(duration_seconds * 1000, 3),
            "fault": fault,
        }
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")
