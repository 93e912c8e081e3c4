"""Keeps the process that reads the lake: started when it is asked, kept while it is, killed when it takes too long."""

from __future__ import annotations

import json
import logging
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from portazgo.kit.errors import Problem, Unavailable

if TYPE_CHECKING:
    from portazgo.traces.search.question import Question

logger = logging.getLogger(__name__)

PROGRAM = "portazgo.traces.search.child"
SECONDS = 15.0
"""Of one question: then the process is killed, and the caller told to ask for less."""
PLACES = 4
"""So many requests search, or wait for it; more would leave no thread of the control plane for anything else."""
GRACE_SECONDS = 1.0
LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 65_536


class FileMissing(Exception):
    """A file of the question is not there any more: the list is to be read anew."""


class _Gone(Exception):
    """The process has ended: it was idle, or somebody killed it."""


class Places:
    """Who searches, or waits for it. Safe for threads.

    A partner has one place, and all partners together leave one to operators: no token of a partner's keeps others out.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._operators = 0
        self._partners: set[str] = set()

    @contextmanager
    def taken(self, partner: str | None) -> Iterator[None]:
        """Have a place meanwhile; None: an operator's. Raises Unavailable at once where there is none."""
        with self._lock:
            if not self._has_one_for(partner):
                raise busy()
            if partner is None:
                self._operators += 1
            else:
                self._partners.add(partner)
        try:
            yield
        finally:
            with self._lock:
                if partner is None:
                    self._operators -= 1
                else:
                    self._partners.remove(partner)

    def _has_one_for(self, partner: str | None) -> bool:
        if self._operators + len(self._partners) >= PLACES:
            return False
        return partner is None or (partner not in self._partners and len(self._partners) < PLACES - 1)


class SearchProcess:
    """One process at a time, whoever asks. Safe for threads.

    `places`: whoever asks takes one first, before it brings the files of its question.
    """

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._turn = threading.Lock()
        self.places = Places()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Tell the process's id while it lives."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def ask(self, question: Question) -> dict[str, Any]:
        """Have a question answered. Raises FileMissing, Unavailable: busy, too long, too much memory, unreadable files."""
        line = json.dumps({"seconds": self._seconds + GRACE_SECONDS, "question": question.document()}).encode() + b"\n"
        with self._my_turn():
            try:
                answer = self._exchanged(line)
            except _Gone:
                # It may have been about to end, being idle: a new one is asked. Twice is a fault.
                try:
                    answer = self._exchanged(line)
                except _Gone:
                    raise Unavailable("the search ended without an answer", code="search_failed") from None
        return _checked(answer)

    def close(self) -> None:
        """End the process."""
        process = self._process
        if process is not None:
            _kill(process)

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=self._seconds):
            raise busy()
        try:
            yield
        finally:
            self._turn.release()

    def _exchanged(self, line: bytes) -> bytes:
        process = self._process
        if process is not None and process.poll() is not None:
            _kill(process)
            process = None
        if process is None:
            process = self._process = _started()
        try:
            return _exchange(process, line, time.monotonic() + self._seconds)
        except (_Gone, Problem):
            _kill(process)
            self._process = None
            raise


def _started() -> subprocess.Popen[bytes]:
    # -I: neither the working directory nor variables of the environment choose what code it runs.
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        cwd="/",
    )
    # Somebody must take note of its end, or it stays as a zombie until the next question.
    threading.Thread(target=process.wait, name="search-end", daemon=True).start()
    return process


def _exchange(process: subprocess.Popen[bytes], line: bytes, until: float) -> bytes:
    assert process.stdin is not None  # noqa: S101 - both were asked for
    assert process.stdout is not None  # noqa: S101 - likewise
    try:
        process.stdin.write(line)
        process.stdin.flush()
    except OSError:
        raise _Gone from None
    answer = bytearray()
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while not answer.endswith(b"\n"):
            if not waiting.select(max(0.0, until - time.monotonic())):
                raise _too_long()
            chunk = os.read(process.stdout.fileno(), _CHUNK_BYTES)
            if not chunk or len(answer) > LARGEST_ANSWER_BYTES:
                raise _Gone
            answer += chunk
    return bytes(answer)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it, if it still lives, and let go of its pipes."""
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue


def _checked(line: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(line)
    match answer.get("error"):
        case None:
            return answer
        case "missing":
            raise FileMissing(answer["why"])
        case "memory":
            raise Unavailable(
                "the search needs more memory than it may have",
                code="search_too_large",
                remedy="narrow it: a shorter time range, a partner, a route",
            )
        case _:
            logger.error("the lake can't be read: %s", answer["why"])
            raise Unavailable(
                "the lake can't be read", code="search_failed", remedy="the log of the control plane says why"
            )


def busy() -> Unavailable:
    """Make the refusal of whoever would have to wait for others for too long."""
    return Unavailable("other searches are under way", code="search_busy", remedy="try again in a second")


def _too_long() -> Unavailable:
    return Unavailable(
        "the search took too long and was ended",
        code="search_too_long",
        remedy="narrow it: a shorter time range, a partner, a route",
    )


search = SearchProcess()
