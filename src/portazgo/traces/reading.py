"""Finds records wherever they are: newest first with a cursor, one by its id, or how many there are.

What is fresh is decoded from its segments, what is older is looked up in the lake. A page looks through so much and no more;
then it is given as it is, and its cursor goes on. Cursors are places in time: they name no file and no segment, which come
and go meanwhile.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from portazgo.kit.errors import Unavailable
from portazgo.lake.columns import SCHEMA_VERSION
from portazgo.partners.callers import Caller
from portazgo.traces.callers import came_from, sealed_of
from portazgo.traces.domain import Filter, Record, place
from portazgo.traces.search.files import CACHE_BYTES, at_hand
from portazgo.traces.search.process import FileMissing, search
from portazgo.traces.search.question import Condition, Kinds, Question
from portazgo.traces.search.records import conditions, record_of
from portazgo.traces.segments import SegmentGone, decoded
from portazgo.traces.sources import MOST_SEGMENTS, Source, Sources, around, between

CLOCK_SLACK_US = 120_000_000
"""A request id carries the millisecond of its node's clock; segments are looked for around it."""
PAGE_SECONDS = 3.0
"""So long is looked for one page; what is under way then is finished."""
LOOK_UP_SECONDS = 15.0
"""So long is looked for one record; what is under way then is finished."""
MOST_COUNTED = 10_000
MOST_CALLERS = 50_000
"""Of one portion of files: what is sealed of each is brought here to be opened, some 200 bytes."""
FIRST_ROWS = 500_000
"""Rows of the first files that are asked: most pages are in them. Each time after it is eight times as many."""
LATER_TIMES = 8
AT_ONCE_BYTES = CACHE_BYTES // 2
AT_ONCE_FILES = 500
TRIES = 3

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Found:
    """A page of records; `capped`: there may be more of what was asked for further back than was looked through."""

    records: list[Record]
    next_place: tuple[int, str] | None
    capped: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """How many there are; `capped`: at least so many."""

    value: int
    capped: bool


@dataclass(slots=True)
class Span:
    """What is looked for, and between which places in time. `asker`: the partner whose token asks; None: an operator's.

    `caller`: from where the calls came, which only the control plane can tell: it has the keys that it is sealed under.
    """

    wanted: Filter
    before: tuple[int, str] | None
    since_us: int | None
    asker: str | None = None
    caller: Caller | None = None
    until: float = field(default_factory=lambda: time.monotonic() + PAGE_SECONDS)

    def admits(self, record: Record) -> bool:
        """Tell whether a record is looked for."""
        here = place(record)
        return (
            (self.before is None or here < self.before)
            and (self.since_us is None or here[0] >= self.since_us)
            and self.wanted.admits(record)
        )

    def admitted(self, records: Iterable[Record]) -> list[Record]:
        """Give those that are looked for. Raises Unavailable."""
        found = [record for record in records if self.admits(record)]
        if self.caller is None:
            return found
        told = came_from(found, self.caller)
        return [record for record, agrees in zip(found, told, strict=True) if agrees]

    def sources(self) -> Sources:
        """List where it may be."""
        most = MOST_SEGMENTS
        while True:
            sources = between(self.since_us, None if self.before is None else self.before[0], most_segments=most)
            if self.has_come_to(sources.unlisted_us):
                return sources
            most *= 4

    def has_come_to(self, rest_us: int | None) -> bool:
        """Tell whether a page may end where what is unread ends: it must lie before the page's beginning.

        Segments that hold calls of many minutes overlap each other: all that reach over the beginning are to be looked through.
        """
        return rest_us is None or self.before is None or (rest_us + 1, "") < self.before

    @property
    def is_over(self) -> bool:
        """Whether it has been looked for long enough."""
        return time.monotonic() >= self.until


