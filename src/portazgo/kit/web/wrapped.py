"""Columns that hold wrapped texts. Who makes one says here all that moving it to another provider takes (ADR 34)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.db.models import Model


class WrappedField(models.TextField):  # type: ignore[type-arg]  # takes no argument when it runs
    """A text that a KeyWrapper sealed; to the database a text like any other.

    `context` is what the text is bound to, with columns of its row in braces: `inner/{key_id}`. `kind` is the kind of
    resource that nodes get it in, whose id is the row's primary key; empty: it never leaves the control plane.
    """

    def __init__(self, *args: Any, context: str = "", kind: str = "", **options: Any) -> None:
        self.context = context
        self.kind = kind
        super().__init__(*args, **options)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """Describe the column for migrations: what it is bound to is not the database's business."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.TextField", arguments, options

    def context_of(self, row: Model) -> str:
        """Give what the text of this row is bound to."""
        columns = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}  # noqa: SLF001 - Django's own name for it
        return self.context.format(**columns)


def wrapped_fields() -> Iterator[WrappedField]:
    """Find every column that holds wrapped texts, those that nodes read first: where there is trouble, it shows there."""
    found = [
        field
        for model in apps.get_models()
        for field in model._meta.concrete_fields  # noqa: SLF001 - Django's own name for it
        if isinstance(field, WrappedField)
    ]
    return iter(sorted(found, key=lambda field: (not field.kind, field.model._meta.db_table, field.name)))  # noqa: SLF001 - likewise
