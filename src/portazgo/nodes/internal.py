"""What nodes call: snapshot, changes (a waiting poll is a coroutine), receipts, logins (docs/wire.md, section 3)."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from portazgo.kit.clock import Clock, from_microseconds, microseconds
from portazgo.kit.errors import Invalid, Unauthenticated
from portazgo.kit.ids import parse_id
from portazgo.kit.secret import Secret
from portazgo.nodes.epochs import Told
from portazgo.nodes.logins import store_failing
from portazgo.nodes.schemas import LoginsBody, ReceiptBody
from portazgo.nodes.service import Contact, admit, store_receipt
from portazgo.nodes.tokens import node_token
from portazgo.snapshot.feed import Position, write_snapshot

if TYPE_CHECKING:
    from starlette.requests import Request

    from portazgo.kit.web.threads import DatabaseThreads
    from portazgo.nodes.contacts import Contacts
    from portazgo.nodes.models import NodeToken
    from portazgo.nodes.news import News

NDJSON = "application/x-ndjson"
LONGEST_WAIT_SECONDS = 55
LARGEST_DOCUMENT_BYTES = 262_144
SNAPSHOT_IN_MEMORY_BYTES = 4 * 1024 * 1024
_CHUNK_BYTES = 65_536
_Document = TypeVar("_Document", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Caller:
    """A node that was let in."""

    node: UUID
    epoch: UUID
    token: NodeToken


class Feed:
    """The endpoints, with what they need. `routes` go into the internal listener's application."""

    def __init__(self, threads: DatabaseThreads, news: News, contacts: Contacts, clock: Clock) -> None:
        self._threads = threads
        self._news = news
        self._contacts = contacts
        self._clock = clock

    def routes(self) -> list[Route]:
        """Name the paths."""
        return [
            Route("/internal/v1/snapshot", self.snapshot, methods=["GET"]),
            Route("/internal/v1/changes", self.changes, methods=["GET"]),
            Route("/internal/v1/receipts", self.receipts, methods=["POST"]),
            Route("/internal/v1/logins", self.logins, methods=["POST"]),
        ]

    def standing_headers(self) -> dict[str, str]:
        """Give what every answer carries: our time for the node's clock, and where the log is."""
        return {
            "X-Portazgo-Time": str(microseconds(self._clock.now())),
            "X-Portazgo-Head": str(self._news.head),
        }

    async def snapshot(self, request: Request) -> Response:
        """Stream the whole snapshot of one moment; without a node's id it is a copy for a file, and nobody's contact."""
        if "x-portazgo-node" in request.headers:
            await self._let_in(request)
        else:
            await self._threads.run(node_token, presented(request))
        file: IO[bytes] = tempfile.SpooledTemporaryFile(SNAPSHOT_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by the stream
        await self._threads.run(write_snapshot, file)
        file.seek(0)
        return StreamingResponse(_chunks(file), media_type=NDJSON)

    async def changes(self, request: Request) -> Response:
        """Answer what comes after the node's position, at once or as soon as there is something; 204 when time is over."""
        position, wait_seconds = _position(request), _wait_seconds(request)
        await self._let_in(request, _told(request))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        while True:
            ticket = self._news.ticket()
            page = await self._news.page(position)
            if page.body is not None:
                return Response(page.body, media_type=NDJSON)
            left = deadline - loop.time()
            if left <= 0 or self._news.closed:
                return Response(status_code=204)
            await self._news.wait(ticket, left)

    async def receipts(self, request: Request) -> Response:
        """Keep a receipt."""
        caller = await self.identify(request)
        receipt = await read_document(request, ReceiptBody, "receipt")
        await self._threads.run(store_receipt, caller.token, caller.node, receipt.model_dump(), clock=self._clock)
        return Response(status_code=204)

    async def logins(self, request: Request) -> Response:
        """Keep which logins at backends fail."""
        caller = await self.identify(request)
        told = await read_document(request, LoginsBody, "report")
        failing = told.model_dump(mode="json")["failing"]
        await self._threads.run(store_failing, caller.node, told.epoch, failing, clock=self._clock)
        return Response(status_code=204)

    async def _let_in(self, request: Request, told: Told | None = None) -> None:
        arrived = self._clock.now()
        caller = await self.identify(request)
        # Written before the answer: a node's lease must never run longer than what we have on record.
        contact = Contact(caller.node, caller.epoch, caller.token.label, arrived, caller.token.id, told)
        await self._contacts.record(contact)

    async def identify(self, request: Request) -> Caller:
        """Tell which node calls. Raises Unauthenticated, Forbidden, Invalid."""
        given = presented(request)
        node, epoch = uuid_header(request, "x-portazgo-node"), uuid_header(request, "x-portazgo-epoch")
        token = await self._threads.run(admitted, given, node)
        return Caller(node, epoch, token)


async def read_document(
    request: Request, schema: type[_Document], name: str, largest: int = LARGEST_DOCUMENT_BYTES
) -> _Document:
    """Read a request's body of at most `largest` bytes. Raises Invalid, which names places and repeats nothing of the body."""
    body = await limited_body(request, largest)
    try:
        return schema.model_validate_json(body)
    except ValidationError as problem:
        raise Invalid(
            f"the {name} is not valid",
            [{"pointer": "/" + "/".join(map(str, one["loc"])), "message": one["msg"]} for one in problem.errors()],
        ) from None


async def limited_body(request: Request, largest: int) -> bytes:
    """Read a request's body of at most `largest` bytes. Raises Invalid (`body_too_large`)."""
    chunks, size = [], 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > largest:
            raise Invalid(f"the body is larger than {largest} bytes", code="body_too_large")
    return b"".join(chunks)


def presented(request: Request) -> Secret:
    """Give the token that was sent. Raises Unauthenticated."""
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not presented:
        raise Unauthenticated("no node token was sent", code="node_token_missing")
    return Secret(presented.strip())


def admitted(given: Secret, node: UUID) -> NodeToken:
    """Give the live token, when it may speak for this node. Raises Unauthenticated, Forbidden."""
    token = node_token(given)
    admit(token, node)
    return token


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    read: Callable[[int], bytes] = file.read
    try:
        while chunk := await asyncio.to_thread(read, _CHUNK_BYTES):
            yield chunk
    finally:
        file.close()


def uuid_header(request: Request, name: str) -> UUID:
    """Read an id from a header. Raises Invalid."""
    value = parse_id(request.headers.get(name, ""))
    if value is None:
        raise Invalid(f"the header {name} must be a UUID in lower case")
    return value


def _position(request: Request) -> Position:
    query = request.query_params
    return Position(
        query.get("history", ""), _number(request, "after"), query.get("hash", ""), _number(request, "security_after")
    )


def _told(request: Request) -> Told | None:
    """Read what a node says of its records; None of one of an older version, which says nothing."""
    if "journaled" not in request.query_params:
        return None
    since = _number(request, "at_risk_since_us") if "at_risk_since_us" in request.query_params else None
    accepted, journaled, synced, at_risk = (
        _number(request, name) for name in ("accepted", "journaled", "synced", "at_risk")
    )
    try:
        return Told(accepted, journaled, synced, at_risk, None if since is None else from_microseconds(since))
    except OverflowError:
        raise Invalid.at("/at_risk_since_us", "must be a time") from None


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise Invalid.at(f"/{name}", "must be a whole number from zero")
    return int(text)


def _wait_seconds(request: Request) -> int:
    return min(_number(request, "wait"), LONGEST_WAIT_SECONDS) if "wait" in request.query_params else 0