def by_request_id(request_id: UUID, *, asker: str | None = None) -> Record | None:
    """Find the record of a request, or None. Only what is around the id's own time is read. Raises Unavailable."""
    return _again(lambda: _by_request_id(str(request_id), (request_id.int >> 80) * 1000, asker))


def _by_request_id(text: str, moment_us: int, asker: str | None) -> Record | None:
    sources = around(text, moment_us - CLOCK_SLACK_US, moment_us + CLOCK_SLACK_US)
    for segment in sources.segments:
        for record in decoded.get(segment.id):
            if record["request_id"] == text:
                return record
    # Ids that somebody made up may reach over all of time; the record is in a file of its own time, if anywhere.
    files = sorted(
        sources.files, key=lambda file: not file.low_us - CLOCK_SLACK_US <= moment_us <= file.high_us + CLOCK_SLACK_US
    )
    until = time.monotonic() + LOOK_UP_SECONDS
    for portion in _portions(files):
        if time.monotonic() >= until:
            raise _not_all_looked_through()
        found = _asked(portion, [Condition("request_id", "is", text)], 1, asker)
        if found:
            return found[0]
    if sources.unlisted_us is not None:
        raise _not_all_looked_through()
    return None


def _not_all_looked_through() -> Unavailable:
    return Unavailable(
        "the record is not in what was looked through, and there is more that may have it",
        code="search_too_large",
        remedy="list the calls of its time: `GET /traces` with `since` and `until`",
    )


def newest_first(
    wanted: Filter,
    *,
    limit: int,
    before: tuple[int, str] | None,
    since_us: int | None,
    asker: str | None = None,
    caller: Caller | None = None,
) -> Found:
    """List records, newest first, that lie before a place and not before `since_us`. Raises Unavailable."""
    return _again(lambda: _newest_first(Span(wanted, before, since_us, asker, caller), limit))


def _newest_first(span: Span, limit: int) -> Found:
    sources = span.sources()
    pool: list[Record] = []
    rest: int | None = None
    for found, rest in _batches(span, sources, limit + 1):
        pool += found
        # What began after all that is still unread can't be overtaken any more.
        settled = [record for record in pool if rest is None or record["started_at_us"] > rest]
        if len(settled) > limit or (span.is_over and span.has_come_to(rest)):
            break
    pool.sort(key=place, reverse=True)
    shown = [record for record in pool if rest is None or record["started_at_us"] > rest][:limit]
    if len(shown) == limit and (rest is not None or len(pool) > limit):
        return Found(shown, place(shown[-1]), capped=False)
    if rest is not None:
        # The page ends where reading ended, so that the next one begins there.
        return Found(shown, (rest + 1, ""), capped=True)
    return Found(shown, None, capped=False)


def count(
    wanted: Filter,
    *,
    before: tuple[int, str] | None,
    since_us: int | None,
    asker: str | None = None,
    caller: Caller | None = None,
) -> Counted:
    """Count records, as far as MOST_COUNTED and as far as one may look. Raises Unavailable."""
    return _again(lambda: _count(Span(wanted, before, since_us, asker, caller)))


def _count(span: Span) -> Counted:
    sources = span.sources()
    value, capped = 0, sources.unlisted_us is not None
    for segment in sources.segments:
        if value > MOST_COUNTED or span.is_over:
            return Counted(min(value, MOST_COUNTED), capped=True)
        value += len(span.admitted(decoded.get(segment.id)))
    for files in _portions(sources.files):
        if value > MOST_COUNTED or span.is_over:
            return Counted(min(value, MOST_COUNTED), capped=True)
        value += _counted(files, span, MOST_COUNTED + 1 - value)
    return Counted(min(value, MOST_COUNTED), capped=capped or value > MOST_COUNTED)


