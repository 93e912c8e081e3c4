"""Pages of a report, as JSON: by most requests, or in the order of groups, which new calls don't move."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from portazgo.kit.paging import cursor_invalid, decode_cursor, encode_cursor
from portazgo.usage.questions import Question, Row, understand
from portazgo.usage.report import MOST_ROWS, order, report, too_many
from portazgo.usage.walking import SUMS_AT_ONCE, Place, walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portazgo.usage.schemas import UsageQuery

LARGEST_PAGE = 1_000
_NOT_OF_THE_QUESTION = {"limit", "cursor", "format"}


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Some rows; `only`: what all of them are of beside their groups; `next_cursor` None: they are the last."""

    only: Mapping[str, Any]
    rows: Sequence[Row]
    next_cursor: str | None


def page(question: Question, query: UsageQuery) -> UsagePage:
    """Give the rows that come after the cursor, all or as many as are asked for. Raises Invalid."""
    by_group = query.sort == "group"
    after = _decoded(question, query) if query.cursor is not None else None
    most = query.limit or MOST_ROWS
    if by_group:
        place = None if after is None else Place(after.period, after.values)
        at_once = min(most + 1, SUMS_AT_ONCE)
        found = list(islice(walk(question, place, at_once=at_once), most + 1))
        only: Mapping[str, Any] = understand(question).only
    else:
        answer = report(question)
        only = answer.only
        found = [row for row in answer.rows if after is None or order(row) > order(after)][: most + 1]
    if query.limit is None and len(found) > most:
        raise too_many()
    more = len(found) > most
    rows = found[:most]
    return UsagePage(only, rows, _encoded(question, query, rows[-1]) if more else None)


def _encoded(question: Question, query: UsageQuery, row: Row) -> str:
    values = [int(value) if isinstance(value, bool) else value for value in row.values]
    return encode_cursor([question.periods[row.period].since, row.sums[0], *values], of=_list(query))


def _decoded(question: Question, query: UsageQuery) -> Row:
    since, requests, *values = decode_cursor(str(query.cursor), 2 + len(question.group_by), of=_list(query))
    period = next((number for number, one in enumerate(question.periods) if one.since == since), None)
    if period is None or not isinstance(requests, int):
        raise cursor_invalid()
    told = [bool(value) if name == "billable" else value for name, value in zip(question.group_by, values, strict=True)]
    return Row(period, tuple(told), (requests,))


def _list(query: UsageQuery) -> str:
    """Name the list that a cursor is of: that of the same question in the same order."""
    asked = query.model_dump(mode="json", exclude=_NOT_OF_THE_QUESTION)
    return f"usage {json.dumps(asked, sort_keys=True)}"
