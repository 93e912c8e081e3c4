"""Has a child carry an order out: gives it what it reads, bounds its time, tells what became of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portazgo.kit.objects.uri import Folder
from portazgo.kit.parent import PARENT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portazgo.settings import Settings

MEMORY_BYTES = 3 * 1024**3
"""Addresses, not pages: what is really in use stays below a third of it (bench/lake.py)."""
MOST_ROWS = 250_000
"""Of a file that is written from segments: a child holds all of them in memory."""
LONGEST_SECONDS = 600.0
SCRATCH = "scratch"
_PREFIX = "lake-"
PROGRAM = "portazgo.lake.child"
# -I: neither the working directory nor variables of the environment choose what code it runs.
COMMAND = (sys.executable, "-I", "-m", PROGRAM)
_STORE_VARIABLES = re.compile(
    r"AWS_.*|BOTO_CONFIG|HOME|(?:HTTPS?|ALL|NO)_PROXY|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE", re.IGNORECASE
)
"""What boto3 takes from the environment; the rest of ours, such as the URLs of databases, is none of its business."""
# One thread does the work anyway; each arena would keep memory of its own.
_FEW_ARENAS = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"}


class LakeFailed(Exception):
    """No file came of it: a sentence. What is to blame, if it is one of them: `manifest` a segment, `file` one of the lake."""

    def __init__(self, sentence: str, manifest: int | None = None, file: str | None = None) -> None:
        super().__init__(sentence)
        self.manifest = manifest
        self.file = file


class Children:
    """Starts children, each with a scratch folder of its own that is gone afterwards."""

    def __init__(
        self,
        settings: Settings,
        *,
        memory_bytes: int = MEMORY_BYTES,
        seconds: float = LONGEST_SECONDS,
        command: Sequence[str] = COMMAND,
    ) -> None:
        place = settings.objects_url
        self._store = {"path": str(place.path.absolute())} if isinstance(place, Folder) else asdict(place)
        self._scratch = settings.data_dir.absolute() / SCRATCH
        self._memory_bytes = memory_bytes
        self._seconds = seconds
        self._command = command

    def carry_out(self, order: Mapping[str, Any], bodies: Iterable[bytes] = ()) -> dict[str, Any]:
        """Give the order and what is to be read after it. Returns the answer. Raises LakeFailed."""
        with self._folder() as scratch:
            whole = {**order, "store": self._store, "memory_bytes": self._memory_bytes, "scratch": str(scratch)}
            answer = self._answer(whole, bodies, scratch / "stderr")
        if "failed" in answer:
            raise LakeFailed(answer["failed"], answer.get("manifest"), answer.get("file"))
        return answer

    def clean(self) -> None:
        """Remove what children of a worker that was killed have left: whatever is older than one may live."""
        for folder in self._scratch.glob(f"{_PREFIX}*"):
            with suppress(FileNotFoundError):
                if time.time() - folder.stat().st_mtime > 2 * self._seconds:
                    shutil.rmtree(folder, ignore_errors=True)

    def _answer(self, order: Mapping[str, Any], bodies: Iterable[bytes], errors: Path) -> dict[str, Any]:
        with (
            errors.open("wb") as said,
            subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=_environment(),
                cwd="/",
            ) as child,
        ):
            assert child.stdin is not None  # noqa: S101 - asked for above
            assert child.stdout is not None  # noqa: S101 - likewise
            overdue = threading.Timer(self._seconds, child.kill)
            overdue.start()
            try:
                with suppress(BrokenPipeError), child.stdin:  # a child that gave up says why
                    child.stdin.write(json.dumps(order).encode() + b"\n")
                    for body in bodies:
                        child.stdin.write(body)
                answer = child.stdout.read()
            except BaseException:
                child.kill()
                raise
            finally:
                overdue.cancel()
        try:
            told: dict[str, Any] = json.loads(answer)
        except ValueError:
            raise LakeFailed(_fallen(child.returncode, errors)) from None
        return told

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._scratch))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    of_the_store = {name: value for name, value in os.environ.items() if _STORE_VARIABLES.fullmatch(name)}
    ours = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", PARENT_VARIABLE: str(os.getpid())}
    return {**of_the_store, **_FEW_ARENAS, **ours}


def _fallen(code: int, errors: Path) -> str:
    last = (errors.read_text("utf-8", errors="replace").strip().splitlines() or ["it said nothing"])[-1]
    return f"the process that writes the lake ended with {code}: {last[:300]}"