def _batches(span: Span, sources: Sources, most: int) -> Iterator[tuple[list[Record], int | None]]:
    """Look through source after source, the newest first: what was found, and until when there may be more unread.

    Of each portion of files the newest `most` are enough: of all together the page holds no more.
    """
    segments, portions = list(sources.segments), list(_portions(sources.files))
    while segments or portions:
        if segments and (not portions or segments[0].high_us >= portions[0][0].high_us):
            found = span.admitted(decoded.get(segments.pop(0).id))
            found = heapq.nlargest(most, found, key=place)
        else:
            found = _asked_for(portions.pop(0), most, span)
        unread = [*segments[:1], *(file for portion in portions[:1] for file in portion[:1])]
        bounds = [source.high_us for source in unread]
        if sources.unlisted_us is not None:
            bounds.append(sources.unlisted_us)
        yield found, max(bounds, default=None)


def _portions(files: Sequence[Source]) -> Iterator[list[Source]]:
    """Cut the list into what is asked at once: little at first, then more, never more than is at hand at once."""
    portion: list[Source] = []
    rows = size = 0
    most_rows = FIRST_ROWS
    for file in files:
        full = rows >= most_rows or size + file.bytes > AT_ONCE_BYTES or len(portion) >= AT_ONCE_FILES
        if portion and full:
            yield portion
            portion, rows, size, most_rows = [], 0, 0, most_rows * LATER_TIMES
        portion.append(file)
        rows, size = rows + file.records, size + file.bytes
    if portion:
        yield portion


def _asked(
    files: Sequence[Source], wanted: Sequence[Condition], limit: int, asker: str | None, *, span: Span | None = None
) -> list[Record]:
    answer = _answered("newest", files, wanted, limit, asker, span)
    return [record_of(row) for row in answer["rows"]]


def _asked_for(files: Sequence[Source], most: int, span: Span) -> list[Record]:
    wanted = _wanted(files, span)
    return [] if wanted is None else _asked(files, wanted, most, span.asker, span=span)


def _counted(files: Sequence[Source], span: Span, limit: int) -> int:
    wanted = _wanted(files, span)
    return 0 if wanted is None else int(_answered("count", files, wanted, limit, span.asker, span)["count"])


def _wanted(files: Sequence[Source], span: Span) -> list[Condition] | None:
    """Say what rows of these files must agree with; None: none of them does.

    Whoever reads the lake has no key. It tells what is sealed, each once, and is asked for what proved to be the caller's.
    """
    wanted = conditions(span.wanted)
    if span.caller is None:
        return wanted
    answer = _answered("callers", files, wanted, MOST_CALLERS + 1, span.asker, span)
    if len(answer["callers"]) > MOST_CALLERS:
        raise Unavailable(
            "there are too many callers in what is to be looked through",
            code="search_too_large",
            remedy="name a partner, or a shorter time by `since` and `until`",
        )
    found = sealed_of(answer["callers"], span.caller)
    return [*wanted, Condition("personal", "sealed", found)] if found else None


def _answered(
    kind: Kinds,
    files: Sequence[Source],
    wanted: Sequence[Condition],
    limit: int,
    asker: str | None,
    span: Span | None,
) -> dict[str, Any]:
    # The place comes first: those for whom there is none don't wait for files either.
    with search.places.taken(asker), at_hand([file.path for file in files]) as paths:
        question = Question(
            kind,
            paths,
            wanted,
            limit,
            before=None if span is None else span.before,
            since_us=None if span is None else span.since_us,
            mixed=any(file.schema_version != SCHEMA_VERSION for file in files),
        )
        return search.ask(question)


def _again(look: Callable[[], Result]) -> Result:
    """Look; what was moved between the list and the look (a segment into the lake, a file into another) is listed anew."""
    for _ in range(TRIES - 1):
        try:
            return look()
        except (SegmentGone, FileMissing):
            continue
    try:
        return look()
    except (SegmentGone, FileMissing):
        raise Unavailable(
            "records are not where the ledger says that they are",
            code="search_failed",
            remedy="try again; when it lasts, see that the object store is the one that the lake was written to",
        ) from None
