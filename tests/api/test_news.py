"""Sharing what is read for nodes: whatever they claim, nothing grows, and no refusal is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from portazgo.kit.errors import Conflict
from portazgo.nodes import news as news_module
from portazgo.nodes.news import SHARED_PAGES_AT_MOST, News
from portazgo.snapshot.feed import ChangesPage, Position
from portazgo.snapshot.wire import NO_HASH

HISTORY = "0" * 36


class Threads:
    """Runs readings on the loop, one step later, and counts them; `hold` keeps them from ending."""

    def __init__(self) -> None:
        self.readings: list[Position] = []
        self.hold: asyncio.Event | None = None
        self.refuses = False

    async def run(self, _function: Callable[..., ChangesPage], position: Position) -> ChangesPage:
        self.readings.append(position)
        await (self.hold.wait() if self.hold else asyncio.sleep(0))
        if self.refuses:
            raise Conflict("no point of this log", code="other_history")
        return ChangesPage(b"page", 7)


def at(revision: int, history: str = HISTORY, digest: str = NO_HASH) -> Position:
    return Position(history, revision, digest, 0)


def with_news(play: Callable[[News, Threads], Coroutine[Any, Any, None]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(news_module, "listen", lambda _: lambda: None)

    async def run() -> None:
        threads: Any = Threads()
        await play(News(threads), threads)

    asyncio.run(run())


def test_who_asks_at_once_shares_a_reading_and_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(news: News, threads: Threads) -> None:
        pages = await asyncio.gather(*(news.page(at(1)) for _ in range(50)))
        assert {page.body for page in pages} == {b"page"}
        assert len(threads.readings) == 1
        for revision in range(500):
            await news.page(at(revision))
        await asyncio.sleep(0)
        assert news.shared == 0

    with_news(play, monkeypatch)


def test_made_up_positions_share_little_while_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(news: News, threads: Threads) -> None:
        threads.hold = asyncio.Event()
        asking = [asyncio.ensure_future(news.page(at(revision))) for revision in range(500)]
        asking += [asyncio.ensure_future(news.page(at(0, "x" * 60_000)))]
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(threads.readings) == len(asking)
        assert news.shared == SHARED_PAGES_AT_MOST
        threads.hold.set()
        assert {page.body for page in await asyncio.gather(*asking)} == {b"page"}
        await asyncio.sleep(0)
        assert news.shared == 0

    with_news(play, monkeypatch)


@pytest.mark.parametrize("position", [at(1, "x" * 37), at(1, digest="y" * 65), at(1, digest="")])
def test_what_no_log_could_say_is_read_for_who_says_it_alone(
    monkeypatch: pytest.MonkeyPatch, position: Position
) -> None:
    async def play(news: News, threads: Threads) -> None:
        await asyncio.gather(*(news.page(position) for _ in range(3)))
        assert len(threads.readings) == 3

    with_news(play, monkeypatch)


def test_no_refusal_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(news: News, threads: Threads) -> None:
        threads.refuses = True
        with pytest.raises(Conflict):
            await news.page(at(1))
        threads.refuses = False
        assert (await news.page(at(1))).body == b"page"

    with_news(play, monkeypatch)


def test_a_reading_that_began_before_is_not_shared_with_who_was_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(news: News, threads: Threads) -> None:
        threads.hold = asyncio.Event()
        before = asyncio.ensure_future(news.page(at(1)))
        await asyncio.sleep(0)
        news.wake()
        after = asyncio.ensure_future(news.page(at(1)))
        await asyncio.sleep(0)
        threads.hold.set()
        await asyncio.gather(before, after)
        assert len(threads.readings) == 2

    with_news(play, monkeypatch)
