"""What is sealed, in every table of every noun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portazgo.kit.web.wrapped import WrappedField, wrapped_fields
from portazgo.kit.wrapping import sealed_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class Holding:
    """How many secrets of a column were sealed by the same key."""

    table: str
    column: str
    sealed_by: str
    count: int


def holdings() -> list[Holding]:
    """Count the secrets by what sealed them."""
    return [
        Holding(field.model._meta.db_table, field.name, sealer, count)  # noqa: SLF001 - Django's own name for it
        for field in wrapped_fields()
        for sealer, count in _sealers(field)
    ]


def sealed_rows(field: WrappedField) -> QuerySet[Any]:
    """Find the rows whose column is not empty."""
    rows: QuerySet[Any] = field.model._default_manager.order_by("pk")  # noqa: SLF001 - likewise
    return rows.exclude(**{f"{field.name}__isnull": True})


def by(field: WrappedField, sealer: str) -> dict[str, str]:
    """Give the condition of the rows that this sealed."""
    return {f"{field.name}__startswith": f"{sealer}:"}


def _sealers(field: WrappedField) -> Iterator[tuple[str, int]]:
    rows = sealed_rows(field)
    while (text := rows.values_list(field.name, flat=True).first()) is not None:
        sealer = sealed_by(text)
        count = rows.filter(**by(field, sealer)).count()
        if not count:
            # What has not even the form of a wrapped text was sealed by nothing that we know.
            yield "unknown", rows.count()
            return
        yield sealer, count
        rows = rows.exclude(**by(field, sealer))
