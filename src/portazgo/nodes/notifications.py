"""PostgreSQL's NOTIFY, heard on the internal listener's event loop. Imported where the state is in PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings
from psycopg.conninfo import make_conninfo

from portazgo.snapshot.wake import CHANNEL

AGAIN_SECONDS = 1.0
# The other side's host may die without a word: it is noticed, on either side, within half a minute.
_DEAD_PEERS = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
_DEAD_CLIENTS = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"


async def hear(wake: Callable[[], None]) -> None:
    """Call `wake` at each notification, until cancelled. Holds the one connection that hears it; a pooled one could not."""
    while True:
        with contextlib.suppress(psycopg.Error):
            async with await psycopg.AsyncConnection.connect(_listening_conninfo(), autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                wake()  # what came while nobody listened
                async for _ in connection.notifies():
                    wake()
        await asyncio.sleep(AGAIN_SECONDS)


def dedicated() -> psycopg.Connection[Any]:
    """Open a connection of its own to the state: what a pooled one holds is given up when it goes back."""
    connection = psycopg.connect(_listening_conninfo(), autocommit=True)
    connection.execute(_DEAD_CLIENTS)
    return connection


def _listening_conninfo() -> str:
    url = settings.PORTAZGO.state_url
    parameters = {
        "dbname": url.name,
        "host": url.host,
        "port": str(url.port or ""),
        "user": url.user,
        "password": url.password.reveal() if url.password else "",
        "connect_timeout": "5",
        **_DEAD_PEERS,
        **dict(url.parameters),
    }
    return make_conninfo(**{name: value for name, value in parameters.items() if value})
