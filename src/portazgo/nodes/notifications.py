"""PostgreSQL's NOTIFY, heard on the internal listener's event loop. Imported where the state is in PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings
from psycopg.conninfo import make_conninfo

from portazgo.kit.postgresql import NOTICE_DEAD_CLIENT, NOTICE_DEAD_SERVER
from portazgo.snapshot.wake import CHANNEL

AGAIN_SECONDS = 1.0
_DEAD_CLIENTS = "; ".join(f"SET {name} = {value}" for name, value in NOTICE_DEAD_CLIENT.items())


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
        **NOTICE_DEAD_SERVER,
        **dict(url.parameters),
    }
    return make_conninfo(**{name: value for name, value in parameters.items() if value})
