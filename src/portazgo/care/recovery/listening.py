"""Asks nodes that run what they know: a listener in the place of the control plane's, for as long as this takes.

Each poll is refused as by a control plane with another history, and carries a question that nodes answer once. So is a node
that wants the whole snapshot, which does not poll until it has it. Nothing else is taken or told; a node serves meanwhile
what it has.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import logging
import threading
import time
import zlib
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from portazgo.care.recovery.testimonies import TestimonyInvalid, Told, read
from portazgo.control.internal import STOP_SECONDS, bound_socket, internal_server
from portazgo.kit.errors import Invalid, Problem, Unavailable
from portazgo.kit.ids import uuid7
from portazgo.kit.web.problems import PROBLEM_JSON
from portazgo.kit.web.threads import DatabaseThreads
from portazgo.nodes.internal import admitted, limited_body, presented, uuid_header

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from uuid import UUID

    from starlette.requests import Request

    from portazgo.settings import Settings

logger = logging.getLogger(__name__)

LARGEST_BODY_BYTES = 64 * 1024 * 1024
LARGEST_TESTIMONY_BYTES = 512 * 1024 * 1024
LARGEST_LINE_BYTES = 1024 * 1024
MOST_TELLINGS = 4
"""Of one node id. A node tells once, and again when it could not read the answer."""
LOOK_SECONDS = 0.2
SHORTEST_SECONDS = 7.0
"""Also when every node that the database knows has told: one that joined after the backup is unknown to it, and polls at
least so often (`node.follow.LONGEST_PAUSE_SECONDS`)."""


def listen(
    settings: Settings, within_seconds: float, missing: Collection[str], question: str
) -> tuple[list[Told], set[str]]:
    """Hear nodes until these ids have told, and all that asked; at most so long. Raises StartRefused: port taken.

    Returns what was told, and the ids of those that asked and did not tell, or that told too many different things.
    """
    hearing = _Hearing(question)
    server = internal_server(settings, hearing.application(), lifespan="off")
    address = settings.internal_listen
    taken = bound_socket(address.host, address.port, "PORTAZGO_INTERNAL_LISTEN")
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[taken])), name="recovery-listener", daemon=True
    )
    thread.start()
    begun = time.monotonic()
    try:
        while (passed := time.monotonic() - begun) < within_seconds:
            if passed >= SHORTEST_SECONDS and hearing.has_heard(missing):
                break
            time.sleep(LOOK_SECONDS)
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS + 2)
        hearing.close()
    return hearing.all_told(), hearing.speechless()


class _Hearing:
    """What is asked and what was told, by node id.

    Nothing that was told is replaced by what is told later: with a token of the whole deployment, a node that was broken
    into can speak for one that the database does not know yet. Both then count, as if two nodes had told.
    """

    def __init__(self, question: str) -> None:
        self.told: dict[str, dict[str, Told]] = {}
        self.asked: set[str] = set()
        self._contested: set[str] = set()
        self._question = question
        self._threads = DatabaseThreads(2)

    def has_heard(self, missing: Collection[str]) -> bool:
        """Tell whether these nodes and all that asked have told; False while there was none at all."""
        expected = {*missing, *self.asked}
        return bool(expected) and expected <= self.told.keys()

    def all_told(self) -> list[Told]:
        """Give all that was told."""
        return [one for tellings in self.told.values() for one in tellings.values()]

    def speechless(self) -> set[str]:
        """Name the nodes of which is not known what they know."""
        return (self.asked - self.told.keys()) | self._contested

    def close(self) -> None:
        """End its threads."""
        self._threads.close()

    def application(self) -> Starlette:
        """Serve the paths that matter; what else nodes call has to wait."""
        return Starlette(
            routes=[
                Route("/internal/v1/changes", self._ask, methods=["GET"]),
                Route("/internal/v1/snapshot", self._ask, methods=["GET"]),
                Route("/internal/v1/testimony", self._hear, methods=["POST"]),
                Route("/internal/v1/{rest:path}", self._later, methods=["GET", "POST"]),
            ],
            exception_handlers={Problem: _of_ours, HTTPException: _of_http},
        )

    async def _ask(self, request: Request) -> Response:
        self.asked.add(str(await self._let_in(request)))
        question = {"reason": "history", "code": "recovery_under_way", "recovery": self._question}
        return JSONResponse(question, 409, media_type=PROBLEM_JSON)

    async def _hear(self, request: Request) -> Response:
        node = await self._let_in(request)
        body = await limited_body(request, LARGEST_BODY_BYTES)
        told, digest = await asyncio.to_thread(_read, body)
        if told.node != str(node):
            raise Invalid("a node tells what it knows itself")
        self._keep(told, digest)
        logger.info("a node told what it knows", extra={"node": told.node, "revision": told.revision})
        return Response(status_code=204)

    def _keep(self, told: Told, digest: str) -> None:
        tellings = self.told.setdefault(told.node, {})
        if digest not in tellings and len(tellings) == MOST_TELLINGS:
            self._contested.add(told.node)
            raise Invalid("this node has told too many different things", code="testimony_contested")
        tellings[digest] = told

    async def _later(self, request: Request) -> Response:
        await self._let_in(request)
        raise Unavailable("`portazgo recover` is under way", code="recovery_under_way")

    async def _let_in(self, request: Request) -> UUID:
        node = uuid_header(request, "x-portazgo-node")
        await self._threads.run(admitted, presented(request), node)
        return node


def _read(body: bytes) -> tuple[Told, str]:
    seen = hashlib.sha256()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            return read(_lines(file, seen.update)), seen.hexdigest()
    except (OSError, EOFError, zlib.error, TestimonyInvalid) as problem:
        raise Invalid(f"the testimony can't be read: {problem}") from None


def _lines(file: gzip.GzipFile, see: Callable[[bytes], None]) -> Iterator[bytes]:
    # Unpacked a line at a time: a small body may unpack to more than fits.
    left = LARGEST_TESTIMONY_BYTES
    while line := file.readline(LARGEST_LINE_BYTES):
        left -= len(line)
        if left < 0:
            raise Invalid("the testimony is too large", code="body_too_large")
        see(line)
        yield line


async def _of_ours(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)  # noqa: S101 - registered for this class
    return JSONResponse(problem.document(str(uuid7())), problem.status, media_type=PROBLEM_JSON)


async def _of_http(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)  # noqa: S101 - registered for this class
    return JSONResponse({"title": problem.detail, "status": problem.status_code}, problem.status_code)
