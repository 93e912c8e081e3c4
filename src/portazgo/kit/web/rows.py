"""Finding one row, and refusing a name that is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from portazgo.kit.errors import Conflict, NotFound

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound="Model")


def the_one(rows: QuerySet[Row], thing: str, **by: Any) -> Row:
    """Find the row with these values. Raises NotFound (`<thing>_unknown`)."""
    row = rows.filter(**by).first()
    if row is None:
        raise NotFound(f"there is no {thing} {' '.join(str(value) for value in by.values())}", code=f"{thing}_unknown")
    return row


def refuse_taken(rows: QuerySet[Row], thing: str, name: str) -> None:
    """Raise Conflict (`name_taken`) when one of the rows has this name; the table's unique key settles races."""
    if rows.filter(name=name).exists():
        raise Conflict(f"there is already a {thing} named {name!r}", code="name_taken", remedy="choose another name")


def refuse_in_use(rows: QuerySet[Row], thing: str, by: str, *, remedy: str | None = None) -> None:
    """Raise Conflict (`in_use`) when something still depends on the thing."""
    count = rows.count()
    if count:
        raise Conflict(
            f"the {thing} is still in use by {count} {by}",
            code="in_use",
            remedy=remedy or f"remove these {by} first",
        )


def given(**members: Any) -> list[str]:
    """Name the members that are to change (None leaves as it is), as the audit row of a change tells them."""
    return sorted(name for name, value in members.items() if value is not None)
