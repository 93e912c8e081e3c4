"""A bounded pool of threads for database work that an event loop must not wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class DatabaseThreads:
    """Runs functions that use the database; a waiting coroutine holds neither a thread nor a connection."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._threads = ThreadPoolExecutor(max_workers=most, thread_name_prefix="internal-db")

    async def run(
        self, function: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs
    ) -> Result:
        """Call a function in one of the threads and wait for what it returns or raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, partial(_with_connection, partial(function, *arguments, **named))
        )

    def close(self) -> None:
        """Wait for what runs; take nothing more."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def _with_connection(job: Callable[[], Result]) -> Result:
    # As Django does around a request: a connection that broke is replaced, a pooled one goes back.
    close_old_connections()
    try:
        return job()
    finally:
        close_old_connections()
