"""The internal listener: an asyncio server beside Django in the same process, with a thread and an event loop of its own.

A waiting poll holds a socket and a coroutine, never a thread, a transaction or a pooled connection; what needs the
database runs in a few threads. Plain HTTP on loopback, else TLS (the settings see to that).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import uvicorn
from django.db import DatabaseError
from django.utils.module_loading import import_string
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from portazgo.control.connections import bounded_protocol, node_connections_at_most
from portazgo.kit.clock import SYSTEM_CLOCK, Clock
from portazgo.kit.errors import Problem, StartRefused, Unavailable
from portazgo.kit.ids import uuid7
from portazgo.kit.web.problems import PROBLEM_JSON, database_unavailable
from portazgo.kit.web.threads import DatabaseThreads
from portazgo.nodes.contacts import Contacts
from portazgo.nodes.internal import Feed
from portazgo.nodes.news import News
from portazgo.usage.objects import opened_spill

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from portazgo.settings import Settings
    from portazgo.usage.spill import Spill

logger = logging.getLogger(__name__)

DATABASE_THREADS = 4
COLLECTING_THREADS = 2
"""Threads of their own: where the ledger's one writer holds all of them up, polls and receipts go on, and so do revocations."""
OUTSIDE_THREADS = 4
BACKLOG = 1_024
START_SECONDS = 10.0
STOP_SECONDS = 3.0

# What other nouns serve to nodes: functions that take a Services and give routes.
FURTHER_ROUTES: tuple[str, ...] = (
    "portazgo.usage.internal.routes",
    "portazgo.contracts.drift_internal.routes",
    "portazgo.contracts.recordings_internal.routes",
)


@dataclass(frozen=True, slots=True)
class Services:
    """What endpoints of the internal listener work with."""

    threads: DatabaseThreads
    collecting: DatabaseThreads
    """For what writes the ledger."""
    outside: DatabaseThreads
    """For what needs no database: judging segments, and the object store."""
    spill: Spill | None
    """Where segments go while the ledger is late; None: nowhere."""
    feed: Feed
    clock: Clock


def internal_server(settings: Settings, application: ASGIApp, *, lifespan: Literal["on", "off"]) -> uvicorn.Server:
    """Make a server of what nodes call, as the settings say. Raises StartRefused when the certificate can't be used."""
    _require_certificate(settings)
    return uvicorn.Server(
        uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan=lifespan,
            http=bounded_protocol(node_connections_at_most()),
            server_header=False,
            timeout_graceful_shutdown=int(STOP_SECONDS),
            ssl_certfile=settings.internal_tls_certificate,
            ssl_keyfile=settings.internal_tls_key,
        )
    )


class InternalListener:
    """Binds at once, serves between `start` and `stop`."""

    def __init__(self, settings: Settings, *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Bind. Raises StartRefused when the address is taken, or the certificate can't be used."""
        self._clock = clock
        self._spill = opened_spill(settings)
        self._server = internal_server(settings, self._application(), lifespan="on")
        self._socket = bound_socket(
            settings.internal_listen.host, settings.internal_listen.port, "PORTAZGO_INTERNAL_LISTEN"
        )
        self.port: int = self._socket.getsockname()[1]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: News | None = None
        self._thread = threading.Thread(target=self._run, name="internal-listener")

    def start(self) -> None:
        """Serve, in a thread of its own. Raises StartRefused when it does not come up."""
        self._thread.start()
        waited = 0.0
        while not self._server.started:
            if not self._thread.is_alive() or waited > START_SECONDS:
                raise StartRefused("the internal listener did not start", "the log says why")
            threading.Event().wait(0.01)
            waited += 0.01

    def stop(self) -> None:
        """Answer what waits, and end within 3 s."""
        try:
            if self._loop is not None and self._news is not None and self._loop.is_running():
                asyncio.run_coroutine_threadsafe(self._news.close(), self._loop).result(STOP_SECONDS)
        except TimeoutError:
            logger.warning("waiting nodes could not all be answered in time")
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS + 1)

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def _application(self) -> ASGIApp:
        @asynccontextmanager
        async def lifespan(application: Starlette) -> AsyncIterator[None]:
            self._loop = asyncio.get_running_loop()
            threads, collecting, outside = map(DatabaseThreads, (DATABASE_THREADS, COLLECTING_THREADS, OUTSIDE_THREADS))
            self._news = News(threads)
            feed = Feed(threads, self._news, Contacts(threads), self._clock)
            services = Services(threads, collecting, outside, self._spill, feed, self._clock)
            application.router.routes.extend(_routes(services))
            application.state.feed = feed
            self._news.start()
            yield
            await self._news.close()
            for pool in (threads, collecting, outside):
                await asyncio.to_thread(pool.close)

        application = Starlette(
            lifespan=lifespan,
            exception_handlers={
                Problem: _of_ours,
                DatabaseError: _database_away,
                HTTPException: _of_http,
                ClientDisconnect: _hung_up,
                Exception: _of_nobody,
            },
        )
        return StandingHeaders(application)


class StandingHeaders:
    """Puts our time and the head of the log on every answer (docs/wire.md, section 3)."""

    def __init__(self, application: Starlette) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers: dict[str, str] = self._application.state.feed.standing_headers()
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), value.encode()) for name, value in headers.items()),
                ]
            await send(message)

        await self._application(scope, receive, send_with_headers)


def bound_socket(host: str, port: int, variable: str) -> socket.socket:
    """Bind a listening socket. Raises StartRefused with the setting to change."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as problem:
        listening.close()
        raise StartRefused(
            f"{host}:{port} can't be listened on ({problem.strerror})", f"free it, or choose another with {variable}"
        ) from None
    return listening


def _require_certificate(settings: Settings) -> None:
    if settings.internal_tls_certificate is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.internal_tls_certificate, settings.internal_tls_key
        )
    except OSError as problem:  # ssl.SSLError is one
        raise StartRefused(
            f"the certificate {settings.internal_tls_certificate} and its key can't be used ({problem.strerror or problem})",
            "correct PORTAZGO_INTERNAL_TLS_CERTIFICATE and PORTAZGO_INTERNAL_TLS_KEY",
        ) from None


def _routes(services: Services) -> list[BaseRoute]:
    routes: list[BaseRoute] = [*services.feed.routes()]
    for place in FURTHER_ROUTES:
        more: Callable[[Services], list[BaseRoute]] = import_string(place)
        routes += more(services)
    return routes


async def _of_ours(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)  # noqa: S101 - registered for this class
    headers = {"Retry-After": "1"} if isinstance(problem, Unavailable) else None
    return JSONResponse(problem.document(str(uuid7())), problem.status, headers, PROBLEM_JSON)


async def _database_away(request: Request, problem: Exception) -> Response:
    logger.warning("the database did not answer: %s", type(problem).__name__)
    return await _of_ours(request, database_unavailable())


async def _of_http(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)  # noqa: S101 - registered for this class
    document = {"title": problem.detail, "status": problem.status_code, "instance": str(uuid7())}
    return JSONResponse(document, problem.status_code, problem.headers, PROBLEM_JSON)


async def _hung_up(_request: Request, _problem: Exception) -> Response:
    """A node that died while it sent something sends it again: no error, and nobody is there to be answered."""
    return Response(status_code=400)


async def _of_nobody(request: Request, problem: Exception) -> Response:
    logger.error("a request of a node failed", exc_info=problem)
    return await _of_ours(request, Problem("this was logged"))
