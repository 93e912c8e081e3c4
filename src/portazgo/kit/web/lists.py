"""Pages of a queryset by keyset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from portazgo.kit.clock import rfc3339
from portazgo.kit.paging import CursorValue, Page, cursor_invalid, decode_cursor, encode_cursor

if TYPE_CHECKING:
    from portazgo.kit.web.schemas import PageQuery

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")


def page_of(
    rows: QuerySet[Row], query: PageQuery, item: Callable[[Row], Item], *, order: Sequence[str] = ("id",)
) -> Page[Item]:
    """Give one page of `rows`, each made an `item`. Raises Invalid for a cursor of another list.

    `order` names columns that together are unique; all ascend, or all descend (each with `-`).
    """
    descending = order[0].startswith("-")
    columns = [name.removeprefix("-") for name in order]
    name = rows.model._meta.db_table  # noqa: SLF001 - Django's own name for it
    if query.cursor is not None:
        values = decode_cursor(query.cursor, len(columns), of=name)
        rows = rows.filter(_after(rows, columns, values, descending=descending))
    found = list(rows.order_by(*order)[: query.limit + 1])
    shown = found[: query.limit]
    more = len(found) > query.limit
    cursor = encode_cursor(_values(shown[-1], columns), of=name) if more else None
    return Page([item(row) for row in shown], cursor)


def _after(rows: QuerySet[Row], columns: list[str], values: list[CursorValue], *, descending: bool) -> Q:
    comparison = "lt" if descending else "gt"
    condition, equal_so_far = Q(), Q()
    for column, text in zip(columns, values, strict=True):
        value = _python_value(rows, column, text)
        condition |= equal_so_far & Q(**{f"{column}__{comparison}": value})
        equal_so_far &= Q(**{column: value})
    return condition


def _python_value(rows: QuerySet[Row], column: str, text: CursorValue) -> Any:
    field: Any = rows.model._meta.get_field(column)  # noqa: SLF001 - Django's own name for it
    try:
        value = field.to_python(text)
        # What we would not have written like this was not written by us: a time without zone, an id without hyphens.
        if _cursor_value(value) == text:
            return value
    except (ValidationError, TypeError, ValueError, OverflowError):
        pass
    raise cursor_invalid()


def _values(row: Model, columns: list[str]) -> list[CursorValue]:
    return [_cursor_value(getattr(row, column)) for column in columns]


def _cursor_value(value: Any) -> CursorValue:
    if isinstance(value, datetime):
        return rfc3339(value)
    return value if isinstance(value, int) else str(value)
