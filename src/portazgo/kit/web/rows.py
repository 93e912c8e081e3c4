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
        raise NotFound(
            f"there is no {_called(thing)} {' '.join(str(value) for value in by.values())}", code=f"{thing}_unknown"
        )
    return row


def refuse_taken(rows: QuerySet[Row], thing: str, name: str, *, remedy: str = "choose another name") -> None:
    """Raise Conflict (`name_taken`) when one of the rows has this name; the table's unique key settles races."""
    if rows.filter(name=name).exists():
        called = _called(thing)
        article = "an" if called[0].lower() in "aeiou" else "a"
        raise Conflict(f"there is already {article} {called} named {name!r}", code="name_taken", remedy=remedy)


def refuse_in_use(rows: QuerySet[Row], thing: str, by: str, *, remedy: str | None = None) -> None:
    """Raise Conflict (`in_use`) when something still depends on the thing. `by` says what, in the plural."""
    count = rows.count()
    if not count:
        return
    users, these = (by, "these") if count > 1 else (by.removesuffix("s"), "this")
    raise Conflict(
        f"the {_called(thing)} is still in use by {count} {users}{_names(rows)}",
        code="in_use",
        remedy=remedy or f"remove {these} {users} first",
    )


def _names(rows: QuerySet[Row]) -> str:
    """Name the first of what has names, as the end of a sentence."""
    if all(field.name != "name" for field in rows.model._meta.fields):  # noqa: SLF001 - Django's way to ask
        return ""
    names = list(rows.order_by("name").values_list("name", flat=True)[: _NAMED_AT_MOST + 1])
    more = ", …" if len(names) > _NAMED_AT_MOST else ""
    return f": {', '.join(names[:_NAMED_AT_MOST])}{more}"


_NAMED_AT_MOST = 5


def _called(thing: str) -> str:
    """Say what a person calls the thing, of which the codes of errors are made."""
    return "API" if thing == "api" else thing.replace("_", " ")


def given(**members: Any) -> list[str]:
    """Name the members that are to change (None leaves as it is), as the audit row of a change tells them."""
    return sorted(name for name, value in members.items() if value is not None)
